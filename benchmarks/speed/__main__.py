"""Speed as ratios to what this machine can do: `./dev bench`.

    ./dev bench --quick                    under two minutes
    ./dev bench --only search --format json
    ./dev bench > table.md                 10,000 to 1,000,000: an hour or more, 16 GB

Times are medians of jobs that are taken in turn, the machine's own ceilings and other libraries
among them, so that a ratio holds even while others use the machine.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import HEAD, Figure, medians

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("search", "approximate", "catalog", "indexing", "start")
SIZES = (10_000, 100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, under two minutes")
    parser.add_argument("--only", choices=PARTS, action="append", help="repeatable")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    asked = parser.parse_args()
    if asked.format == "table":
        print(HEAD, flush=True)
    for part in asked.only or PARTS:
        for figure in figures(part, asked.quick):
            print(figure.line() if asked.format == "json" else figure.row(), flush=True)


def figures(part: str, quick: bool) -> Iterator[Figure]:
    rounds = 3 if quick else 5
    if part == "search":
        import search

        yield from search.figures(SIZES[:1] if quick else SIZES, rounds)
    elif part == "approximate":
        import approximate

        yield from approximate.figures((20_000,) if quick else SIZES, rounds)
    elif part == "catalog":
        yield from catalogs(SIZES[:1] if quick else SIZES, rounds)
    elif part == "indexing":
        import indexing

        yield from indexing.figures(12 if quick else 300, 1 if quick else 3)
    else:
        import start

        yield from start.figures(1 if quick else rounds)


def catalogs(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """No ceiling: what is a lookup should take as long at every size."""
    import catalog

    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            made = catalog.make(Path(folder) / "catalog.sqlite3", n)
            for kind, jobs in (
                ("lookup", catalog.questions(made, n)),
                ("of all", catalog.growing(made, n)),
            ):
                for name, job in jobs.items():
                    yield Figure(f"{kind}: {name}", n, medians({name: job}, rounds)[name])
            made.close()


if __name__ == "__main__":
    main()
