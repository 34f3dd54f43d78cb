"""`sonorize serve`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli import common
from indexer.cli.common import device_option, library_option, say
from indexer.counting import counted

if TYPE_CHECKING:
    from query.evaluation.listening.store import Store
    from query.evaluation.report.record import Record


@click.command()
@library_option
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; anything but this machine asks each browser for a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8765,
    show_default=True,
    help="0: any that is free.",
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@click.option(
    "--allow",
    "roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder below which the page may look for projects and sounds; repeatable.  "
    "[default: your home and the drives that are connected]",
)
@click.option(
    "--study",
    "study_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="STUDY.toml",
    help="Serve the listening test of this study, and nothing of the library.",
)
@device_option
def serve(
    library_folder: Path | None,
    host: str,
    port: int,
    no_open: bool,
    roots: tuple[Path, ...],
    study_file: Path | None,
    device: str | None,
) -> None:
    """Open the library as a page in the browser: ask, listen, choose.

    \b
    sonorize serve
    sonorize serve --library ~/effects --port 9000
    sonorize serve --study study.toml --host 0.0.0.0
    """  # fmt: skip
    from indexer.errors import SonorizeError

    try:
        from query.web.serve import serve as run
        from query.web.serve import serve_study
    except ModuleNotFoundError as error:
        raise SonorizeError(
            f"The page needs {error.name}, which is not here: install sonorize with its extra web."
        ) from error
    if study_file is not None:
        store = _opened(study_file, library_folder)
        measure = _measured(study_file, library_folder, device)
        serve_study(store, say, measure, host=host, port=port, browser=not no_open)
        return
    run(common.library_folder(library_folder), say, host=host, port=port, device=device,
        browser=not no_open, roots=roots,
        reveal=lambda path: click.launch(str(path), locate=True))  # fmt: skip


def _opened(study_file: Path, library_folder: Path | None) -> Store:
    """What is heard, and where the ratings go. Raises StudyError, AudioError."""
    from indexer.errors import StudyError
    from query.evaluation.listening import plan, store
    from query.evaluation.study import read_study

    study = read_study(study_file)
    say(f"{study.title}: measuring how loud its sounds are.")
    made = plan.make(study, lambda sound: _file(sound, library_folder))
    if not made.trials:
        raise StudyError(
            f"{study_file} names no pair of a frame and a sound: there is none to rate."
        )
    path, state = store.place(study, made)
    say(f"{counted(len(made.trials), 'pair')} to rate, at {made.loudness:.1f} LUFS; {state}.")
    return store.Store(path, made, state)


def _file(sound: str, library_folder: Path | None) -> Path:
    """A path, or where a clip of the library ("#12") lies."""
    from indexer.errors import StudyError

    if not sound.startswith("#"):
        return Path(sound)
    with common.open_library(library_folder) as library:
        found = library.catalog.sounds([int(sound[1:])]).get(int(sound[1:]))
    if found is None or not found.path.is_file():
        raise StudyError(f"The study names {sound}, and the library has no such sound here.")
    return found.path


def _measured(
    study_file: Path, library_folder: Path | None, device: str | None
) -> dict[str, Callable[[Path], Record]]:
    """Fig. 6 and Table 2, by the commands that make them."""
    from query.cli.evaluate import correlate, mos

    return {
        "mos": mos.measure,
        "correlate": lambda file: correlate.measure(study_file, file, library_folder, device),
    }
