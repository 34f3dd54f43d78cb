"""Which sounds fit shots: well enough at all, to lie under them, or to be heard once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from query.scene.asked import mean
from query.scene.candidates import LONG, STEADY, Candidate, candidates
from query.scene.floor import standing

if TYPE_CHECKING:
    from indexer.encoders.protocol import Vectors
    from query.ask import Ask
    from query.scene.asked import Asked
    from query.scene.floor import Floor
    from query.search import Searcher

DEEP = 50  # hits that are looked at for a shot
AWAY = 0.25
"""Of its standing: less is left of a sound that the words to go away from are meant for. By trial
of 8 words on 5 photographs: of barks without "dog" .14 and less, of birds without "birds" .19 and
less (but an owl, .36), of all else .31 and more."""
WIDE = 4 * DEEP  # the same with words that it goes away from, which bring others forward
NEAR = 0.9  # of the best standing: as good as the best


def fitting(
    shots: Sequence[Asked], searcher: Searcher, ask: Ask, floor: Floor, *, beds: bool = False
) -> list[Candidate]:
    """What fits what these shots want well enough, and not what they go away from, best first.

    beds   only what is long enough to lie under them
    """
    ask = replace(ask, k=DEEP, cut=False)
    if beds:  # nothing shorter is steady; many a short sound may fit better
        shortest = max(STEADY * LONG, ask.filters.min_duration or 0.0)
        ask = replace(ask, filters=replace(ask.filters, min_duration=shortest))
    wanted = mean([shot.wanted for shot in shots])
    hits = searcher.by_vectors(wanted, ask)
    found = candidates(searcher, hits, floor, searcher.background(wanted, ask))
    if all(shot.question is shot.wanted for shot in shots):
        return found
    return _not_away(found, mean([shot.question for shot in shots]), searcher, ask)


def _not_away(
    found: list[Candidate], question: Vectors, searcher: Searcher, ask: Ask
) -> list[Candidate]:
    """Those that keep enough of their standing, by what is left of it.

    Whether one fits at all is judged without that: to go away from birds makes no dog unlikely.
    """
    ask = replace(ask, k=WIDE, all_takes=True)
    hits = searcher.by_vectors(question, ask)
    background = searcher.background(question, ask)
    left = {hit.path: standing(hit.score, background) for hit in hits}
    kept = [
        replace(each, stands=left[each.clip.path])
        for each in found
        if left.get(each.clip.path, 0.0) > AWAY * each.stands
    ]
    return sorted(kept, key=lambda each: -each.stands)


def beds_of(found: Sequence[Candidate], longest: float) -> list[Candidate]:
    """Those that can lie under a span of so many seconds: of the nearest the steadiest and longest
    first."""
    steady = [each for each in found if each.steady >= STEADY]
    border = _near(steady)

    def order(each: Candidate) -> tuple[bool, float]:
        near = each.stands >= border
        fits = each.steady * min(1.0, each.clip.duration / longest)
        return not near, -fits if near else -each.stands

    return sorted(steady, key=order)


def spots_of(found: Sequence[Candidate], used: Collection[str]) -> list[Candidate]:
    """Sounds that begin, none if none is near the best hit of all: of the near ones first
    those whose identity is not `used` yet, then those with a clear onset, then the best."""
    border = _near(found)

    def order(each: Candidate) -> tuple[bool, bool, bool, float]:
        if each.stands < border:
            return True, False, False, -each.stands
        return False, each.clip.identity in used, not each.clear, -each.stands

    spots = sorted((each for each in found if each.steady < STEADY), key=order)
    return spots if spots and spots[0].stands >= border else []


def _near(found: Sequence[Candidate]) -> float:
    """The standing from which on a hit is as good as the best of these."""
    return NEAR * max((each.stands for each in found), default=0.0)
