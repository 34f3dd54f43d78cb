"""`sonorize doctor`: what is here, what is not as it should be, and what to do about it."""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from indexer.cli.common import library_folder as folder_of
from indexer.cli.common import library_option
from indexer.counting import counted
from indexer.errors import LibraryNotFound, SonorizeError

if TYPE_CHECKING:
    from indexer.library import Library

IMPORTED = {
    "torch": "torch", "numpy": "numpy", "scipy": "scipy", "av": "av", "soundfile": "soundfile",
    "soxr": "soxr", "pillow": "PIL", "safetensors": "safetensors", "tokenizers": "tokenizers",
    "sqlalchemy": "sqlalchemy", "alembic": "alembic",
}  # fmt: skip
"""Distribution → module, of those with compiled parts or many versions."""

LITTLE = 2e9  # bytes free that are worth a word
APART = "install sonorize into an environment of its own (uv tool install, or pipx)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `do`: what to do about it, or ""."""

    about: str
    state: Literal["ok", "note", "broken"]
    says: str
    do: str = ""


@click.command()
@library_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table",
              show_default=True, help="json: one object a line.")  # fmt: skip
def doctor(library_folder: Path | None, form: str) -> None:
    """Look at versions, device, models and library, and say what to do.

    Exit code 1 if something is broken.

    \b
    sonorize doctor
    sonorize doctor --library ~/effects --format json
    """
    findings = list(_all(folder_of(library_folder)))
    for finding in findings:
        if form == "json":
            click.echo(json.dumps(asdict(finding)))
            continue
        click.echo(f"{finding.state:<7} {finding.about:<9} {finding.says}")
        if finding.do:
            click.echo(f"{'':<17} → {finding.do}")
    if any(finding.state == "broken" for finding in findings):
        raise click.exceptions.Exit(1)


def _all(folder: Path) -> Iterator[Finding]:
    yield _sonorize()
    yield from _packages()
    yield from _names()
    yield _faiss()
    yield from _openmp()
    yield from _device()
    yield from _models()
    yield from _folders(folder)
    try:
        yield from _library(folder)
    except LibraryNotFound as error:
        yield Finding("library", "note", str(error))
    except SonorizeError as error:
        yield Finding("library", "broken", str(error))


def _sonorize() -> Finding:
    own = _version("sonorize") or "from a checkout"
    system = f"Python {platform.python_version()}, {platform.platform()}"
    return Finding("sonorize", "ok", f"sonorize {own}, {system}")


def _packages() -> Iterator[Finding]:
    good = []
    for distribution, module in IMPORTED.items():
        if (error := _import_error(module)) is None:
            good.append(f"{distribution} {_version(distribution)}")
        else:
            yield Finding(
                "packages", "broken", f"{distribution} cannot be imported: {error}.",
                f"install it again: pip install --force-reinstall {distribution}",
            )  # fmt: skip
    yield Finding("packages", "ok", ", ".join(good))


def _names() -> Iterator[Finding]:
    owners = metadata.packages_distributions()
    for name in ("indexer", "query"):
        for other in sorted(set(owners.get(name, [])) - {"sonorize"}):
            yield Finding(
                "packages", "broken", f"{other} also installs a package named {name}.", APART
            )


def _faiss() -> Finding:
    from indexer.vectors import registry

    here = [f"{name} {_version(name)}" for name in registry.FAISS_PACKAGES if _version(name)]
    if registry.two_faiss_packages():
        return Finding(
            "faiss", "broken", f"{' and '.join(here)} overwrite each other's files.",
            "pip uninstall faiss-cpu faiss-gpu, then install the one you want",
        )  # fmt: skip
    if "faiss" not in registry.available():
        do = "" if sys.platform == "darwin" else "for large libraries: pip install 'sonorize[cpu]'"
        return Finding("faiss", "ok", "not installed; the exact index is used", do)
    if sys.platform == "darwin":
        return Finding(
            "faiss", "note", f"{here[0]} and torch each bring an OpenMP and crash together; "
            "the exact index is used.", "pip uninstall faiss-cpu",
        )  # fmt: skip
    if (error := _import_error("faiss")) is not None:
        return Finding(
            "faiss", "broken", f"faiss cannot be imported: {error}.",
            "pip uninstall faiss-cpu faiss-gpu; the exact index is used without",
        )  # fmt: skip
    return Finding("faiss", "ok", f"{', '.join(here)}, {_faiss_place()}")


