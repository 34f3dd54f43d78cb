"""What `sonorize video` is to write: whether it can be, and what is in the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import say

if TYPE_CHECKING:
    from query.scene.cues import Film

PROJECT = ".sonorize.json"
FILMS = (".mp4", ".mov", ".mkv")
LAYERS = ("ambience", "spots", "original")


def require_known(outs: Sequence[Path]) -> None:
    """Raises SceneError for a name that no format has, no folder, or a name that is too long,
    before any work."""
    from indexer.errors import SceneError
    from query.scene.export import writer

    for out in outs:
        require_short(out)
        if not (out.name.endswith(PROJECT) or out.suffix.lower() in (*FILMS, ".wav")):
            writer(out)
        if not out.parent.is_dir():
            raise SceneError(f"There is no folder {out.parent}: make it, or name another.")
        require_short(*_beside(out, LAYERS))


def require_short(*paths: Path) -> None:
    """Raises SceneError for a name that is longer than the file system takes."""
    from indexer.errors import SceneError

    for path in paths:
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise SceneError(
                    f"{path.name[:40]}… is too long for a name, {len(os.fsencode(path.name)):,} "
                    "bytes: give a shorter one."
                ) from error


def require_fit(film: Film, outs: Sequence[Path]) -> None:
    """Raises SceneError if one of them cannot hold this film, or is it, before the long work; says
    if its editor does not take the film."""
    from query.scene.cues import CueSheet
    from query.scene.export import edl, fcpxml
    from query.scene.export.film import require_picture
    from query.scene.export.sound import keep_apart

    keep_apart(CueSheet(film, (), ()), *outs)
    for out in outs:
        if out.suffix.lower() == ".edl":
            edl.require_rate(film)
        if out.suffix.lower() == ".fcpxml":
            fcpxml.require_rate(film)
            if foreign := fcpxml.foreign(film):
                say(f"{out.name}: {foreign}")
        if out.suffix.lower() in FILMS:
            require_picture(film, out)


def there(outs: Sequence[Path], original: str) -> list[Path]:
    """Files that would be written over. A project is not asked about: its locked cues stay."""
    layers = LAYERS[:2] if original == "replace" else LAYERS
    found = [
        path
        for out in outs
        for path in (*([] if out.name.endswith(PROJECT) else [out]), *_beside(out, layers))
    ]
    return [path for path in found if path.exists()]


def _beside(out: Path, layers: Sequence[str]) -> Iterator[Path]:
    """Files that are written with it: stems, and further edit lists as far as there are some."""
    from query.scene.export import edl, stems

    if out.suffix.lower() == ".wav":
        yield from (stems.named(out, layer) for layer in layers)
    if out.suffix.lower() == ".edl":
        yield from takewhile(Path.exists, (edl.numbered(out, number) for number in count(2)))


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C ends with what has become of the files, exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)
        say(
            "stopped; files that were finished are whole, and nothing is left of others: run it "
            "again to make them."
        )
        raise click.exceptions.Exit(130) from None
