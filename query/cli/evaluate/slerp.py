"""`sonorize evaluate slerp`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say
from query.cli.evaluate.group import embedded, say_scenes, study_options
from query.cli.options import Range

if TYPE_CHECKING:
    from query.evaluation.embedding import Scale
    from query.evaluation.slerp import Slerp
    from query.tables import Format

RAW = (
    "Only vectors of length 1 are measured: lengths as in the paper are had of ImageBind alone, "
    "in a library that was built with --windows official."
)


@click.command()
@study_options
@click.option("--scale", type=click.Choice(["unit", "raw"]),
              help="Vectors of length 1, or as ImageBind makes them.  "
                   "[default: both, where there are both]")  # fmt: skip
@click.option("--theta", type=Range(0, 1), default=0.5, show_default=True, metavar="T",
              help="0: the reference frame, 1: the frame to sound.")  # fmt: skip
def slerp(
    study_file: Path, library_folder: Path | None, form: Format, out: Path | None,
    device: str | None, scale: Scale | None, theta: float,
) -> None:  # fmt: skip
    """How far sounds lie from the one that a frame should have, given a pair that is known.

    Of each scene, the target is made from its reference pair and a frame, in both ways (literal:
    sound + SLERP of the frames; analogy: the sound moved as the frame moved). Shown is the
    paper's Table 1, where related means: of the scene whose reference it is; beside it distances
    to the reference sound alone, without the frame, and to the frame alone, without the
    reference. Below, how much of a ranking's variance the frame explains.

    \b
    sonorize evaluate slerp study.toml
    sonorize evaluate slerp study.toml --theta .25 --out measured/
    """
    from query.evaluation import slerp as experiment

    with embedded(study_file, library_folder, device) as opened:
        scales = _scales(scale, opened.scales)
        measured = experiment.measure(opened.study, opened.found, scales, theta)
        say_scenes(opened.study.lacking_reference, "a reference sound")
        if out is not None:
            _write(measured, out)
        _show(measured, form)


def _scales(asked: Scale | None, there: Sequence[Scale]) -> Sequence[Scale]:
    if asked == "raw" and "raw" not in there:
        raise click.UsageError(RAW)
    if asked is None and "raw" not in there:
        say(RAW)
    return there if asked is None else (asked,)


def _write(measured: Slerp, out: Path) -> None:
    from query.evaluation import sheets
    from query.evaluation import slerp as experiment

    sheets.write(out / "slerp-table-1.csv", measured.table, experiment.TABLE_COLUMNS)
    sheets.write(out / "slerp-rankings.csv", measured.rankings, experiment.RANKING_COLUMNS)
    sheets.write(out / "slerp-shares.csv", measured.shares, experiment.SHARE_COLUMNS)


def _show(measured: Slerp, form: Format) -> None:
    from query.evaluation import slerp as experiment
    from query.tables import show_rows

    if form != "table":
        show_rows(measured.table, experiment.TABLE_COLUMNS, form, table="table 1")
        if form == "json":
            show_rows(measured.shares, experiment.SHARE_COLUMNS, form, table="shares")
        return
    for arm, rows in experiment.printed(measured.table).items():
        columns = tuple(rows[0])
        show_rows(rows, columns, form, title=f"Table 1, sounds {arm}: mean ± sd (n) of distances")
    show_rows(measured.shares, experiment.SHARE_COLUMNS, form,
              title="What the frame explains of each ranking's variance")  # fmt: skip