def _faiss_place() -> str:
    from indexer.vectors.faiss_index import built_for_gpu, gpus

    if not built_for_gpu():
        return "built for the CPU, where searches run"
    if not (count := gpus()):
        return "built for GPUs; it sees none, or must not use it: searches run on the CPU"
    return f"built for GPUs; it sees {count}: searches after an index's first run on number 0"


def _openmp() -> Iterator[Finding]:
    """The OpenMP runtimes that torch and faiss have brought into this process."""
    files = _openmp_files()
    kinds = {re.match(r"lib([a-z]+)", name)[1] for name in files}  # type: ignore[index]
    says = ", ".join(sorted(files))
    if len(kinds) > 1:
        yield Finding(
            "OpenMP", "note", f"torch and faiss run on different OpenMPs: {says}.",
            'if sonorize ends without a word, write index = "exact" in library.toml',
        )  # fmt: skip
    elif len(files) > 1:
        yield Finding("OpenMP", "ok", f"{says}: copies of one runtime, which get on")


def _openmp_files() -> set[str]:
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return set()
    names = {line.split("/")[-1] for line in maps.read_text().splitlines() if "/" in line}
    return {name for name in names if re.match(r"lib(gomp|omp|iomp5)\b", name)}


def _device() -> Iterator[Finding]:
    from indexer import settings
    from indexer.encoders import device

    if _import_error("torch") is not None:
        return
    import torch

    try:
        chosen = device.choose(settings.load().device)
    except SonorizeError as error:
        yield Finding("device", "broken", str(error), "change or remove SONORIZE_DEVICE")
        return
    name = torch.cuda.get_device_name() if chosen.type == "cuda" else ""
    threads = counted(torch.get_num_threads(), "thread") if chosen.type == "cpu" else ""
    yield Finding("device", "ok", " ".join(filter(None, [chosen.type, name, threads])))
    if chosen.type == "cpu" and not torch.cuda.is_available() and shutil.which("nvidia-smi"):
        yield Finding(
            "device", "note", f"There is an NVIDIA card, and torch {torch.__version__} "
            "cannot use it.", "install a CUDA build of torch",
        )  # fmt: skip


def _models() -> Iterator[Finding]:
    from indexer import settings
    from indexer.encoders import registry, weights

    folder, absent = settings.load().models, []
    for name in registry.names():
        entry = registry.entry(name)
        state = weights.status(name, folder).state
        if not entry.size or (state == "missing" and name != registry.default):
            absent += [name] if entry.size else []
        elif state == "ready":
            yield Finding("models", "ok", f"{name} ({entry.licence})")
        else:
            here = "not all here" if state == "partial" else "not here"
            yield Finding(
                "models", "note", f"{name} is {here} ({entry.licence}).",
                f"sonorize models fetch {name} ({weights.in_words(entry.size)})",
            )  # fmt: skip
    if absent:
        yield Finding("models", "ok", f"others, not here: {', '.join(absent)}")


def _folders(library: Path) -> Iterator[Finding]:
    from indexer import settings

    for what, folder in (("library", library), ("models", settings.load().models)):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        says = f"{what} in {folder}, {free / 1e9:,.0f} GB free"
        if free < LITTLE:
            yield Finding("folders", "note", says, "make room on this drive")
        else:
            yield Finding("folders", "ok", says)


