"""What is still to be heard: read as it is come to, so that memory does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from indexer.catalog.answers import Todo
from indexer.catalog.models import File, Sound
from indexer.catalog.session import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Engine

PAGE = 1_000  # rows in memory
PACKED = 10_000  # rows of numbers read before they are packed


class Todos:
    """Sounds in one of these states with a present file in these roots, in path order.

    Each once, by the file that comes first. 16 bytes a sound are held; iterate for the rest. Those
    there were when this was made: what is recorded meanwhile does not matter.

    above       only sounds that were recorded after the one with this id
    durations   (n,) seconds, as far as the heads of files say
    last        the highest id among them, `above` if there are none
    """

    def __init__(
        self, engine: Engine, root_ids: Sequence[int], statuses: Sequence[str], above: int = 0
    ) -> None:
        self._engine = engine
        # "+ 0" and "|| ''" keep the files' indexes out of it: few sounds want work, many files lie
        # in a root, and SQLite cannot know.
        here, path = File.root_id + 0, File.relative_path + ""
        query = (
            select(File.id, Sound.id, Sound.duration)
            .join(Sound, Sound.id == File.sound_id)
            .where(here.in_(root_ids), File.state == "present", Sound.status.in_(statuses))
            .order_by(here, path)
        )
        if above:
            query = query.where(Sound.id > above)
        packed = [np.zeros((0, 3))]
        with reading(engine) as connection:
            for rows in connection.execute(query).partitions(PACKED):
                packed.append(np.array([tuple(row) for row in rows], dtype=np.float64))
        found = np.concatenate(packed)  # ids are far below 2**53
        first = np.sort(np.unique(found[:, 1], return_index=True)[1])
        self._file_ids = found[first, 0].astype(np.int64)
        self.durations: NDArray[np.float64] = found[first, 2]
        self.last = int(found[:, 1].max(initial=above))

    def __len__(self) -> int:
        return len(self._file_ids)

    def __iter__(self) -> Iterator[Todo]:
        query = select(
            File.id, File.sound_id, File.root_id, File.relative_path, File.size, Sound.duration
        ).join(Sound, Sound.id == File.sound_id)
        for at in range(0, len(self), PAGE):
            page = self._file_ids[at : at + PAGE].tolist()
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(File.id.in_(page)))
                found = {row[0]: Todo(*row[1:]) for row in rows}
            yield from (found[file_id] for file_id in page if file_id in found)
