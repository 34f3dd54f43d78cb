"""Options for a known pair: a frame and the sound that fits it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query import weighing
from query.cli import options

if TYPE_CHECKING:
    from query.search import Searcher
    from query.targets import Reference

_OPTIONS = [
    click.option("--reference-frame", metavar="F", type=click.Path(path_type=Path),
                 help="A picture or video whose sound is known."),
    click.option("--reference-at", metavar="TIME", help="Time in the video --reference-frame."),
    click.option("--reference-sound", metavar="S",
                 help="The sound that fits it: a file, or a clip by its path or its id, '#12', "
                      "which --format json shows."),
    click.option("--theta", type=options.Range(0, 1), metavar="T",
                 help="0: the reference frame, 1: the frame that asks.  [default: .5]"),
    click.option("--reference-weight", type=options.Range(0, weighing.MOST), metavar="W",
                 help="0: the SLERP or the moved sound alone; much: the reference sound.  "
                      "[default: 1, analogy: 0]"),
    click.option("--target", type=click.Choice(["literal", "analogy"]),
                 help="literal: sound + SLERP of the frames; analogy: the sound moved as the "
                      "frame moved.  [default: literal]"),
]  # fmt: skip


def reference_options(command: options.F) -> options.F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def require_pair(given: Mapping[str, Any]) -> None:
    """Raises UsageError for half a pair, and for what says how a pair is used without one."""
    frame, sound = given["reference_frame"], given["reference_sound"]
    if (frame is None) != (sound is None):
        lacking = "--reference-sound" if sound is None else "--reference-frame"
        raise click.UsageError(
            f"A reference is a pair, a frame and the sound that fits it: give {lacking} too."
        )
    if frame is None:
        for name in ("reference_at", "theta", "reference_weight", "target"):
            if given[name] is not None:
                raise click.UsageError(
                    f"--{name.replace('_', '-')} needs --reference-frame and --reference-sound."
                )


def read(search: Searcher, given: Mapping[str, Any]) -> Reference | None:
    from query.targets import Reference
    from query.video import read_pictures

    if given["reference_frame"] is None:
        return None
    return Reference(
        frames=read_pictures(given["reference_frame"], given["reference_at"]),
        sound=search.sound(given["reference_sound"]),
        theta=0.5 if given["theta"] is None else given["theta"],
        weight=given["reference_weight"],
        kind=given["target"] or "literal",
    )
