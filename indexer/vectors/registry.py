"""Which kinds of index are here, and how to get one."""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from indexer.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.vectors.rows import SortedRows

MILVUS = "milvus:"  # begins a kind that names where Milvus is: milvus:http://HOST:19530
FAISS_PACKAGES = ("faiss-cpu", "faiss-gpu")


def available() -> tuple[str, ...]:
    """The kinds that `create` makes here, the judge first; imports none of them."""
    spec = find_spec("faiss")
    # An origin: pip may leave an empty folder of that name behind, which imports too.
    return ("exact", "faiss", "approximate") if spec and spec.origin else ("exact",)


def default() -> str:
    """`faiss` where it is installed, but `exact` on macOS.

    There torch and faiss each load an OpenMP of their own, and the process ends when both run.
    """
    return "faiss" if "faiss" in available() and sys.platform != "darwin" else "exact"


def ending(kind: str) -> str:
    """Of its files' names: those of one ending are alike."""
    return {"auto": default(), "approximate": "faiss"}.get(kind, kind)


def require(kind: str) -> None:
    """Raises LibraryError for a kind that is not here, or a Milvus that is nowhere."""
    place = kind.removeprefix(MILVUS)
    if kind.startswith(MILVUS):
        if "://" not in place and not place.endswith(".db"):
            raise LibraryError(
                f"{kind} names no Milvus: write {MILVUS}http://HOST:19530 for a server, or "
                f"{MILVUS}NAME.db for a file."
            )
    elif kind != "auto":
        _class(kind)


def create(kind: str, dim: int) -> SortedRows:
    """An empty index; raises LibraryError for a kind that is not here or cannot run.

    `auto` is `approximate` for a large library and exact for any other.
    """
    return _class(kind)(dim)


def load(kind: str, path: Path) -> SortedRows:
    """The index saved at `path`; raises IndexDamaged, and LibraryError as `create` does."""
    return _class(kind).load(path)


def two_faiss_packages() -> bool:
    """Whether faiss-cpu and faiss-gpu are both installed: they overwrite each other's files."""
    return all(_installed(name) for name in FAISS_PACKAGES)


def _class(kind: str) -> type[SortedRows]:
    if kind == "exact" or (kind == "auto" and default() == "exact"):
        from indexer.vectors.quick import QuickIndex

        return QuickIndex
    if kind in ("auto", "faiss", "approximate"):
        return _faiss_class(kind)
    kinds = ", ".join(("auto", *available(), f"{MILVUS}ADDRESS", f"{MILVUS}FILE.db"))
    raise LibraryError(f"{kind!r} is no kind of index; choose one of: {kinds}.")


def _faiss_class(kind: str) -> type[SortedRows]:
    if two_faiss_packages():
        raise LibraryError(
            "faiss-cpu and faiss-gpu are both installed and break each other; run "
            "`pip uninstall faiss-cpu faiss-gpu`, then install the one you want"
        )
    try:
        from indexer.vectors.approximate import ApproximateIndex, AutoIndex
        from indexer.vectors.faiss_index import FaissIndex
    except ImportError as error:
        raise LibraryError(
            f"faiss cannot be imported ({error}); install `sonorize[cpu]` or use the exact index"
        ) from error
    return {"auto": AutoIndex, "approximate": ApproximateIndex, "faiss": FaissIndex}[kind]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
