"""The mix as a sound track on its own, coded as a film's container wants it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.audio import decode
from indexer.audio.meter import Loudness, Meter
from indexer.audio.write import stored
from indexer.errors import SceneError
from indexer.progress import Progress
from query.scene.cues import CueSheet
from query.scene.mix import CHANNELS, MARGIN, RATE, TARGETS, Mix, MixReport, summed

if TYPE_CHECKING:
    from av import AudioFrame
    from numpy.typing import NDArray

_TRIES = 4
_EXACT = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0", "aac_tns": "0"}
"""At 320 kb/s FFmpeg's encoder needs none of its savings, and they let peaks stray: on noise with
clicks it is wrong by .17 of full scale at most, and by 1.0 as it comes."""


@dataclass(frozen=True, slots=True)
class Coding:
    """FFmpeg's names of container, codec and samples. rate: bits a second where it is lossy."""

    container: str
    codec: str
    samples: str
    rate: int = 0


CODINGS = {
    ".mp4": Coding("mp4", "aac", "fltp", 320_000),
    ".mov": Coding("mov", "pcm_s24le", "s32"),
    ".mkv": Coding("matroska", "flac", "s32"),
}


def keep_apart(sheet: CueSheet, *outs: Path) -> None:
    """Raises SceneError if a file to be written is the film or a sound, or has no folder."""
    clips = [clip for cue in sheet.cues for clip in (cue.clip, *(c for c, _ in cue.alternates))]
    sources = {Path(path) for path in (sheet.film.path, *(clip.path for clip in clips))}
    for out in outs:
        if not out.parent.is_dir():
            raise SceneError(f"There is no folder {out.parent}: make it, or name another.")
        if out.exists() and any(path.exists() and path.samefile(out) for path in sources):
            raise SceneError(f"{out} is used by this scene: give the result another name.")


def write_sound(
    mix: Mix, report: MixReport, path: Path, coding: Coding, progress: Progress | None
) -> MixReport:
    """The mix at the gain that was reported, into a container of its own.

    A lossy codec moves peaks and loudness. So what it made is measured, and made again until it
    fits; the report is of the sound that comes out.
    """
    ceiling = TARGETS[mix.options.loudness][1]
    for tries in range(_TRIES):
        _encode(mix.told(report.gain, "Encoding the mix", progress), path, coding)
        if not coding.rate:
            return report
        heard = _heard(path)
        report, lacking = mix.report(heard, report.gain), mix.lacking(heard)
        fits = heard.true_peak is None or heard.true_peak < ceiling - MARGIN / 2
        if fits and (lacking < MARGIN or tries):
            return report
        report = replace(report, gain=report.gain + lacking)
    note = f"The encoder's true peak stays above {ceiling:g} dBTP: choose .mov or .mkv."
    return replace(mix.report(heard, report.gain - lacking), notes=(*report.notes, note))


def _encode(blocks: Iterator[Any], path: Path, coding: Coding) -> None:
    import av

    with av.open(path, "w", format=coding.container) as container:
        options = _EXACT if coding.codec == "aac" else {}
        stream: Any = container.add_stream(
            coding.codec, rate=RATE, layout="stereo", options=options
        )
        stream.format = coding.samples
        if coding.rate:
            stream.bit_rate = coding.rate
        at = 0
        for stems in blocks:
            samples = summed(stems)
            frame = _frame(samples, coding)
            frame.sample_rate, frame.pts = RATE, at
            at += samples.shape[1]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frame(samples: NDArray[np.float32], coding: Coding) -> AudioFrame:
    import av

    if coding.samples == "fltp":
        planes = np.ascontiguousarray(samples)
    else:
        planes = np.ascontiguousarray(stored(samples, 24).T).reshape(1, -1)
    return av.AudioFrame.from_ndarray(planes, format=coding.samples, layout="stereo")


def _heard(path: Path) -> Loudness:
    meter = Meter(RATE, CHANNELS)
    for block in decode.blocks(path):
        meter.feed(block.samples)
    return meter.finish()
