"""A cue sheet as it sounds: stereo at 48 kHz, a second at a time, at one level for a programme.

    ambience   its cues, lowered under spots
    spots      their cues
    original   the film's own sound, kept, lowered under cues, or left out

Where spots lie is known, so the ambience goes down before one begins. Levels within the mix are
those of the cues; loudness is reached by one gain for everything, and nothing is compressed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from indexer.audio import decode
from indexer.audio.meter import Loudness, Meter
from indexer.errors import AudioError, SceneError
from indexer.progress import Progress
from query.scene.cues import CueSheet, Film, pieces
from query.scene.duck import Duck
from query.scene.own import sound_begins
from query.scene.voice import DECLICK, Span, Voice, levels, sample_at, span_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Original = Literal["keep", "duck", "replace"]
Stem = Literal["ambience", "spots", "original"]
Stems = dict[Stem, "NDArray[np.float32]"]

RATE = 48_000
CHANNELS = 2
BLOCK = RATE
DUCK = 6.0  # dB

TARGETS: dict[str, tuple[float | None, float]] = {
    "off": (None, -1.0),
    "r128": (-23.0, -1.0),
    "a85": (-24.0, -2.0),
    "netflix": (-27.0, -2.0),
    "web-14": (-14.0, -1.0),
    "web-16": (-16.0, -1.0),
}
"""LUFS and highest dBTP: EBU R 128, ATSC A/85, Netflix's specification, streaming services."""

MARGIN = 0.1  # dB under the highest true peak: meters differ by some hundredths

_DIALOGUE = (
    "Netflix measures -27 LKFS on dialogue alone, which cannot be told apart here: the figure is "
    "that of the whole programme."
)
_SILENT = "The mix is silent: there is no loudness to bring to its target."


@dataclass(frozen=True, slots=True)
class MixOptions:
    """original: the film's own sound. loudness: a name of TARGETS. duck: 0 to 60 dB.

    Raises SceneError for anything else.
    """

    original: Original = "keep"
    loudness: str = "r128"
    duck: float = DUCK

    def __post_init__(self) -> None:
        if self.original not in get_args(Original):
            raise SceneError(
                f"The film's own sound cannot be {self.original!r}: choose "
                f"{', '.join(get_args(Original))}."
            )
        if self.loudness not in TARGETS:
            raise SceneError(f"{self.loudness!r} is no loudness: choose {', '.join(TARGETS)}.")
        if not 0 <= self.duck <= 60:
            raise SceneError(f"Sounds cannot be lowered by {self.duck} dB: choose 0 to 60.")


@dataclass(frozen=True, slots=True)
class MixReport:
    """How a programme came out.

    loudness    integrated, LUFS; None for silence. target: what was wanted, or None
    true_peak   dBTP; None for silence
    gain        dB, of the whole programme
    missed_by   LU under its target, for the sake of its true peak
    notes       sentences: what was left out, and what the figures do not say
    """

    loudness: float | None
    target: float | None
    true_peak: float | None
    gain: float
    missed_by: float = 0.0
    notes: tuple[str, ...] = ()


