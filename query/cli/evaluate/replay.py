"""`sonorize evaluate replay`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from indexer.counting import counted
from query.cli.evaluate.group import SHOWN, format_option

if TYPE_CHECKING:
    from query.evaluation.report.record import Record
    from query.tables import Format

EXPERIMENTS = (
    "inconsistency", "slerp", "mos", "correlate", "power", "retrieval", "freesound", "quality"
)  # fmt: skip
COLUMNS = ("experiment", "numbers", "largest_difference", "where", "other_differences")


@click.command()
@click.argument("report", metavar="REPORT.json", type=click.Path(path_type=Path, dir_okay=False))
@format_option
def replay(report: Path, form: Format) -> None:
    """Measure again what a report tells of, and print the largest difference.

    The same files, library and options are taken from where they were.

    \b
    sonorize evaluate replay measured/slerp-report.json
    """
    from query.evaluation.report.record import compare, read_json
    from query.tables import show_rows

    before = read_json(report)
    after = _again(before, report)
    found = compare(before, after)
    for line in _changed(before, after):
        say(line)
    for line in found.others[:SHOWN]:
        say(f"Not alike: {line}.")
    row = {
        "experiment": before.experiment, "numbers": found.cells,
        "largest_difference": f"{found.largest:.3g}", "where": found.where,
        "other_differences": len(found.others),
    }  # fmt: skip
    show_rows([row], COLUMNS, form)


def _again(before: Record, report: Path) -> Record:
    from indexer.errors import StudyError

    if before.experiment not in EXPERIMENTS:
        raise StudyError(f"{report} tells of no experiment that can be repeated.")
    module = import_module(f"query.cli.evaluate.{before.experiment}")
    options = {
        name: Path(value)
        if value is not None and name.endswith(("_file", "_folder", "_at"))
        else value
        for name, value in before.options.items()
    }
    try:
        again: Record = module.measure(**options)
    except TypeError as error:
        raise StudyError(
            f"{report} was made by another version of sonorize: measure anew."
        ) from error
    return again


def _changed(before: Record, after: Record) -> list[str]:
    """What else is now than was then."""
    then, now = before.provenance, after.provenance
    inputs = [
        name
        for name in {**then.get("inputs", {}), **now.get("inputs", {})}
        if then.get("inputs", {}).get(name) != now.get("inputs", {}).get(name)
    ]
    told = (
        [f"{counted(len(inputs), 'file')} changed since: {', '.join(inputs[:SHOWN])}."]
        if inputs
        else []
    )
    for name in ("commit", "encoder", "fingerprint", "device", "library_change"):
        if then.get(name) != now.get(name):
            told.append(f"{name.replace('_', ' ')}: {then.get(name)} then, {now.get(name)} now.")
    return told
