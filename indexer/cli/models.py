"""sonorize models: which models there are, bringing their files here, checking them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import confirm
from indexer.counting import counted
from indexer.encoders.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.encoders.registry import Entry


class _Bar(Progress):
    """A bar with bytes, rate and remaining time, on a terminal."""

    def __init__(self, bar: Any) -> None:
        super().__init__(bar.console.print)
        self._bar = bar
        self._task: Any = None

    def bytes(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def _progress() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield Progress(lambda said: click.echo(said, err=True))
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True, highlight=False)) as bar:
        yield _Bar(bar)


@click.group()
def models() -> None:
    """List, fetch and verify models: they compare, write captions, or make sounds."""


@models.command("list")
def list_models() -> None:
    """Name, size, state, role and licence of every model.

    \b
    sonorize models list
    """
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    for name in registry.names():
        entry = registry.entry(name)
        size = weights.in_words(entry.size) if entry.size else "built in"
        state = weights.status(name, folder).state
        click.echo(f"{name:<17} {size:>9}  {state:<8} {entry.role:<9} {entry.licence}")


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option(
    "--from",
    "found_in",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with files that were downloaded elsewhere.",
)
@click.option(
    "--weights",
    "own",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint of your own (.pth, .pt, .safetensors), checked by its tensors.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def fetch(names: tuple[str, ...], found_in: Path | None, own: Path | None, yes: bool) -> None:
    """Bring the files of models here; what is here already is only checked.

    \b
    sonorize models fetch starter
    sonorize models fetch blip stable-audio-open
    sonorize models fetch imagebind --weights imagebind_huge.pth
    """
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    for name in names:
        if weights.status(name, folder).state != "ready":
            click.echo(_terms(registry.entry(name), folder / name), err=True)
            if not yes:
                confirm("Fetch it?", default=True)
        with _progress() as progress:
            weights.fetch(name, folder, progress, found_in=found_in, own=own)
        click.echo(f"{name}: ready")


def _terms(entry: Entry, folder: Path) -> str:
    from indexer.encoders.weights import in_words

    notice = f" ({entry.notice})" if entry.notice else ""
    return (
        f"The {entry.name} model is {in_words(entry.size)}, under {entry.licence}{notice}; "
        f"it goes into {folder} and needs {entry.needs}."
    )


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
def verify(names: tuple[str, ...]) -> None:
    """Read every file of the models named, or of all that are here, and check it.

    \b
    sonorize models verify
    sonorize models verify starter
    """
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    states = {name: weights.status(name, folder).state for name in registry.names()}
    ready, partial = ([n for n in states if states[n] == state] for state in ("ready", "partial"))
    for name in names or [*ready, *partial]:
        files = weights.verify(name, folder)
        click.echo(
            f"{name}: {counted(len(files), 'file')} intact" if files else f"{name}: built in"
        )