def _library(folder: Path) -> Iterator[Finding]:
    from indexer import settings
    from indexer.encoders import weights
    from indexer.library import Library

    with Library.open(folder) as library:
        faults = library.catalog.faults()
        for fault in faults:
            yield Finding("library", "broken", fault, "put a copy of it back, or build anew")
        if faults:
            return
        model = library.config.encoder
        if weights.status(model, settings.load().models).state != "ready":
            yield Finding(
                "library", "note", f"It was built with {model}, which is not here: only exact "
                "words can be asked.", f"sonorize models fetch {model}",
            )  # fmt: skip
        yield from _sounds(library)
        yield from _roots(library)
        yield from _indexes(library)


def _sounds(library: Library) -> Iterator[Finding]:
    from indexer.catalog import schema

    counts = library.catalog.counts()
    revisions = schema.revisions()
    head = next(revision for revision in revisions if revision not in revisions.values())
    yield Finding(
        "library", "ok", f"{counted(counts['ready'], 'sound')} ready, "
        f"{counted(counts['windows'], 'window')}, built "
        f"with {library.config.encoder}; catalog revision {head}",
    )  # fmt: skip
    if unheard := counts["named"] + counts["partial"]:
        yield Finding(
            "library", "note", f"Sounds not, or not wholly, heard yet: {unheard:,}.",
            "run the same sonorize build-index again: it goes on where it was",
        )  # fmt: skip
    if counts["failed"]:
        yield Finding(
            "library", "note", f"Unreadable files: {counts['failed']:,}.",
            "sonorize library status lists them; build-index --retry-failed tries them again",
        )  # fmt: skip


def _roots(library: Library) -> Iterator[Finding]:
    for root in library.catalog.counted_roots():
        if root.kind == "folder" and not Path(root.location).is_dir():
            yield Finding(
                "library", "note", f"{root.location} is not there; its sounds stay searchable.",
                f"plug it in, or: sonorize library roots --move {root.id} PLACE",
            )  # fmt: skip
        elif root.offline:
            yield Finding(
                "library", "note", f"Files of {root.location} that are offline: {root.offline:,}.",
                f"sonorize build-index {root.location}",
            )  # fmt: skip
        elif root.missing:
            yield Finding(
                "library", "note", f"Files gone from {root.location}: {root.missing:,}.",
                f"to forget them: sonorize build-index {root.location} --prune",
            )  # fmt: skip


def _indexes(library: Library) -> Iterator[Finding]:
    from indexer.care import damaged, left_over, searched
    from indexer.library import SAVE_AFTER
    from indexer.vectors import registry

    here = ("auto", *registry.available())
    if library.config.index not in here and not library.config.index.startswith(registry.MILVUS):
        yield Finding(
            "library", "broken", f"Its index is to be {library.config.index}, which is not here.",
            'write index = "auto" in library.toml, or install sonorize[cpu]',
        )  # fmt: skip
    for known in searched(library).values():
        if known is not None:
            yield Finding("library", "ok", f"Search is {known.said()}.")
    for sentence in (*damaged(library), *left_over(library)):
        yield Finding("library", "note", sentence, "sonorize library rebuild")
    newest: dict[str, int] = {}
    for path in (library.folder / "index").glob("clips-*-*.*"):
        if named := re.fullmatch(r"(clips-[\d-]+)-(\d+)\.[a-z]+", path.name):
            newest[named[1]] = max(newest.get(named[1], 0), int(named[2]))
    last = library.catalog.embeddings.changes(sys.maxsize)[1]
    behind = last - min(newest.values(), default=0)
    if behind > SAVE_AFTER:
        yield Finding(
            "library", "note", f"The index files lack the last {behind:,} changes, which every "
            "question has to take in first.", "sonorize library rebuild",
        )  # fmt: skip


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _import_error(module: str) -> str | None:
    """Why a module cannot be imported, on one line; None if it can."""
    try:
        import_module(module)
    except (ImportError, OSError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return None
