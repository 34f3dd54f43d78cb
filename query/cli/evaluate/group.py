"""`sonorize evaluate`, and what its commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from indexer.cli.common import (
    Bars,
    counted,
    device_option,
    library_option,
    load_encoder,
    open_library,
    say,
)

if TYPE_CHECKING:
    from indexer.encoders.protocol import Encoder
    from query.evaluation.embedding import Embedded, Scale
    from query.evaluation.study import Study

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 5  # of what is absent


@click.group()
def evaluate() -> None:
    """Measure: the paper's experiments on your library and frames, and how well it finds.

    \b
    sonorize evaluate inconsistency study.toml         do picture, words and sound agree
    sonorize evaluate slerp study.toml                 sounds against the target of a known pair
    sonorize evaluate mos ratings.csv                  what people said of pairs
    sonorize evaluate correlate study.toml ratings.csv metrics against people
    sonorize evaluate retrieval questions.csv          how well the library finds
    sonorize evaluate freeze study.toml                fix what is to be measured, before
    """


format_option: Callable[[F], F] = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
    show_default=True, help="json: one object a line.",
)  # fmt: skip

out_option: Callable[[F], F] = click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder for all that was measured, as CSV.",
)  # fmt: skip

study_argument: Callable[[F], F] = click.argument(
    "study_file", metavar="STUDY.toml", type=click.Path(path_type=Path, dir_okay=False)
)


ratings_argument: Callable[[F], F] = click.argument(
    "ratings_file", metavar="RATINGS.csv", type=click.Path(path_type=Path, dir_okay=False)
)


def study_options(command: F) -> F:
    """A study, the library it is measured with, and where the figures go."""
    for option in (device_option, out_option, format_option, library_option, study_argument):
        command = option(command)
    return command


class Opened(NamedTuple):
    """A study with all its vectors."""

    study: Study
    found: Embedded
    encoder: Encoder
    scales: Sequence[Scale]


@contextmanager
def embedded(study_file: Path, folder: Path | None, device: str | None) -> Iterator[Opened]:
    """Reads the study before the model; says what is lacking and what the model did not see."""
    from query.evaluation import freeze
    from query.evaluation.embedding import embed, scales
    from query.evaluation.study import read_study
    from query.shelf import Shelf

    study = read_study(study_file)
    files = freeze.by_name(study.files, study.path.parent)
    say(f"{study.title}: {freeze.state(study.path, files)}.")
    with open_library(folder) as library, closing(Bars()) as bars:
        encoder = load_encoder(library.config, device, exact=True)
        found = embed(study, Shelf(library, encoder), encoder, bars)
        bars.close()
        _say_absent(found.absent)
        yield Opened(study, found, encoder, scales(encoder, library.config.windows))
        if encoder.caveat:
            say(encoder.caveat)


def say_scenes(names: Sequence[str], lack: str) -> None:
    if names:
        say(f"{counted(len(names), 'scene')} without {lack}: {', '.join(names)}.")


def _say_absent(absent: Sequence[str]) -> None:
    for line in absent[:SHOWN]:
        say(f"Left out: {line}.")
    if len(absent) > SHOWN:
        say(f"… and {len(absent) - SHOWN:,} more.")
