"""`sonorize library gap`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from indexer.cli.common import Bars, library_option, load_encoder, open_library, say
from indexer.errors import AudioError, LibraryError, PictureError, SonorizeError, typed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexer.encoders.protocol import Encoder
    from query.gap import Effect, Measurement

    Rows = NDArray[np.float32]

T = TypeVar("T")
STILLS = frozenset(f".{name}" for name in "jpg jpeg png webp tif tiff bmp gif".split())
BATCH = 32  # pictures held at a time

_file = click.Path(path_type=Path, exists=True)


def _place(_context: click.Context, _option: click.Parameter, out: Path | None) -> Path | None:
    """A plot that could not be written, or read by its name, is refused before the measuring."""
    if out is not None and out.suffix.lower() != ".svg":
        raise click.BadParameter(f"the plot is an SVG, which {out} does not say: name it OUT.svg.")
    if out is not None and not out.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}: name another place.")
    return out


@click.command()
@click.argument("frames", nargs=-1, required=True, type=_file)
@click.option(
    "--outside-frames",
    multiple=True,
    type=_file,
    metavar="F",
    help="Pictures of what this library is not about; repeatable.",
)
@click.option(
    "--outside-sounds",
    multiple=True,
    type=_file,
    metavar="F",
    help="Sounds of what this library is not about; repeatable.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_place,
    metavar="OUT.svg",
    help="Draw all on the plane in which they vary most.",
)
@library_option
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]),
              help="For the model.")  # fmt: skip
def gap(
    frames: tuple[Path, ...],
    outside_frames: tuple[Path, ...],
    outside_sounds: tuple[Path, ...],
    plot: Path | None,
    library_folder: Path | None,
    form: str,
    device: str | None,
) -> None:
    """Measure how far pictures lie from this library's sounds, and keep it for --close-gap.

    FRAMES are pictures, videos, or folders of them, like those that will ask. Afterwards
    query-by-frame --close-gap moves a picture by the difference of the two means.

    \b
    sonorize library gap stills/ film.mov
    sonorize library gap stills/ --outside-frames holiday/ --outside-sounds speech/
    sonorize library gap stills/ --plot gap.svg
    """
    from indexer.sources.folder import EXTENSIONS
    from query import gap as gaps
    from query.shelf import Shelf
    from query.video import VIDEO_EXTENSIONS

    seen = STILLS | VIDEO_EXTENSIONS
    asking, others = _files(frames, seen), _files(outside_frames, seen)
    heard = _files(outside_sounds, EXTENSIONS)
    failed: list[Path] = []
    with open_library(library_folder) as library, closing(Bars()) as bars:
        encoder = load_encoder(library.config, device)
        sounds = Shelf(library, encoder).clips("audio")[1]
        pictures = _seen("Looking at pictures", asking, frames, encoder, failed, bars)
        outside = {
            "outside_pictures": _seen(
                "Looking at those from outside", others, outside_frames, encoder, failed, bars
            )
            if others
            else None,
            "outside_sounds": _heard(heard, outside_sounds, encoder, failed, bars)
            if heard
            else None,
        }
        found = gaps.measure(sounds, pictures, **outside)
        kept = gaps.Gap(
            found.mean_image, found.mean_audio, encoder.name, encoder.fingerprint("audio")
        )
        changed = gaps.effect(pictures, sounds, kept)
        if plot is not None:
            _draw(plot, encoder.name, found, {"pictures": pictures, "sounds": sounds, **outside})
        kept.save(library, encoder)
    _show(found, changed, encoder.name, form)
    _advise(found, library.folder, encoder)
    if failed:
        raise click.exceptions.Exit(3)


def _advise(found: Measurement, folder: Path, encoder: Encoder) -> None:
    if found.groups["pictures"].count == 1:
        say(
            "One picture was measured: --close-gap would take all of it away, and answer it with "
            "what is heard most. Measure with many that differ."
        )
    say(
        "Without labels this cannot say which ranking is better: compare them by ear. Use it: "
        f"sonorize query-by-frame FRAME --close-gap --library {typed(folder)}"
    )
    if encoder.caveat:
        say(encoder.caveat)


def _files(named: Sequence[Path], extensions: frozenset[str]) -> list[Path]:
    """Files as they are named, and of folders the files below them that have these extensions.

    Raises SonorizeError for a folder that holds none.
    """
    files: list[Path] = []
    for path in named:
        below = [path]
        if path.is_dir():
            below = sorted(
                each
                for each in path.rglob("[!.]*")
                if each.suffix.lower() in extensions and each.is_file()
            )
            if not below:
                kinds = "sounds" if ".wav" in extensions else "pictures or videos"
                raise SonorizeError(f"The folder {path} holds no {kinds}: name another.")
        files += below
    return files


def _seen(
    stage: str,
    files: Sequence[Path],
    named: Sequence[Path],
    encoder: Encoder,
    failed: list[Path],
    bars: Bars,
) -> Rows:
    import numpy as np

    from indexer.audio.window import batched
    from query.video import read_pictures

    bars.stage(stage, len(files))
    each = _readable(files, named, failed, bars, read_pictures)
    pictures = (picture for several in each for picture in several)
    return np.concatenate(
        [
            np.zeros((0, encoder.dims["audio"]), np.float32),
            *(encoder.embed_images(batch)["audio"] for batch in batched(pictures, BATCH)),
        ]
    )


def _heard(
    files: Sequence[Path],
    named: Sequence[Path],
    encoder: Encoder,
    failed: list[Path],
    bars: Bars,
) -> Rows:
    import numpy as np

    from query.heard import embed_file

    bars.stage("Listening to those from outside", len(files))
    heard = _readable(files, named, failed, bars, lambda path: embed_file(path, encoder)["audio"])
    return np.concatenate([np.zeros((0, encoder.dims["audio"]), np.float32), *heard])


def _readable(
    files: Sequence[Path],
    named: Sequence[Path],
    failed: list[Path],
    bars: Bars,
    read: Callable[[Path], T],
) -> Iterator[T]:
    """What `read` makes of each file; one found in a folder may fail, which is said."""
    for path in files:
        try:
            yield read(path)
        except (PictureError, AudioError) as error:
            if path in named:
                raise
            say(f"Passed over: {error}")
            failed.append(path)
        bars.advance()


def _draw(out: Path, model: str, found: Measurement, groups: dict[str, Any]) -> None:
    from query.scatter import svg

    drawn = {
        name.replace("_", " "): rows[rows.any(axis=1)]
        for name, rows in groups.items()
        if rows is not None
    }
    title = f"What {model} sees and hears: a gap of {found.pairs['pictures', 'sounds'].gap:.3f}"
    try:
        out.write_text(svg(title, drawn, ("pictures", "sounds")), encoding="utf-8")
    except OSError as error:
        raise LibraryError(
            f"{out} cannot be written ({error.strerror or error}): name another place."
        ) from error


def _show(found: Measurement, changed: Effect, model: str, form: str) -> None:
    if form == "json":
        groups = {
            name: {**asdict(group), "auroc": found.auroc.get(name)}
            for name, group in found.groups.items()
        }
        pairs = [{"between": pair, **asdict(each)} for pair, each in found.pairs.items()]
        line = {"encoder": model, "groups": groups, "pairs": pairs, "closed": asdict(changed)}
        click.echo(json.dumps(line))
        return
    _table(
        [f"audio part of {model}", "number", "length of mean", "mean cosine within",
         "AUROC of distance"],
        [
            [name, f"{group.count:,}", _number(group.length), _number(group.within),
             _number(found.auroc[name]) if name in found.auroc else ""]
            for name, group in found.groups.items()
        ],
    )  # fmt: skip
    _table(
        ["between the means of", "gap", "angle", "mean cosine across"],
        [
            [" and ".join(pair), _number(each.gap), _number(each.angle, "°", 1),
             _number(each.across)]
            for pair, each in found.pairs.items()
        ],
    )  # fmt: skip
    _table(
        ["closing the gap, by what is heard alone", ""],
        [
            ["first 10 sounds that stay (overlap@10)", _number(changed.overlap)],
            ["order of all sounds, before and after (Kendall tau-b)", _number(changed.kendall)],
            ["mean cosine of picture and sound, before", _number(changed.before)],
            ["mean cosine of picture and sound, after", _number(changed.after)],
        ],
    )


def _number(value: float | None, unit: str = "", places: int = 3) -> str:
    return "-" if value is None else f"{value:.{places}f}{unit}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        first, *rest = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join([first, *rest]).rstrip())
    click.echo()