class Mix:
    """The programme of a sheet, from the film's first frame to its last.

    length   samples at 48 kHz
    stems    those there are
    notes    clips that cannot be read are left out, and said here; complete after a pass

    Of every sound that plays about a second is held, and nothing else.
    """

    def __init__(self, sheet: CueSheet, options: MixOptions | None = None) -> None:
        self.options = options or MixOptions()
        self.length = sample_at(sheet.film.seconds, RATE)
        self.stems: tuple[Stem, ...] = ("ambience", "spots")
        self._notes: dict[str, None] = {}
        self._layouts: dict[Path, str] = {}
        self._spans = list(self._cues(sheet))
        if self.options.original != "replace" and sheet.film.sound:
            self._add_original(sheet.film)
        depth = self.options.duck
        self._ducked = {"ambience": Duck(self._where("spots"), depth, RATE)}
        if self.options.original == "duck":
            self._ducked["original"] = Duck(self._where("ambience", "spots"), depth, RATE)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def blocks(self, gain: float = 0.0) -> Iterator[Stems]:
        """Stems, (2, n) float32 each, that sum to the mix; `gain` in dB. Each call is a pass."""
        waiting = deque(sorted(self._spans, key=lambda item: item[1].begin))
        playing: list[tuple[Stem, Voice]] = []
        try:
            for at in range(0, self.length, BLOCK):
                size = min(BLOCK, self.length - at)
                while waiting and waiting[0][1].begin < at + size:
                    stem, span = waiting.popleft()
                    playing.append((stem, self._voice(span)))
                stems: Stems = {stem: np.zeros((CHANNELS, size), np.float32) for stem in self.stems}
                for stem, voice in playing:
                    voice.add_to(stems[stem], at)
                for stem, samples in stems.items():
                    samples *= np.float32(10 ** (gain / 20))
                    if stem in self._ducked:
                        samples *= self._ducked[stem].gain(at, size)
                yield stems
                playing = self._playing_on(playing, at + size)
        finally:
            for _, voice in playing:
                voice.close()

    def told(self, gain: float, stage: str, progress: Progress | None) -> Iterator[Stems]:
        """The blocks, each told as seconds of a stage."""
        progress = progress or Progress()
        progress.stage(stage, self.length / RATE, "s of sound")
        for stems in self.blocks(gain):
            yield stems
            progress.advance(stems["spots"].shape[1] / RATE)

    def measured(self, progress: Progress | None = None) -> MixReport:
        """The first pass: what gain brings it to its target, as far as the true peak allows."""
        meter = Meter(RATE, CHANNELS)
        for stems in self.told(0.0, "Measuring the mix", progress):
            meter.feed(summed(stems))
        heard = meter.finish()
        gain = self.lacking(heard)
        if heard.integrated is None or heard.true_peak is None:
            return self.report(heard, gain)
        return self.report(Loudness(heard.integrated + gain, None, heard.true_peak + gain), gain)

    def lacking(self, heard: Loudness) -> float:
        """dB from what was heard to the target, or as far as the true peak allows."""
        target, ceiling = TARGETS[self.options.loudness]
        if heard.integrated is None or heard.true_peak is None:
            return 0.0
        wanted = 0.0 if target is None else target - heard.integrated
        return min(wanted, ceiling - MARGIN - heard.true_peak)

    def report(self, heard: Loudness, gain: float) -> MixReport:
        """On a programme that was given `gain` dB, and then measures `heard`."""
        target, ceiling = TARGETS[self.options.loudness]
        if heard.integrated is None or heard.true_peak is None:
            return MixReport(None, target, heard.true_peak, gain, 0.0, (*self.notes, _SILENT))
        short = 0.0 if target is None else target - heard.integrated
        notes = list(self.notes)
        if self.options.loudness == "netflix":
            notes.append(_DIALOGUE)
        if short >= 0.1:
            notes.append(
                f"The true peak of {ceiling:g} dBTP holds the mix {short:.1f} LU under its target."
            )
        if target is None and gain < 0:
            notes.append(
                f"The mix is {-gain:.1f} dB down, so that it stays under {ceiling:g} dBTP."
            )
        missed = short if short >= 0.1 else 0.0
        return MixReport(heard.integrated, target, heard.true_peak, gain, missed, tuple(notes))

    def _cues(self, sheet: CueSheet) -> Iterator[tuple[Stem, Span]]:
        for cue in sheet.cues:
            if self._readable(Path(cue.clip.path)):
                stem: Stem = "spots" if cue.layer == "spot" else "ambience"
                for piece in pieces(cue, sheet.film):
                    yield stem, _soft(span_of(cue, piece, sheet.film, RATE))

    def _add_original(self, film: Film) -> None:
        path = Path(film.path)
        if self._readable(path):
            late = sample_at(sound_begins(path), RATE)
            offset = max(0, -late) / RATE
            span = Span(path, RATE, offset, max(0, late), self.length, gaps=True)
            self._spans.append(("original", span))
            self.stems = (*self.stems, "original")

    def _readable(self, path: Path) -> bool:
        if path not in self._layouts:
            try:
                self._layouts[path] = _layout(path)
            except AudioError as error:
                self._layouts[path] = ""
                self._notes[f"Left out: {error}."] = None
        return bool(self._layouts[path])

    def _where(self, *stems: Stem) -> list[tuple[int, int]]:
        """The samples where one of them sounds, fade-outs apart."""
        return [(s.begin, s.end - s.fade_out) for stem, s in self._spans if stem in stems]

    def _voice(self, span: Span) -> Voice:
        return Voice(span, partial(levels, self._layouts[span.path]), RATE)

    def _playing_on(self, playing: list[tuple[Stem, Voice]], at: int) -> list[tuple[Stem, Voice]]:
        """Without those that are over, which are closed; what went wrong with them is noted."""
        for _, voice in playing:
            if voice.span.end <= at:
                voice.close()
                if voice.note:
                    self._notes[f"{voice.note}."] = None
        return [(stem, voice) for stem, voice in playing if voice.span.end > at]


def summed(stems: Stems) -> NDArray[np.float32]:
    """The mix, (2, n)."""
    total: NDArray[np.float32] = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    return total


def _soft(span: Span) -> Span:
    """A cue without fades begins and ends by a short one: cuts would click."""
    short = min(round(DECLICK * RATE), (span.end - span.begin) // 2)
    return replace(span, fade_in=max(span.fade_in, short), fade_out=max(span.fade_out, short))


def _layout(path: Path) -> str:
    """FFmpeg's name of the speakers that a sound is meant for. Raises AudioError."""
    found = decode.blocks(path)
    try:
        next(found)
    finally:
        found.close()
    return decode.probe(path).channel_layout
