"""`sweep.toml`: which ways to write captions are compared, and what makes sounds of them.

model = "audioldm2"
captioner = "blip"                      # if not said
captions = 1                            # of each frame in each way
seconds = 10.0                          # of each sound
steps = 100                             # the model's own if not said; so with guidance
seed = 0

[settings]                              # all combinations are tried
decode = ["sample", "beam"]             # top_k, top_p and temperature count for sample
temperature = [0.7, 1.0, 1.3]
top_p = [0.5, 0.9]
top_k = [50]
beams = [5]                             # for beam
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from indexer.counting import counted
from indexer.encoders import registry
from indexer.errors import StudyError, UnknownEncoder
from query.captions.protocol import Decoding
from query.generation.protocol import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PLAIN = Decoding()
MOST = 1000  # ways


@dataclass(frozen=True, slots=True)
class Grid:
    """ways: how captions are written, each with its count and seed."""

    model: str
    captioner: str
    settings: Settings
    seed: int
    ways: tuple[Decoding, ...]


def name_of(way: Decoding) -> str:
    """ "sample, temperature 0.7, top-p 0.9, top-k 50"."""
    if way.method == "beam":
        return f"beam, {counted(way.beams, 'beam')}"
    return f"sample, temperature {way.temperature:g}, top-p {way.top_p:g}, top-k {way.top_k}"


def read_grid(path: Path) -> Grid:
    """Raises StudyError, saying what to mend, for anything that is not as described above."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}): check the name.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not TOML ({error}): mend it.") from error
    read = _Reader(path, said, _TOP)
    model, captioner = read.text("model", ""), read.text("captioner", "blip")
    try:
        registry.entry(model, "sounds")
        registry.entry(captioner, "captions")
    except UnknownEncoder as error:
        raise StudyError(f"{path}: {error}") from error
    seed = read.number("seed", 0, int)
    way = replace(PLAIN, count=read.number("captions", 1, int), seed=seed)
    settings = Settings(
        read.number("seconds", 10.0, float),
        read.number("steps", None, int),
        read.number("guidance", None, float),
    )
    return Grid(model, captioner, settings, seed, _ways(path, said.get("settings", {}), way))


def _ways(path: Path, said: Any, way: Decoding) -> tuple[Decoding, ...]:
    read = _Reader(path, said if isinstance(said, dict) else {"settings": said}, _WAYS)
    methods = read.numbers("decode", ["sample"], str)
    tried = [
        replace(way, method=method, temperature=heat, top_p=share, top_k=count, beams=beams)
        for method, heat, share, count, beams in product(
            methods,
            read.numbers("temperature", [way.temperature], float),
            read.numbers("top_p", [way.top_p], float),
            read.numbers("top_k", [way.top_k], int),
            read.numbers("beams", [way.beams], int),
        )
    ]
    if not {"sample", "beam"}.issuperset(methods):
        raise StudyError(f'{path}: decode is "sample" or "beam".')
    ways = {name_of(each): _told_apart(each) for each in tried}
    if not 1 <= len(ways) <= MOST:
        raise StudyError(
            f"{path}: {counted(len(ways), 'way')} to write captions: give 1 to {MOST:,}."
        )
    return tuple(ways.values())


def _told_apart(way: Decoding) -> Decoding:
    """What does not count for its method is as it would be anyway."""
    if way.method == "beam":
        kept = {"temperature": PLAIN.temperature, "top_p": PLAIN.top_p, "top_k": PLAIN.top_k}
        return replace(way, **kept)  # type: ignore[arg-type]
    return replace(way, beams=PLAIN.beams)


_TOP = frozenset("model captioner captions seconds steps guidance seed settings".split())
_WAYS = frozenset("decode temperature top_p top_k beams".split())
_LEAST = {"temperature": 0.01, "seconds": 0.1, "captions": 1, "beams": 1, "steps": 1}
_MOST = {"top_p": 1.0, "captions": 100}


class _Reader:
    """Values of one table, each of its kind and possible."""

    def __init__(self, path: Path, said: Mapping[str, Any], known: frozenset[str]) -> None:
        self._path, self._said = path, said
        for name in said:
            if name not in known:
                raise StudyError(f"{path} has no {name!r}; it may have {', '.join(sorted(known))}.")

    def text(self, name: str, default: str) -> str:
        return str(self._said.get(name, default))

    def number(self, name: str, default: Any, kind: Callable[[Any], Any]) -> Any:
        return self._one(name, self._said[name], kind) if name in self._said else default

    def numbers(self, name: str, default: list[Any], kind: Callable[[Any], Any]) -> list[Any]:
        said = self._said.get(name, default)
        return [
            self._one(name, each, kind) for each in (said if isinstance(said, list) else [said])
        ]

    def _one(self, name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
        if kind is str and isinstance(value, str):
            return value
        whole = type(value) is int or (kind is float and type(value) is float)
        if kind is str or not whole or not _LEAST.get(name, 0) <= value <= _MOST.get(name, 1e9):
            raise StudyError(f"{self._path}: {name} cannot be {value!r}.")
        return kind(value)


def key_of(way: Decoding, captioner: str, weights: str) -> dict[str, Any]:
    """All that captions follow from beside the frame, for a file."""
    return {"captioner": captioner, "weights": weights, **asdict(way)}
