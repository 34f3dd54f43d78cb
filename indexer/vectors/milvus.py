"""Rows in Milvus: a server, a cluster, or a file that milvus-lite reads; exact all the same.

Its FLAT index names candidates with float32 products; they are scored again here in float64, with
the margin of `rows.py`, so that answers are those of the judge. What the index is complete to
lies beside the rows (`state`, `mark`), since many processes share them.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from indexer.errors import LibraryAway, LibraryError
from indexer.vectors.exact import ExactIndex
from indexer.vectors.files import write_rows
from indexer.vectors.protocol import Neighbors
from indexer.vectors.rows import checked, longest, margins, matrix, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from indexer.vectors.rows import Ids, Rows

TOKEN = "SONORIZE_MILVUS_TOKEN"  # the variable that holds USER:PASSWORD or a key
SPARE = 16  # results fetched beyond the k-th: ties and near-ties seldom reach further
MOST = 16_384  # results that Milvus gives for one query
NAMED = 10_000  # ids in one condition
PORTION = 1 << 23  # bytes of vectors in one message; servers take 64 MB
FRESHNESS = "Strong"  # an answer sees every write that was acknowledged before it was asked


class MilvusIndex:
    """A VectorIndex in the collection `name` at `uri`; made if it is not there."""

    def __init__(self, uri: str, name: str, dim: int) -> None:
        self._name, self._dim = name, dim
        self._portion = max(1, PORTION // (4 * dim))
        self._client: Any = _Spoken(uri)
        self._marks = _marks(name)
        self._make(self._marks, 2, state=True)
        self._make(name, dim)
        self._longest = float(self.state().get("longest", 0.0))

    @property
    def dim(self) -> int:
        return self._dim

    def __len__(self) -> int:
        told = self._query("id > 0", ["count(*)"])
        return int(told[0]["count(*)"]) if told else 0

    def ids(self) -> Ids:
        parts = [np.array([row["id"] for row in rows], np.int64) for rows in self._each(["id"])]
        return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

    def add(self, ids: Ids, vectors: Rows) -> None:
        ids, vectors = checked(ids, vectors, self._dim)
        if (length := longest(vectors)) > self._longest:
            self._longest = length
            self.mark(self.state())  # before the rows: a margin may be too wide, never too narrow
        for at in range(0, len(ids), self._portion):
            end = at + self._portion
            rows = zip(ids[at:end].tolist(), vectors[at:end], strict=True)
            data = [{"id": key, "vector": row} for key, row in rows]
            self._client.upsert(self._name, data)

    def remove(self, ids: Ids) -> int:
        gone = [key for part in _named(ids) for key in self._present(part)]
        self._delete(gone)
        return len(gone)

    def search(self, queries: Rows, k: int, allowed: Ids | None = None) -> Neighbors:
        queries = matrix(queries, self._dim, "queries")
        if k < 0:
            raise ValueError(f"k is {k}; it must not be negative")
        found = [self._one(query, k, allowed) for query in queries] if k else []
        # A question of no queries has a width too.
        m = len(found[0][1]) if found else min(k, self._count(allowed))
        return Neighbors(
            np.array([scores for scores, _ in found], np.float32).reshape(len(queries), m),
            np.array([ids for _, ids in found], np.int64).reshape(len(queries), m),
        )

    def note(self) -> str:
        return ""

    def save(self, path: Path) -> None:
        """A copy of all rows, as the other kinds write it."""
        ids, rows = self._all()
        write_rows(path, ids, rows, self._longest)

    def state(self) -> dict[str, Any]:
        """What `mark` was given last, and `longest`; {} in a new collection."""
        held = self._client.get(self._marks, ids=[1], consistency_level=FRESHNESS)
        return dict(json.loads(held[0]["state"])) if held else {}

    def mark(self, state: dict[str, Any]) -> None:
        said = json.dumps({**state, "longest": self._longest})
        self._client.upsert(self._marks, [{"id": 1, "vector": [1.0, 0.0], "state": said}])

    def clear(self) -> None:
        """Takes all rows and the state out."""
        # By id: what a condition deletes, a server may go on to show for a moment.
        self._client.delete(self._marks, ids=[1])
        self._delete(self.ids().tolist())
        self._longest = 0.0

    def close(self) -> None:
        self._client.close()

    def _make(self, name: str, dim: int, *, state: bool = False) -> None:
        if self._client.has_collection(name):
            self._client.load_collection(name)
            return
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        if state:
            schema.add_field("state", DataType.VARCHAR, max_length=4096)
        flat = self._client.prepare_index_params()
        flat.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection(name, schema=schema)
        self._client.create_index(name, flat, sync=False)  # there is nothing to wait for yet
        self._client.load_collection(name)

    def _delete(self, ids: list[int]) -> None:
        for at in range(0, len(ids), NAMED):
            self._client.delete(self._name, ids=ids[at : at + NAMED])

    def _count(self, allowed: Ids | None) -> int:
        if allowed is None:
            return len(self)
        return sum(len(self._present(part)) for part in _named(allowed))

    def _one(self, query: Rows, k: int, allowed: Ids | None) -> tuple[Rows, Ids]:
        """(m,) scores and ids of the k best rows, of those allowed."""
        parts = [""] if allowed is None else [_among(part) for part in _named(allowed)]
        ids: list[int] = []
        rows: list[Any] = []
        for condition in parts:
            near = self._near(query, k, condition)
            if near is None:  # more rows are as near than Milvus can name
                return self._here(query, k, allowed)
            ids += [hit["id"] for hit in near]
            rows += [hit["entity"]["vector"] for hit in near]
        keys = np.array(ids, np.int64)
        scores = score(np.array(rows, np.float32).reshape(-1, self._dim), query)
        order = np.lexsort((keys, -scores))[:k]
        return scores[order], keys[order]

    def _near(self, query: Rows, k: int, condition: str) -> list[Any] | None:
        """At least the k best rows that fulfil a condition; None if that cannot be known."""
        margin = float(margins(query[None], self._dim, self._longest)[0])
        limit = min(k + SPARE, MOST)
        while True:
            found = self._client.search(
                self._name, [query], limit=limit, filter=condition, output_fields=["vector"],
                consistency_level=FRESHNESS,
            )  # fmt: skip
            near = list(found[0]) if found else []
            if len(near) < limit:
                return near
            if k <= limit and near[-1]["distance"] < near[k - 1]["distance"] - margin:
                return near
            if limit == MOST:
                return None
            limit = min(4 * limit, MOST)

    def _here(self, query: Rows, k: int, allowed: Ids | None) -> tuple[Rows, Ids]:
        judge = ExactIndex(self._dim)
        judge.add(*self._all())
        found = judge.search(query[None], k, allowed)
        return found.scores[0], found.ids[0]

    def _all(self) -> tuple[Ids, Rows]:
        ids, rows = np.empty(0, np.int64), np.empty((0, self._dim), np.float32)
        for portion in self._each(["id", "vector"]):
            ids = np.append(ids, [row["id"] for row in portion])
            rows = np.concatenate([rows, np.array([r["vector"] for r in portion], np.float32)])
        order = np.argsort(ids)
        return ids[order], rows[order]

    def _each(self, fields: list[str]) -> Iterator[list[Any]]:
        """All rows, in portions by ascending id."""
        last = 0
        while rows := self._query(f"id > {last}", fields, min(self._portion, MOST)):
            last = max(row["id"] for row in rows)
            yield rows

    def _present(self, ids: list[int]) -> list[int]:
        return [row["id"] for row in self._query(_among(ids), ["id"])]

    def _query(self, condition: str, fields: list[str], limit: int | None = None) -> list[Any]:
        more = {} if limit is None else {"limit": limit}
        found = self._client.query(
            self._name, filter=condition, output_fields=fields,
            consistency_level=FRESHNESS, **more,
        )  # fmt: skip
        return list(found)


def forget(uri: str, names: Iterable[str]) -> None:
    """Takes away these collections, whether they are there and can be read or not."""
    client: Any = _Spoken(uri)
    for name in names:
        for each in (name, _marks(name)):  # to list them, Milvus would have to read them
            with suppress(LibraryError):
                client.drop_collection(each)
    client.close()


def _marks(name: str) -> str:
    return f"{name}_state"


def _named(ids: NDArray[np.int64]) -> Iterator[list[int]]:
    each = np.unique(np.asarray(ids, np.int64)).tolist()
    yield from (each[at : at + NAMED] for at in range(0, len(each), NAMED))


def _among(ids: list[int]) -> str:
    return f"id in {ids}"


class _Spoken:
    """A MilvusClient whose errors are said in words."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        if "@" in urlsplit(uri).netloc:  # it would be kept in library.toml
            raise LibraryError(
                f"An address of Milvus holds no name and no password: give them in {TOKEN}, as "
                "USER:PASSWORD."
            )
        with _in_words(uri, opening=True):
            from pymilvus import MilvusClient

            # They log what they raise, with a traceback.
            for name in ("pymilvus", "pymilvus.milvus_client", "milvus_lite"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            self._client = MilvusClient(uri, token=os.environ.get(TOKEN, ""))

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def spoken(*arguments: Any, **named: Any) -> Any:
            with _in_words(self._uri):
                return call(*arguments, **named)

        return spoken


@contextmanager
def _in_words(uri: str, *, opening: bool = False) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise LibraryError(
            f"Milvus is spoken to by pymilvus, which is not here ({error}): install "
            "`sonorize[milvus]`, or choose another index."
        ) from error
    except Exception as error:
        if not type(error).__module__.startswith(("pymilvus", "milvus_lite", "grpc")):
            raise
        reason = str(getattr(error, "message", error)).partition("\n")[0].rstrip(".")
        if "://" in uri:
            raise LibraryAway(
                f"Milvus at {uri} does not answer ({reason}): try again when it runs."
            ) from error
        raise LibraryError(
            f"{uri} cannot be opened ({reason}): one process at a time may, so close the other; if "
            "there is none, move it away, and `sonorize library rebuild` makes it again."
            if opening
            else f"the index {uri} cannot be used: {reason}; `sonorize library rebuild` makes it "
            "again from the catalog"
        ) from error
