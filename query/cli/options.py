"""What the three query commands share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from indexer.cli.common import load_encoder, open_library, say
from indexer.errors import QueryError
from query import weighing

if TYPE_CHECKING:
    from query.ask import Ask
    from query.ranking import Hit
    from query.search import Searcher

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


def weighted(value: str) -> tuple[float, str]:
    """See weighing.weighted; what is wrong is wrong use."""
    try:
        return weighing.weighted(value)
    except QueryError as error:
        raise click.BadParameter(str(error)) from error


_LISTED = [
    click.option("-k", "k", type=click.IntRange(1), default=10, show_default=True,
                 help="How many sounds."),
    click.option("--all-takes", is_flag=True, help="Every take, not one for each recording."),
    click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
                 show_default=True, help="json: one object a line."),
]  # fmt: skip

_ASKED = [
    click.option("--library", "library_folders", multiple=True,
                 type=click.Path(path_type=Path, file_okay=False),
                 help="Folder of the library; repeat to ask several as one.  "
                      "[default: SONORIZE_LIBRARY, else your data folder]"),
    click.option("--license", "licences", multiple=True, metavar="NAME",
                 help="Only these licences: cc0, by, by-nc, … or SPDX ids; repeat or use commas."),
    click.option("--min-duration", type=Range(0), metavar="S", help="Seconds at least."),
    click.option("--max-duration", type=Range(0), metavar="S", help="Seconds at most."),
    click.option("--tag", "tags", multiple=True, help="Only sounds with this tag; repeatable."),
    click.option("--source", "sources", multiple=True, help="Only this kind of source or root."),
    click.option("--pack", "packs", multiple=True, help="Only this pack; repeatable."),
    click.option("--faultless", is_flag=True,
                 help="Only recordings in which `sonorize evaluate quality` found no fault."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]),
                 help="For the model."),
]  # fmt: skip

metadata_weight_option: Callable[[F], F] = click.option(
    "--metadata-weight", type=Range(0, 1), metavar="W",
    help="w in score = (1-w) heard + w written.  [default: the model's own]",
)  # fmt: skip


def steering_options(*names: Literal["--text", "--away"]) -> Callable[[F], F]:
    """--away, and --text if it is named."""
    toward: Callable[[F], F] = click.option(
        "--text", "toward", type=weighted, multiple=True, metavar="[W:]WORDS",
        help="Go toward these words, W times (1) as much as the question; repeatable.",
    )  # fmt: skip
    away: Callable[[F], F] = click.option(
        "--away", type=weighted, multiple=True, metavar="[W:]WORDS",
        help="Go away from these words; repeatable.",
    )  # fmt: skip
    return lambda command: toward(away(command)) if "--text" in names else away(command)


def query_options(command: F) -> F:
    """Those of a question that is answered with a list."""
    for option in reversed([*_LISTED, *_ASKED]):
        command = option(command)
    return command


def library_options(command: F) -> F:
    """Those that say which sounds may answer."""
    for option in reversed(_ASKED):
        command = option(command)
    return command


def asked(options: dict[str, Any]) -> Ask:
    """The options above as an Ask."""
    from indexer.catalog.filters import Filters
    from indexer.credits.licences import wanted
    from query.ask import Ask
    from query.targets import Steering

    return Ask(
        k=options.get("k", 10),
        filters=Filters(
            licences=wanted(options["licences"]),
            min_duration=options["min_duration"],
            max_duration=options["max_duration"],
            tags=options["tags"],
            sources=options["sources"],
            packs=options["packs"],
            faultless=options["faultless"],
        ),
        metadata_weight=options.get("metadata_weight"),
        all_takes=options.get("all_takes", False),
        moments=options.get("moments", False),
        steering=Steering(options.get("toward", ()), options.get("away", ())),
    )


@contextmanager
def searcher(
    folders: Sequence[Path], device: str | None, *, model: bool = True, quiet: bool = False
) -> Iterator[Searcher]:
    """The libraries with the encoder they were built with; without `model`, for exact words only.

    A folder given twice is asked once. quiet: what the encoder's answers lack is not said.
    """
    from query.search import Searcher
    from query.shelf import one_config

    once = {folder.resolve(): folder for folder in reversed(folders)}
    with ExitStack() as stack:
        chosen: list[Path | None] = [*reversed(once.values())] or [None]
        libraries = [stack.enter_context(open_library(folder)) for folder in chosen]
        encoder = load_encoder(one_config(libraries), device) if model else None
        yield Searcher(libraries, encoder)
        if encoder and encoder.caveat and not quiet:
            say(encoder.caveat)


def answer(question: str, find: Callable[[str], list[Hit]], given: dict[str, Any]) -> None:
    """Answers one question, or, for "-", each line of stdin with a line of JSON.

    A line that cannot be answered is answered with its error, and the next is read; the exit
    code is then 3.
    """
    import json

    from indexer.errors import SonorizeError
    from query import tables

    if question != "-":
        hits = _found(question, find)
        tables.show(hits, given["form"], several=len(given["library_folders"]) > 1)
        return
    failed = 0
    for ended in sys.stdin:
        line = ended.rstrip("\r\n")
        try:
            print(tables.answer_to_json(line, _found(line, find)), flush=True)
        except SonorizeError as error:
            print(json.dumps({"question": line, "error": str(error)}), flush=True)
            failed += 1
    if failed:
        raise click.exceptions.Exit(3)


def _found(question: str, find: Callable[[str], list[Hit]]) -> list[Hit]:
    """Raises QueryError for a blank question, which would be the current folder as a path, and
    for a file that may not be reached."""
    from indexer.errors import QueryError, denied

    if not question.strip():
        raise QueryError("There is no question: give words, or the name of a file.")
    try:
        return find(question)
    except PermissionError as error:
        raise QueryError(denied(error)) from error
