"""How a question is to be answered, whatever it asks with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from indexer.catalog.filters import Filters
from query.targets import Steering

if TYPE_CHECKING:
    from indexer.encoders.protocol import Vectors

NO_FILTERS = Filters()
UNSTEERED = Steering()


class Gap(Protocol):
    """What brings pictures nearer to sounds; see Ask.gap."""

    def closed(self, vectors: Vectors) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """How to answer: k hits of the sounds that `filters` lets through.

    metadata_weight   w in 0..1; the encoder's own if None
    all_takes         every take by itself, instead of one for each recording
    cut               move the best moment to usable edit points, which reads the files
    placed            say where each hit's best moment is, which reads its windows
    moments           rank clips by their best window instead of by the whole clip
    steering          words that the question goes toward and away from
    gap               moves the direction of pictures to where the sounds lie
    """

    k: int = 10
    filters: Filters = NO_FILTERS
    metadata_weight: float | None = None
    all_takes: bool = False
    cut: bool = True
    placed: bool = True
    moments: bool = False
    steering: Steering = UNSTEERED
    gap: Gap | None = None
