"""How good each recording is, as it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, delete, exists, insert, select

from indexer.audio.quality import VERSION
from indexer.audio.quality import Quality as Measured
from indexer.catalog.models import Analysis, File, Quality, Root, Sound
from indexer.catalog.session import reading, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine


class Lacking(NamedTuple):
    """A sound that is to be measured, and where it lies."""

    sound_id: int
    content_hash: str
    path: Path


class Told(NamedTuple):
    """What is known of a sound; loudness, true peak and silence are the build's."""

    sound_id: int
    path: str
    clipping: float
    noise_floor: float | None
    bandwidth: float
    offset: float
    loudness: float | None
    true_peak: float | None
    silence: float | None
    faults: str


class Qualities:
    """Reads and writes this table; each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lacking(self) -> list[Lacking]:
        """Heard sounds with a present file that were not measured as they are now."""
        done = exists().where(
            Quality.sound_id == Sound.id, CURRENT, Quality.version == VERSION
        )  # fmt: skip
        query = (
            select(Sound.id, Sound.content_hash, Root.location, File.relative_path)
            .join(File, File.sound_id == Sound.id)
            .join(Root, Root.id == File.root_id)
            .where(Sound.status == "ready", File.state == "present", ~done)
            .order_by(Sound.id, File.root_id, File.relative_path)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        first = {row[0]: row for row in reversed(rows)}
        return [Lacking(i, h or "", Path(at, path)) for i, h, at, path in reversed(first.values())]

    def record(self, measured: Sequence[tuple[Lacking, Measured]]) -> None:
        with writing(self._engine) as connection:
            for sound, found in measured:
                connection.execute(delete(Quality).where(Quality.sound_id == sound.sound_id))
                values = {name: getattr(found, name) for name in _FIGURES}
                connection.execute(
                    insert(Quality).values(
                        sound_id=sound.sound_id, content_hash=sound.content_hash,
                        faults=" ".join(found.faults), **values,
                    )
                )  # fmt: skip

    def told(self) -> list[Told]:
        """Of all sounds that were measured as they are now, in the order of their paths."""
        figures = [getattr(Quality, name) for name in _FIGURES[1:]]
        heard = [Analysis.loudness, Analysis.true_peak, Analysis.silence]
        query = (
            select(Sound.id, File.relative_path, *figures, *heard, Quality.faults)
            .join(Quality, and_(Quality.sound_id == Sound.id, CURRENT))
            .join(File, File.sound_id == Sound.id)
            .outerjoin(Analysis, Analysis.sound_id == Sound.id)
            .order_by(File.relative_path)
        )
        with reading(self._engine) as connection:
            rows = [Told(*row) for row in connection.execute(query)]
        return list({row.sound_id: row for row in reversed(rows)}.values())[::-1]


CURRENT = Quality.content_hash == Sound.content_hash
_FIGURES = ("version", "clipping", "noise_floor", "bandwidth", "offset")
