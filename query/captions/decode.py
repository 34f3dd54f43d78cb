"""A caption from next-token scores: beam search, and drawing with top-k, top-p and temperature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from query.captions.protocol import Decoding

    Step = Callable[[torch.Tensor], torch.Tensor]


def decode(step: Step, begin: int, end: int, how: Decoding) -> list[list[int]]:
    """`how.count` captions as token ids, without `begin` and `end`; of a search the best first.

    step   (n, t) ids so far -> (n, vocabulary) scores of the next token before softmax
    """
    chosen = (beam if how.method == "beam" else sample)(step, begin, end, how)
    return [row[: row.index(end)] if end in row else row for row in chosen]


def sample(step: Step, begin: int, end: int, how: Decoding) -> list[list[int]]:
    """Drawn one token after the other, from a generator of its own."""
    import torch

    random = torch.Generator().manual_seed(how.seed)
    ids = torch.full((how.count, 1), begin)
    ended = torch.zeros(how.count, dtype=torch.bool)
    for length in range(how.longest):
        scores = _allowed(step(ids), end, length, how) / how.temperature
        shares = torch.softmax(_likeliest(scores, how), dim=-1)
        drawn = torch.multinomial(shares, 1, generator=random)[:, 0]
        drawn = torch.where(ended, torch.full_like(drawn, end), drawn)
        ids = torch.cat([ids, drawn[:, None]], dim=1)
        ended |= drawn == end
        if ended.all():
            break
    return ids[:, 1:].tolist()


def beam(step: Step, begin: int, end: int, how: Decoding) -> list[list[int]]:
    """The likeliest by their mean log probability a token, as far as the beams see.

    The search ends as soon as there are as many whole captions as beams.
    """
    import torch

    width = max(how.beams, how.count)
    ids, totals = torch.full((1, 1), begin), torch.zeros(1)
    done: list[tuple[float, list[int]]] = []
    for length in range(how.longest):
        scores = torch.log_softmax(_allowed(step(ids), end, length, how), dim=-1)
        sums = (totals[:, None] + scores).flatten()
        best = torch.topk(sums, min(2 * width, len(sums)))
        kept: list[tuple[int, int, float]] = []
        for rank, (total, at) in enumerate(zip(*map(torch.Tensor.tolist, best), strict=True)):
            row, token = divmod(at, scores.shape[1])
            if token == end and rank < width:
                done.append((total / (length + 1), ids[row, 1:].tolist()))
            elif token != end and len(kept) < width:
                kept.append((row, token, total))
        if len(done) >= width:
            break
        rows, tokens, totals_kept = zip(*kept, strict=True)
        ids = torch.cat([ids[list(rows)], torch.tensor(tokens)[:, None]], dim=1)
        totals = torch.tensor(totals_kept)
    else:
        length = ids.shape[1] - 1
        done += [
            (t / length, row[1:]) for t, row in zip(totals.tolist(), ids.tolist(), strict=True)
        ]
    done.sort(key=lambda pair: -pair[0])
    return [row for _, row in done[: how.count]]


def _allowed(scores: torch.Tensor, end: int, length: int, how: Decoding) -> torch.Tensor:
    """On the CPU in float32, with no end before the shortest caption."""
    scores = scores.float().cpu().clone()
    if length < how.shortest:
        scores[:, end] = -float("inf")
    return scores


def _likeliest(scores: torch.Tensor, how: Decoding) -> torch.Tensor:
    """The scores that top-k and then top-p leave, the others at minus infinity."""
    import torch

    if how.top_k:
        least = torch.topk(scores, min(how.top_k, scores.shape[1])).values[:, -1:]
        scores = scores.masked_fill(scores < least, -float("inf"))
    ordered, places = torch.sort(scores, dim=-1, descending=True)
    shares = torch.softmax(ordered, dim=-1)
    over = shares.cumsum(dim=-1) - shares >= how.top_p  # the first that reaches it is still in
    over[:, 0] = False
    return scores.masked_fill(over.gather(1, places.argsort(dim=-1)), -float("inf"))
