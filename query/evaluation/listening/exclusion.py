"""Whose ratings do not count, by rules that were fixed before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from query.evaluation.listening.rules import Rules
from query.evaluation.listening.store import Session
from query.evaluation.ratings import ANCHOR, REFERENCE, REPEAT, Rating


def judge(sessions: Iterable[Session], rules: Rules) -> dict[str, str]:
    """Rater → why they do not count. What was not asked of someone is not held against them;
    the headphone check is asked of everyone."""
    reasons = {session.rater: _reason(session, rules) for session in sessions}
    return {rater: reason for rater, reason in reasons.items() if reason}


def counted(sessions: Sequence[Session], rules: Rules) -> list[Rating]:
    """All ratings of those who count."""
    out = judge(sessions, rules)
    return [each for session in sessions if session.rater not in out for each in session.ratings]


def _reason(session: Session, rules: Rules) -> str:
    if (session.headphones or 0) < rules.headphones:
        return f"headphone check: {session.headphones or 0} right"
    apart = _own_difference(session.ratings)
    if apart > rules.repeat_difference:
        return f"repeats: {apart:.2f} points from their own first rating"
    above = _mean(session.ratings, REFERENCE) - _mean(session.ratings, ANCHOR)
    if above < rules.reference_above_anchor:
        return f"references rated {above:.2f} points over anchors"
    return ""


def _own_difference(ratings: Sequence[Rating]) -> float:
    """Mean distance of repeats from the first rating of the same; NaN where there is none."""
    first: dict[tuple[str, str], float] = {}
    apart = []
    for rating in ratings:
        if rating.kind != REPEAT:
            first.setdefault(rating.pair, rating.fit)
        elif rating.pair in first:
            apart.append(abs(rating.fit - first[rating.pair]))
    return float(np.mean(apart)) if apart else float("nan")


def _mean(ratings: Sequence[Rating], kind: str) -> float:
    known = [rating.fit for rating in ratings if rating.kind == kind]
    return float(np.mean(known)) if known else float("nan")
