"""sonorize models: which models there are, bringing their files here, checking them."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def models() -> None:
    """List, fetch and verify the models that sounds and pictures are compared with."""


@models.command("list")
def list_models() -> None:
    """Name, size, licence and state of every model."""
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    for name in registry.names():
        entry = registry.entry(name)
        size = weights.megabytes(entry.size) if entry.size else "built in"
        state = weights.status(name, folder).state
        click.echo(f"{name:<12} {size:>9}  {state:<8} {entry.licence}")


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option(
    "--from",
    "found_in",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with files that were downloaded elsewhere.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def fetch(names: tuple[str, ...], found_in: Path | None, yes: bool) -> None:
    """Bring the files of models here; what is here already is only checked."""
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    for name in names:
        entry = registry.entry(name)
        if weights.status(name, folder).state != "ready":
            click.echo(
                f"The {name} model is {weights.megabytes(entry.size)}, "
                f"under {entry.licence}; it goes into {folder / name}.",
                err=True,
            )
            if not yes:
                click.confirm("Fetch it?", default=True, abort=True, err=True)
        weights.fetch(name, folder, lambda said: click.echo(said, err=True), found_in=found_in)
        click.echo(f"{name}: ready")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
def verify(names: tuple[str, ...]) -> None:
    """Read every file of the models named, or of all that are here, and check it."""
    from indexer import settings
    from indexer.encoders import registry, weights

    folder = settings.load().models
    here = [n for n in registry.names() if weights.status(n, folder).state == "ready"]
    for name in names or here:
        files = weights.verify(name, folder)
        click.echo(f"{name}: {len(files)} files intact" if files else f"{name}: built in")
