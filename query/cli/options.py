"""What the three query commands share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from indexer.cli.common import library_option, load_encoder, open_library, say

if TYPE_CHECKING:
    from query.ranking import Hit
    from query.search import Ask, Searcher
    from query.tables import Format

F = TypeVar("F", bound=Callable[..., Any])


class Range(click.FloatRange):
    """Numbers from `min` to `max`; click takes NaN for one of them."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


_OPTIONS = [
    library_option,
    click.option("-k", "k", type=click.IntRange(1), default=10, show_default=True,
                 help="How many sounds."),
    click.option("--license", "licences", multiple=True, metavar="NAME",
                 help="Only these licences: cc0, by, by-nc, … or SPDX ids; repeat or use commas."),
    click.option("--min-duration", type=Range(0), metavar="S", help="Seconds at least."),
    click.option("--max-duration", type=Range(0), metavar="S", help="Seconds at most."),
    click.option("--tag", "tags", multiple=True, help="Only sounds with this tag; repeatable."),
    click.option("--source", "sources", multiple=True, help="Only this kind of source or root."),
    click.option("--pack", "packs", multiple=True, help="Only this pack; repeatable."),
    click.option("--all-takes", is_flag=True, help="Every take, not one for each recording."),
    click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
                 show_default=True, help="json: one object a line."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]),
                 help="For the model."),
]  # fmt: skip

metadata_weight_option: Callable[[F], F] = click.option(
    "--metadata-weight", type=Range(0, 1), metavar="W",
    help="w in score = (1-w) heard + w written.  [default: the model's own]",
)  # fmt: skip


def epilog(argument: str) -> str:
    return f"{argument} as - answers each line of stdin with a line of JSON."


def query_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked(options: dict[str, Any]) -> Ask:
    """The options above as an Ask."""
    from indexer.catalog.filters import Filters
    from indexer.credits import SHORT_LICENCES, known
    from indexer.errors import CreditsError
    from query.search import Ask

    licences = [part.strip() for text in options["licences"] for part in text.split(",")]
    for name in licences:
        if name.lower() not in SHORT_LICENCES and not known(name):
            raise CreditsError("A sound of unknown licence matches no --license.")
    return Ask(
        k=options["k"],
        filters=Filters(
            licences=tuple(filter(None, licences)),
            min_duration=options["min_duration"],
            max_duration=options["max_duration"],
            tags=options["tags"],
            sources=options["sources"],
            packs=options["packs"],
        ),
        metadata_weight=options.get("metadata_weight"),
        all_takes=options["all_takes"],
    )


@contextmanager
def searcher(folder: Path | None, device: str | None, *, model: bool = True) -> Iterator[Searcher]:
    """The library with the encoder it was built with; without `model`, for exact words only."""
    from query.search import Searcher

    with open_library(folder) as library:
        encoder = load_encoder(library.config.encoder, device) if model else None
        yield Searcher(library, encoder)
        if encoder and encoder.caveat:
            say(encoder.caveat)


def answer(question: str, find: Callable[[str], list[Hit]], form: Format) -> None:
    """Answers one question, or, for "-", each line of stdin with a line of JSON.

    A line that cannot be answered is answered with its error, and the next is read; the exit
    code is then 3.
    """
    import json

    from indexer.errors import SonorizeError
    from query import tables

    if question != "-":
        tables.show(find(question), form)
        return
    failed = 0
    for ended in sys.stdin:
        line = ended.rstrip("\r\n")
        try:
            print(tables.answer_to_json(line, find(line)), flush=True)
        except SonorizeError as error:
            print(json.dumps({"question": line, "error": str(error)}), flush=True)
            failed += 1
    if failed:
        raise click.exceptions.Exit(3)
