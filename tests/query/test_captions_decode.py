"""Beam search and drawing, against what a model small enough to write down can say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from query.captions.decode import beam, decode, sample
from query.captions.protocol import Decoding

BEGIN, END, WORDS = 0, 1, 5  # tokens 2, 3, 4 are words


def step(ids: torch.Tensor) -> torch.Tensor:
    """Scores that depend on all that was said before."""
    rows = [np.random.default_rng([11, *row]).normal(0, 2, WORDS) for row in ids.tolist()]
    scores = torch.tensor(np.array(rows), dtype=torch.float32)
    scores[:, BEGIN] = -float("inf")
    return scores


def chances(ids: list[int]) -> list[float]:
    """Log probability of each token of a caption; its end is one of them."""
    return [
        float(torch.log_softmax(step(torch.tensor([[BEGIN, *ids[:at]]])), -1)[0, ids[at]])
        for at in range(len(ids))
    ]


def every(longest: int) -> list[list[int]]:
    """All that can be said in so many tokens: ended, or cut off."""
    words = range(2, WORDS)
    ended = [[*said, END] for n in range(longest) for said in itertools.product(words, repeat=n)]
    return ended + [list(said) for said in itertools.product(words, repeat=longest)]


def test_beams_that_see_all_find_the_likeliest() -> None:
    how = Decoding(3, "beam", beams=200, shortest=0, longest=3)
    ranked = sorted(every(3), key=lambda ids: -np.mean(chances(ids)))
    wanted = [[token for token in ids if token != END] for ids in ranked[:3]]
    assert decode(step, BEGIN, END, how) == wanted


def test_one_beam_and_top_1_take_the_likeliest_next_token() -> None:
    greedy: list[int] = []
    while len(greedy) < 6 and END not in greedy:
        greedy.append(int(step(torch.tensor([[BEGIN, *greedy]])).argmax()))
    wanted = [token for token in greedy if token != END]
    for method in ("beam", "sample"):
        how = Decoding(1, method, beams=1, top_k=1, shortest=0, longest=6)
        assert decode(step, BEGIN, END, how) == [wanted]


def test_captions_of_a_search_are_different_and_ordered() -> None:
    found = beam(step, BEGIN, END, Decoding(6, "beam", beams=2, shortest=0, longest=5))
    assert len(found) == 6 == len({tuple(row) for row in found})


def test_a_seed_says_what_is_drawn() -> None:
    drawn = [sample(step, BEGIN, END, Decoding(8, seed=seed)) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({tuple(row) for row in drawn[0]}) > 1


@pytest.mark.parametrize(("method", "beams"), [("beam", 4), ("sample", 1)])
def test_no_caption_is_shorter_or_longer_than_asked(method: str, beams: int) -> None:
    how = Decoding(20, method, beams=beams, shortest=3, longest=4)  # type: ignore[arg-type]
    assert {len(row) for row in decode(step, BEGIN, END, how)} <= {3, 4}


def shares(how: Decoding) -> dict[int, float]:
    """How often each word comes first in 1,000 draws."""
    from dataclasses import replace

    rows = sample(step, BEGIN, END, replace(how, count=1000, shortest=1, longest=1))
    return {token: sum(row == [token] for row in rows) / 1000 for token in range(2, WORDS)}


def expected(temperature: float = 1.0) -> dict[int, float]:
    scores = step(torch.tensor([[BEGIN]]))[0]
    scores[END] = -float("inf")
    told = torch.softmax(scores / temperature, -1)
    return {token: float(told[token]) for token in range(2, WORDS)}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_drawing_follows_the_chances(temperature: float) -> None:
    found = shares(Decoding(top_k=0, top_p=1.0, temperature=temperature))
    wanted = expected(temperature)
    for token, share in wanted.items():
        assert abs(found[token] - share) < 4 * math.sqrt(share * (1 - share) / 1000) + 1e-9


def test_top_k_and_top_p_leave_the_likeliest() -> None:
    wanted = expected()
    order = sorted(wanted, key=lambda token: -wanted[token])
    assert [t for t in order if shares(Decoding(top_k=2, top_p=1.0))[t]] == order[:2]
    just = wanted[order[0]]
    assert [t for t in order if shares(Decoding(top_k=0, top_p=just - 0.01))[t]] == order[:1]
    assert [t for t in order if shares(Decoding(top_k=0, top_p=just + 0.01))[t]] == order[:2]
