"""What a project file says, as a cue sheet: each value of its kind, and possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from fractions import Fraction
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from indexer.counting import counted
from query.scene.cues import Clip, Cue, CueSheet, Film, Shot

T = TypeVar("T")
Kind = Any  # a type, as an annotation spells it
_GAIN = 100.0  # dB: more is a slip of the pen
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class Wrong(Exception):
    """Something in the file makes no sense: where, and what."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place} {what}")


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises Wrong where a key stands twice: one of the two would be lost."""
    said = dict(pairs)
    if len(said) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise Wrong(f"{twice!r}", "stands twice in one pair of braces")
    return said


def sheet_of(said: Mapping[str, Any]) -> CueSheet:
    """Raises Wrong. A key that has a default may be left out; one that is not known may not be."""
    sheet = _made(CueSheet, said, "")
    _require_film(sheet.film)
    for place, shot in enumerate(sheet.shots):
        _require_shot(shot, f"shots[{place}]", place, sheet.film)
    for place, cue in enumerate(sheet.cues):
        _require_cue(cue, f"cues[{place}]", sheet)
    ids = [cue.id for cue in sheet.cues]
    for place, name in enumerate(ids):
        _require(name not in ids[:place], f"cues[{place}].id", f"{name!r} is another cue's too")
    return sheet


def _made(kind: type[T], said: Any, place: str) -> T:
    """A dataclass from a JSON object."""
    if not isinstance(said, dict):
        raise Wrong(place, "is not an object in braces")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in said:
        _require(key in known, _at(place, key), "is not known: check the spelling")
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        _require(name in said or not needed, _at(place, name), "is missing")
    return kind(
        **{
            name: _alternates(value, _at(place, name))
            if name == "alternates"
            else _value(hints[name], value, _at(place, name))
            for name, value in said.items()
        }
    )


def _value(kind: Kind, said: Any, place: str) -> Any:
    origin: Any = get_origin(kind)
    inner = get_args(kind)
    if origin is Literal:
        _require(said in inner, place, f"is {said!r}, not one of {', '.join(inner)}")
        return said
    if origin is tuple:
        _require(isinstance(said, list), place, "is not a list")
        return tuple(_value(inner[0], each, f"{place}[{at}]") for at, each in enumerate(said))
    if origin is UnionType:
        return None if said is None else _value(inner[0], said, place)
    if kind is Fraction:
        return _fraction(said, place)
    if kind in _PARTS:
        return _made(kind, said, place)
    if kind in _NAMES:
        return _plain(kind, said, place)
    _require(isinstance(said, dict), place, "is not an object in braces")  # settings
    return said


def _plain(kind: type, said: Any, place: str) -> Any:
    fits = type(said) is kind or (kind is float and type(said) is int)
    _require(fits, place, f"is {said!r}, not {_NAMES[kind]}")
    if kind is not float:
        return said
    _require(abs(said) < 1e300, place, "is no number that can be worked with")
    return float(said)


def _fraction(said: Any, place: str) -> Fraction:
    try:
        # A float says 23.976 of 24000/1001: not the same.
        return Fraction(said if isinstance(said, str | int) else "")
    except (ValueError, ZeroDivisionError):
        raise Wrong(place, f'is {said!r}, not a fraction like "24000/1001"') from None


def _alternates(said: Any, place: str) -> tuple[tuple[Clip, float], ...]:
    _require(isinstance(said, list), place, "is not a list")
    made = []
    for number, each in enumerate(said):
        at = f"{place}[{number}]"
        whole = isinstance(each, dict) and each.keys() == {"clip", "offset"}
        _require(whole, at, 'is not an object of "clip" and "offset"')
        made.append((_made(Clip, each["clip"], f"{at}.clip"),
                     _plain(float, each["offset"], f"{at}.offset")))  # fmt: skip
    return tuple(made)


def _require_film(film: Film) -> None:
    _require(film.rate > 0, "film.rate", "is not above 0")
    _require(film.frames > 0, "film.frames", "is not above 0")
    for name in ("start", "width", "height"):
        _require(getattr(film, name) >= 0, f"film.{name}", "is below 0")
    drops = film.rate in (Fraction(30000, 1001), Fraction(60000, 1001))
    _require(not film.drop or drops, "film.drop", f"is true, but not possible at {film.rate}")


def _require_shot(shot: Shot, place: str, number: int, film: Film) -> None:
    _require(shot.index == number, f"{place}.index", f"is {shot.index}, not {number}")
    _require(shot.start >= 0, f"{place}.start", "is below 0")
    _require(shot.end > shot.start, f"{place}.end", "is not after its start")
    after = f"is after the film's {counted(film.frames, 'frame')}"
    _require(shot.end <= film.frames, f"{place}.end", after)


def _require_cue(cue: Cue, place: str, sheet: CueSheet) -> None:
    shots = len(sheet.shots)
    known = f"is {cue.shot}, but the film has {counted(shots, 'shot')}"
    _require(bool(cue.id), f"{place}.id", "is empty")
    _require(0 <= cue.shot < shots, f"{place}.shot", known)
    _require(cue.start >= 0, f"{place}.start", "is below 0")
    _require(cue.frames > 0, f"{place}.frames", "is not above 0")
    end = sheet.film.frames
    _require(cue.end <= end, f"{place}.frames", f"takes it past the film's {counted(end, 'frame')}")
    _require(abs(cue.gain) <= _GAIN, f"{place}.gain", f"is {cue.gain} dB, which no sound bears")
    for name in ("fade_in", "fade_out"):
        _require(getattr(cue, name) >= 0, f"{place}.{name}", "is below 0")
    _require_clip(cue.clip, cue.offset, place, "clip")
    for number, (clip, offset) in enumerate(cue.alternates):
        _require_clip(clip, offset, f"{place}.alternates[{number}]", "clip")


def _require_clip(clip: Clip, offset: float, place: str, name: str) -> None:
    for each in ("path", "identity"):
        _require(bool(getattr(clip, each)), f"{place}.{name}.{each}", "is empty")
    for each in ("duration", "sample_rate", "channels"):
        _require(getattr(clip, each) > 0, f"{place}.{name}.{each}", "is not above 0")
    inside = 0 <= offset < clip.duration
    said = f"is {offset}, outside the clip's {clip.duration} seconds"
    _require(inside, f"{place}.offset", said)


def _require(true: bool, place: str, what: str) -> None:
    if not true:
        raise Wrong(place, what)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


_PARTS = (Film, Clip, Cue, Shot)
