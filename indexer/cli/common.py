"""What the commands share: where the library is, how errors and progress are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from indexer.build.report import Progress
from indexer.counting import counted
from indexer.errors import SonorizeError

if TYPE_CHECKING:
    from indexer.build.report import BuildReport
    from indexer.encoders.protocol import Encoder
    from indexer.library import Config, Library

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 20  # failures listed in a table

library_option: Callable[[F], F] = click.option(
    "--library",
    "library_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the library.  [default: SONORIZE_LIBRARY, else your data folder]",
)


device_option: Callable[[F], F] = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="For the model."
)

windows_option: Callable[[F], F] = click.option(
    "--windows", type=click.Choice(["all", "official"]),
    help="How a file is heard: all of it, or as the model's authors cut it (imagebind).  "
    "[default: all]",
)  # fmt: skip


def library_folder(given: Path | None) -> Path:
    from indexer import settings

    return given or settings.load().library


def open_library(given: Path | None) -> Library:
    """Raises LibraryNotFound and its like, in words."""
    from indexer.library import Library

    return Library.open(library_folder(given))


def load_encoder(config: Config, device: str | None = None, *, exact: bool = False) -> Encoder:
    """The encoder of a library; `exact`: in float32 everywhere.

    Raises UnknownEncoder or WeightsMissing, in words.
    """
    from indexer import settings
    from indexer.encoders import registry
    from indexer.encoders.protocol import Setup

    found = settings.load()
    precision: Literal["auto", "float32"] = "float32" if exact else "auto"
    setup = Setup(device or found.device, config.windows, precision)
    return registry.load(config.encoder, models_dir=found.models, setup=setup)


def copies_said(count: int) -> str:
    return f"{counted(count, 'file', 'holds/hold')} a recording that another file holds too"


def say_failures(report: BuildReport, others: str) -> None:
    """The first files that could not be read, with reasons; `others`: where the rest is named."""
    for path, reason in report.failures[:SHOWN]:
        say(f"failed: {one_line(path)}: {one_line(reason)}")
    if len(report.failures) > SHOWN:
        say(f"… and {len(report.failures) - SHOWN:,} more: {others}.")


def one_line(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def say(sentence: str) -> None:
    """A message for the person, apart from the results on stdout."""
    click.echo(sentence, err=True)


def confirm(question: str, *, default: bool = False) -> None:
    """For commands with --yes. Raises click.Abort for a no, SonorizeError where nobody answers."""
    try:
        agreed = click.confirm(question, default=default, err=True)
    except click.Abort:  # Ctrl-C, or the end of stdin
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise SonorizeError(
            "nothing was done, since nobody answers here: say --yes to go on without being asked."
        ) from None
    if not agreed:
        raise click.Abort


class Bars(Progress):
    """Progress on stderr: a bar with rate and remaining time on a terminal, else a line a stage."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._said = ""

    def grows(self, name: str) -> None:
        if not sys.stderr.isatty() and name != self._said:
            self._said = name
            say(name)

    def stage(self, name: str, total: float, unit: str = "files") -> None:
        if self._bar is not None and self._bar.tasks[0].description == name:
            self._bar.update(self._task, total=self._bar.tasks[0].total + total)
            return
        self.close()
        if not total:
            return
        if not sys.stderr.isatty():
            if name == self._said:
                return
            self._said = name
            plural = unit.isalpha() and len(unit) > 1  # "s" are seconds, as in "s of sound"
            count = counted(round(total), unit[:-1]) if plural else f"{total:,.0f} {unit}"
            say(f"{name}: {count}")
            return
        self._bar = _bar(unit)
        self._task = self._bar.add_task(name, total=total)
        self._bar.start()

    def advance(self, count: float = 1) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(unit: str) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            if not task.speed:
                return Text("")
            return Text(
                f"{task.speed:.0f}x" if unit == "s of sound" else f"{task.speed:.0f} {unit}/s"
            )

    class Share(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.completed:,.0f}/{task.total:,.0f} {unit.split()[0]}")

    return Progress(
        TextColumn("{task.description}"), BarColumn(), Share(), Rate(),
        TimeRemainingColumn(), console=Console(stderr=True),
    )  # fmt: skip
