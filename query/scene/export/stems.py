"""The mix and its layers as broadcast WAVs, stamped with the film's start."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from indexer.audio.write import Bext, wav_writer
from indexer.errors import SceneError
from indexer.progress import Progress
from query.scene.cues import CueSheet, Film
from query.scene.export.sound import keep_apart
from query.scene.mix import CHANNELS, RATE, Mix, MixOptions, MixReport, summed
from query.scene.voice import sample_at


def write_stems(
    sheet: CueSheet, out: Path, mix: MixOptions | None = None, progress: Progress | None = None
) -> MixReport:
    """Write NAME.wav, the mix, and NAME_ambience.wav, NAME_spots.wav and, where the film's own
    sound is in the mix, NAME_original.wav: 48 kHz, 24 bits, stereo, all with the mix's one gain,
    so that the layers sum to the mix. Their time reference is the film's start timecode.

    They are written aside and renamed, and never over the film or a clip. Raises SceneError.
    """
    programme = Mix(sheet, mix)
    paths = {stem: named(out, stem) for stem in programme.stems}
    keep_apart(sheet, out, *paths.values())
    report = programme.measured(progress)
    try:
        with ExitStack() as stack:
            whole, *files = (
                stack.enter_context(wav_writer(path, RATE, CHANNELS, bext=_bext(sheet.film, name)))
                for name, path in (("mix", out), *paths.items())
            )
            for stems in programme.told(report.gain, "Writing the mix", progress):
                whole.write(summed(stems))
                for file, stem in zip(files, paths, strict=True):
                    file.write(stems[stem])
    except OSError as error:
        raise SceneError(
            f"{out} cannot be written ({error.strerror or error}): name a folder that has room "
            "and may be written to."
        ) from error
    return report


def named(out: Path, layer: str) -> Path:
    """Where a layer of the mix `out` is written: "ambience", "spots" or "original"."""
    return out.with_stem(f"{out.stem}_{layer}")


def _bext(film: Film, name: str) -> Bext:
    start = sample_at(film.at(film.start), RATE)
    return Bext(start, f"{name} for {Path(film.path).name}", recorded=datetime.now())
