"""`sonorize query-by-frame`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import say
from query.cli import options, reference

if TYPE_CHECKING:
    from query.gap import Gap
    from query.search import Searcher

_OPTIONS = [
    click.option("--at", metavar="TIME",
                 help="Time in a video: seconds or MM:SS from its first frame, or HH:MM:SS:FF by "
                      "its own timecode, if it has one."),
    click.option("--around", type=click.IntRange(0), default=0, metavar="N",
                 help="With --at: N frames before and N after it too."),
    click.option("--until", metavar="TIME",
                 help="With --at: the shot from there to here, its motion too where the model "
                      "sees it."),
    click.option("--moments", is_flag=True,
                 help="Rank clips by their best window instead of by the whole clip."),
    click.option("--close-gap", is_flag=True,
                 help="Move the picture to where the sounds lie, as `library gap` measured it."),
]  # fmt: skip


def _options(command: options.F) -> options.F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    "query-by-frame",
    epilog="FRAME as - reads one path a line from stdin and writes a line of JSON for each.",
)
@click.argument("frame")
@_options
@reference.reference_options
@options.steering_options("--text")
@options.metadata_weight_option
@click.option("--verbose", is_flag=True, help="Say what the picture was taken for.")
@options.query_options
def query_by_frame(
    frame: str, at: str | None, around: int, until: str | None, verbose: bool, **given: Any
) -> None:
    """Rank the library's sounds for a picture, or for a video.

    A video without --at is asked with 9 frames spread over it. With --reference-frame and
    --reference-sound the question is a target between them and the frame.

    \b
    sonorize query-by-frame street.jpg -k 5
    sonorize query-by-frame street.jpg --text rain --away '0.5:car horn'
    sonorize query-by-frame film.mov --at 00:01:30 --license cc0,by
    sonorize query-by-frame film.mov --at 00:01:30 --around 10
    sonorize query-by-frame film.mov --at 12 --until 14.5
    sonorize query-by-frame b.jpg --reference-frame a.jpg --reference-sound a.wav --theta .25
    ls *.jpg | sonorize query-by-frame -
    """
    ask = options.asked(given)

    def read(path: str) -> Any:
        from query.video import read_pictures

        return read_pictures(Path(path), at, around=around, until=until)

    reference.require_pair(given)
    if frame != "-":
        read(frame)  # a wrong name is said before a model is loaded
    with options.searcher(given["library_folders"], given["device"]) as search:
        ask = replace(ask, gap=_gap(search) if given["close_gap"] else None)
        pair = reference.read(search, given)

        def find(path: str) -> Any:
            pictures = read(path)
            if verbose:
                _explain(search.encoder, pictures)
            return search.by_pictures(pictures, ask, reference=pair, shot=until is not None)

        options.answer(frame, find, given)


def _gap(search: Searcher) -> Gap:
    from query.gap import load_gap

    if len(search.libraries) > 1:
        raise click.UsageError("A gap is measured on one library: --close-gap asks one alone.")
    assert search.encoder is not None
    return load_gap(search.libraries[0], search.encoder)


def _explain(encoder: Any, pictures: Any) -> None:
    describe = getattr(encoder, "describe_image", None)
    if describe is None:
        return
    shares: Counter[str] = Counter()
    for picture in pictures:
        shares.update(dict(describe(picture)))
    shown = shares.most_common(len(describe(pictures[0])))
    seen = ", ".join(f"{label} {share / len(pictures):.0%}" for label, share in shown)
    what = "the picture" if len(pictures) == 1 else f"the {len(pictures)} pictures together"
    say(f"{encoder.name} takes {what} for: {seen}")
