"""`sonorize evaluate`, and what its commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from indexer.cli.common import Bars, device_option, library_option, load_encoder, open_library, say
from indexer.counting import counted

if TYPE_CHECKING:
    from query.evaluation.embedding import Embedded, Scale
    from query.evaluation.report.record import Record, Table
    from query.evaluation.study import Study

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 5  # of what is absent
RAW = (
    "Only vectors of length 1 are measured: lengths as in the paper are had of ImageBind alone, "
    "in a library that was built with --windows official."
)


@click.group()
def evaluate() -> None:
    """Measure: the paper's experiments on your library and frames, and how well it finds.

    \b
    sonorize evaluate inconsistency study.toml         do picture, words and sound agree
    sonorize evaluate slerp study.toml                 sounds against the target of a known pair
    sonorize evaluate mos ratings.csv                  what people said of pairs
    sonorize evaluate correlate study.toml ratings.csv metrics against people
    sonorize evaluate power                            what a listening test can find
    sonorize evaluate retrieval questions.csv          how well the library finds
    sonorize evaluate freesound                        Freesound's order against ours
    sonorize evaluate quality                          how good the recordings are
    sonorize evaluate replay out/slerp-report.json     measure again, and compare
    sonorize evaluate freeze study.toml                fix what is to be measured, before
    """


format_option: Callable[[F], F] = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
    show_default=True, help="json: one object a line.",
)  # fmt: skip

out_option: Callable[[F], F] = click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder for a report and all that was measured, as CSV and JSON.",
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
    """A study with all its vectors; `state`: frozen or exploratory."""

    study: Study
    state: str
    found: Embedded
    scales: Sequence[Scale]
    made: dict[str, Any]


@contextmanager
def embedded(
    study_file: Path, folder: Path | None, device: str | None, scale: Scale | None = None
) -> Iterator[Opened]:
    """Reads the study before the model; says what is lacking and what the model did not see.

    Raises UsageError for a `scale` that the model does not have, before the long work.
    """
    from query.evaluation import freeze
    from query.evaluation.embedding import embed, scales
    from query.evaluation.report import provenance
    from query.evaluation.study import read_study
    from query.shelf import Shelf

    study = read_study(study_file)
    files = freeze.by_name(study.files, study.path.parent)
    state = freeze.state(study.path, files)
    say(f"{study.title}: {state}.")
    with open_library(folder) as library, closing(Bars()) as bars:
        encoder = load_encoder(library.config, device, exact=True)
        there = scales(encoder, library.config.windows)
        if scale is not None and scale not in there:
            raise click.UsageError(RAW)
        found = embed(study, Shelf(library, encoder), encoder, bars)
        bars.close()
        _say_absent(found.absent)
        made = provenance.of_run({study.path.name: study.path, **files})
        made |= provenance.of_model(encoder, library) | {"asked_device": device}
        yield Opened(study, state, found, there, made)
        if encoder.caveat:
            say(encoder.caveat)


def record_of(
    experiment: str,
    opened: Opened,
    tables: Mapping[str, Table],
    notes: Sequence[str],
    **options: Any,
) -> Record:
    """Of an experiment on a study; `options` are those of its command besides the study's."""
    from query.evaluation.report.record import Record

    asked = {name: str(v.absolute()) if isinstance(v, Path) else v for name, v in options.items()}
    absent = len(opened.found.absent)
    left = [f"{counted(absent, 'picture, text or sound')} left out: no vector."] if absent else []
    return Record(
        experiment=experiment,
        title=opened.study.title,
        state=opened.state,
        options={
            "study_file": str(opened.study.path),
            "library_folder": opened.made["library"],
            "device": opened.made["asked_device"],
            **asked,
        },
        notes=[*notes, *left],
        provenance={name: value for name, value in opened.made.items() if name != "asked_device"},
        tables=tables,
        folder=str(opened.study.path.parent),
    )


def without(names: Sequence[str], lack: str) -> list[str]:
    """A sentence, or none."""
    named = f"{counted(len(names), 'scene')} without {lack}: {', '.join(names)}."
    return [named] if names else []


def _say_absent(absent: Sequence[str]) -> None:
    for line in absent[:SHOWN]:
        say(f"Left out: {line}.")
    if len(absent) > SHOWN:
        say(f"… and {len(absent) - SHOWN:,} more.")
