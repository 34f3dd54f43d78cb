"""`sonorize evaluate slerp`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query.cli.evaluate.group import RAW, embedded, record_of, study_options, without
from query.cli.evaluate.out import deliver
from query.cli.options import Range

if TYPE_CHECKING:
    from query.evaluation.embedding import Scale
    from query.evaluation.report.record import Record
    from query.tables import Format

LENGTHS = (
    "ImageBind makes vectors of sounds of length 20 and of pictures of length 1. So at raw scale "
    "distances are about 20 times those of directions, and the picture turns the target by less "
    "than 3 degrees: what is measured there is the distance to the reference sound."
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
    record = measure(study_file, library_folder, device, scale, theta)
    deliver(record, out)
    _show(record, form)


def measure(
    study_file: Path,
    library_folder: Path | None = None,
    device: str | None = None,
    scale: Scale | None = None,
    theta: float = 0.5,
) -> Record:
    from query.evaluation import slerp as experiment
    from query.evaluation.report.record import Table

    with embedded(study_file, library_folder, device, scale) as opened:
        scales = opened.scales if scale is None else (scale,)
        found = experiment.measure(opened.study, opened.found, scales, theta)
        tables = {
            "slerp-table-1": Table(
                experiment.TABLE_COLUMNS, found.table, "Table 1, with its baselines"
            ),
            "slerp-shares": Table(
                experiment.SHARE_COLUMNS, found.shares,
                "How much of a ranking's variance the frame explains",
            ),
            "slerp-rankings": Table(
                experiment.RANKING_COLUMNS, found.rankings, "Sounds ranked for each frame"
            ),
        }  # fmt: skip
        notes = [
            "Related: of the scene whose reference it is. 0 is equal; the smallest is the best.",
            *_explained(found.shares),
            *([RAW] if "raw" not in opened.scales else [LENGTHS]),
            *without(opened.study.lacking_reference, "a reference sound"),
        ]
        return record_of("slerp", opened, tables, notes, scale=scale, theta=theta)


def _explained(shares: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    import numpy as np

    for scale in dict.fromkeys(row["scale"] for row in shares):
        wanted = (scale, "literal", "slerp_cosine")
        chosen = [r for r in shares if (r["scale"], r["target"], r["metric"]) == wanted]
        mine = [r["frame_share"] for r in chosen if np.isfinite(r["frame_share"])]
        if mine:
            yield (
                f"At {scale} scale the frame explains {np.median(mine):.2%} of the variance by "
                "which sounds are ranked (median over scenes, literal target, cosine)."
            )


def _show(record: Record, form: Format) -> None:
    from query.evaluation import slerp as experiment
    from query.tables import show_rows

    table, shares = (record.tables[name].rows for name in ("slerp-table-1", "slerp-shares"))
    if form != "table":
        show_rows(table, experiment.TABLE_COLUMNS, form, table="table 1")
        if form == "json":
            show_rows(shares, experiment.SHARE_COLUMNS, form, table="shares")
        return
    for arm, rows in experiment.printed(table).items():
        columns = tuple(rows[0])
        show_rows(rows, columns, form, title=f"Table 1, sounds {arm}: mean ± sd (n) of distances")
    show_rows(shares, experiment.SHARE_COLUMNS, form,
              title="What the frame explains of each ranking's variance")  # fmt: skip
