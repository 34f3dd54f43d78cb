"""What was measured of an approximate index, and the file that keeps both.

In the file: faiss's bytes · what is known of them, JSON, and its length, uint32 · CRC-32, uint32.
The sum is checked before faiss, which can end the process on a damaged file, is given it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from indexer.errors import IndexDamaged
from indexer.vectors.files import read_checked, write_aside

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Known:
    """Of cells that were made: what a library's report says, and what a search needs.

    rows     how many there were then
    scored   how many rows are scored again for each question, besides some for each result
    probed   of `cells` cells, how many a question looks at; 0: exact search is better here
    recall   of the ten best rows, the share that is found: the mean over the questions of a kind,
             by kind; measured on other questions than those that chose `probed`
    put      how many rows came since, or took the place of others: of them nothing was measured
    """

    rows: int
    cells: int
    scored: int
    probed: int
    recall: dict[str, float]
    put: int = 0

    def said(self) -> str:
        """As a sentence ends that begins "Search is"."""
        kind, recall = min(self.recall.items(), key=lambda each: each[1])
        told = f"of the ten nearest, {recall:.1%} are found (questions that are {kind})"
        if not self.probed:
            return f"exact, since an approximate one finds too little: {told}"
        return f"approximate: {told}, looking at {self.probed:,} of {self.cells:,} cells"


def write(path: Path, found: NDArray[np.uint8], known: Known, ids: int) -> None:
    """`found`: faiss's bytes; `ids`: a sum of the ids of the rows that they are of."""
    said = json.dumps({**asdict(known), "ids": ids}).encode()
    write_aside(path, [found.data, said, LENGTH.pack(len(said))])


def read(path: Path) -> tuple[NDArray[np.uint8], Known, int]:
    """What was written, mapped. Raises IndexDamaged."""
    payload = read_checked(path)
    end = len(payload) - LENGTH.size
    try:
        begin = end - LENGTH.unpack(payload[end:].data)[0]
        said = json.loads(payload[begin:end].tobytes())
        ids = said.pop("ids")
        return payload[:begin], Known(**said), ids
    except (struct.error, ValueError, TypeError, KeyError) as error:
        raise IndexDamaged(f"{path} holds no cells of this version; they are made anew") from error


def known_of(path: Path) -> Known | None:
    """None if there is no file that can be read."""
    try:
        return read(path)[1]
    except IndexDamaged:
        return None
