"""`sonorize serve`."""

from __future__ import annotations

from pathlib import Path

import click

from indexer.cli import common
from indexer.cli.common import device_option, library_option, say


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
@device_option
def serve(
    library_folder: Path | None,
    host: str,
    port: int,
    no_open: bool,
    roots: tuple[Path, ...],
    device: str | None,
) -> None:
    """Open the library as a page in the browser: ask, listen, choose.

    \b
    sonorize serve
    sonorize serve --library ~/effects --port 9000
    """  # fmt: skip
    from indexer.errors import SonorizeError

    try:
        from query.web.serve import serve as run
    except ModuleNotFoundError as error:
        raise SonorizeError(
            f"The page needs {error.name}, which is not here: install sonorize with its extra web."
        ) from error
    run(common.library_folder(library_folder), say, host=host, port=port, device=device,
        browser=not no_open, roots=roots,
        reveal=lambda path: click.launch(str(path), locate=True))  # fmt: skip
