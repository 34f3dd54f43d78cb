"""`sonorize query-by-frame`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from indexer.cli.common import say
from query.cli import options


@click.command(
    "query-by-frame",
    epilog="FRAME as - reads one path a line from stdin and writes a line of JSON for each.",
)
@click.argument("frame")
@click.option("--at", metavar="TIME", help="Time in a video: seconds, MM:SS or HH:MM:SS:FF.")
@options.metadata_weight_option
@click.option("--verbose", is_flag=True, help="Say what the picture was taken for.")
@options.query_options
def query_by_frame(frame: str, at: str | None, verbose: bool, **given: Any) -> None:
    """Rank the library's sounds for a picture, or for a video.

    A video without --at is asked with 9 frames spread over it.

    \b
    sonorize query-by-frame street.jpg -k 5
    sonorize query-by-frame film.mov --at 00:01:30 --license cc0,by
    ls *.jpg | sonorize query-by-frame -
    """
    ask = options.asked(given)
    if frame != "-":
        _pictures(frame, at)  # a wrong name is said before a model is loaded
    with options.searcher(given["library_folder"], given["device"]) as search:

        def find(path: str) -> Any:
            pictures = _pictures(path, at)
            if verbose:
                _explain(search.encoder, pictures)
            return search.by_pictures(pictures, ask)

        options.answer(frame, find, given["form"])


def _pictures(path: str, at: str | None) -> Any:
    from query.video import read_pictures

    return read_pictures(Path(path), at)


def _explain(encoder: Any, pictures: Any) -> None:
    describe = getattr(encoder, "describe_image", None)
    if describe is None:
        return
    for picture in pictures:
        seen = ", ".join(f"{label} {share:.0%}" for label, share in describe(picture))
        say(f"{encoder.name} takes the picture for: {seen}")
