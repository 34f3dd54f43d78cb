"""`sonorize frames`."""

from __future__ import annotations

import json
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from indexer.cli.common import Bars, say
from indexer.counting import counted
from indexer.errors import PictureError
from query.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from query.video import Facts

MANIFEST = "frames.jsonl"


class _Frame(NamedTuple):
    folder: str
    shot: int  # or the scene, of a reference frame
    number: int
    picture: Image | None
    reference: int | None = None


@click.command("frames")
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    metavar="TIME",
    multiple=True,
    help="A scene's reference frame; again for another scene.",
)
@click.option(
    "--around",
    type=click.IntRange(0),
    metavar="N",
    help="With --reference: N frames before and N after it too.  [default: 10]",
)
@click.option(
    "--step",
    type=click.IntRange(1),
    metavar="N",
    help="With --reference: frames that are N apart.  [default: 1]",
)
@click.option(
    "--every",
    type=options.Range(0.001),
    metavar="S",
    help="A frame every S seconds of the whole video, a folder for each shot.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where they are written.  [default: VIDEO_frames]",
)
@click.option(
    "--start-tc", metavar="TC", help="Timecode of the first frame, instead of the video's own."
)
@click.option(
    "--offset",
    metavar="TC",
    help="Added to the timecode of the first frame, as of a reel; -HH:MM:SS:FF is taken away.",
)
@click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing.")
def frames(
    video: Path,
    reference: tuple[str, ...],
    around: int | None,
    step: int | None,
    every: float | None,
    out: Path | None,
    start_tc: str | None,
    offset: str | None,
    dry_run: bool,
) -> None:
    """Write frames of a video as PNG, a folder for each scene, and a list of them.

    A TIME is seconds or MM:SS from the first frame, or HH:MM:SS:FF by the video's own timecode.
    The list, frames.jsonl, says file, frame, seconds, timecode, and shot or scene. Nothing is
    overwritten.

    \b
    sonorize frames film.mov --reference 01:00:10:12 --around 10
    sonorize frames film.mov --every 2 --out stills
    """  # fmt: skip
    from query.video import facts

    if bool(reference) == (every is not None):
        raise click.UsageError("Say which frames, in one way: --reference TIME or --every S.")
    if every is not None and (around is not None or step is not None):
        raise click.UsageError("--around and --step are for --reference.")
    known = facts(video).begun(start_tc, offset)
    folder = out or Path(f"{video.stem}_frames")
    if known.damage:
        say(known.damage)
    found: Iterator[tuple[_Frame | None, int]]
    if every is None:
        wanted = _sets(reference, 10 if around is None else around, step or 1, known)
        _require_none([folder / _file(frame, known) for frame in wanted])
        found, total = _pictured(video, wanted, known, dry_run), len(wanted)
    else:
        _require_none(sorted(folder.glob("shot_*")))
        found, total = _spread(video, every, known, dry_run), known.frames
    with closing(Bars()) as bars:
        bars.stage("Frames", total, "frames")
        count = 0
        for frame, passed in found:
            bars.advance(passed)
            if frame is not None:
                count += 1
                _keep(frame, folder, known, dry_run)
    if not dry_run:
        say(f"{counted(count, 'frame')} in {folder}, listed in {folder / MANIFEST}.")


def _sets(texts: Sequence[str], around: int, step: int, known: Facts) -> list[_Frame]:
    """The frames of each reference, as far as the video has them, without their pictures."""
    from query.video import seconds

    scenes: dict[int, list[_Frame]] = {}
    for text in texts:
        middle = int(seconds(text, known) * known.rate + 1e-3)
        if middle >= known.frames:
            raise PictureError(
                f"The video ends with {known.named(known.frames - 1)}, after "
                f"{float(known.duration):.2f} s: --reference {text} lies past its end."
            )
        folder = f"scene_{_plain(known.named(middle))}"
        near = range(middle - around * step, middle + around * step + 1, step)
        scenes.setdefault(middle, [
            _Frame(folder, len(scenes) + 1, number, None, middle)
            for number in near if 0 <= number < known.frames
        ])  # fmt: skip
    return [frame for scene in scenes.values() for frame in scene]


def _pictured(
    video: Path, wanted: Sequence[_Frame], known: Facts, dry_run: bool
) -> Iterator[tuple[_Frame, int]]:
    from query.video import sampled

    if dry_run:
        yield from ((frame, 1) for frame in wanted)
        return
    for shot in dict.fromkeys(frame.shot for frame in wanted):
        scene = {frame.number: frame for frame in wanted if frame.shot == shot}
        for number, picture in sampled(video, scene, known=known):
            yield scene[number]._replace(picture=picture), 1


def _spread(
    video: Path, every: float, known: Facts, dry_run: bool
) -> Iterator[tuple[_Frame | None, int]]:
    """Every frame of the video that is passed, as None if it is not taken."""
    from query.shots import watch
    from query.video.frames import spaced

    shot, folder = 1, f"shot_001_{_plain(known.named(0))}"
    size = 16 if dry_run else None  # then nobody sees them
    for seen in watch(video, spaced(known, every), size=size, known=known, note=say):
        if seen.cut:
            shot += 1
            folder = f"shot_{shot:03}_{_plain(known.named(seen.frame))}"
        yield _Frame(folder, shot, seen.frame, seen.picture) if seen.picture else None, 1


def _plain(timecode: str) -> str:
    """As part of a file's name on any system."""
    return timecode.replace(":", "-").replace(";", "-")


def _file(frame: _Frame, known: Facts) -> str:
    return f"{frame.folder}/{frame.number:06}_{_plain(known.named(frame.number))}.png"


def _require_none(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.exists():
            raise PictureError(
                f"{path} is there already, and nothing is overwritten: name another folder "
                "with --out."
            )


def _keep(frame: _Frame, folder: Path, known: Facts, dry_run: bool) -> None:
    """Writes the picture, then its line of the list; or shows that line."""
    line: dict[str, Any] = {
        "file": _file(frame, known),
        "frame": frame.number,
        "seconds": round(float(frame.number / known.rate), 6),
        "timecode": known.named(frame.number),
    }
    if frame.reference is None:
        line["shot"] = frame.shot
    else:
        line |= {"scene": frame.shot, "reference": frame.reference}
    if dry_run or frame.picture is None:
        click.echo(json.dumps(line))
        return
    path = folder / line["file"]
    data = BytesIO()
    frame.picture.save(data, "png", compress_level=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data.getvalue())
        with (folder / MANIFEST).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise PictureError(f"{path} cannot be written ({error.strerror}).") from error
