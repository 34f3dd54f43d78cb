from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from scene_films import NTSC_FILM, clip, cue, film, sheet, video

from indexer.audio.tags import read_tags
from indexer.errors import SceneError
from query.scene.export.stems import write_stems
from query.scene.mix import MixOptions


@pytest.mark.parametrize("original", ["keep", "replace"])
def test_layers_sum_to_the_mix_and_begin_at_the_films_timecode(
    tmp_path: Path, original: str
) -> None:
    path = video(
        tmp_path / "film.mov", 48, NTSC_FILM, sounds.noise(2.1, peak=0.1), audio="pcm_s24le"
    )
    bed = clip(tmp_path / "a.wav", sounds.noise(0.8, channels=2, peak=0.2))
    bark = clip(tmp_path / "b.wav", sounds.clicks([0.1], 0.5))
    made = sheet(
        film(path, 48, NTSC_FILM, start=86_400, sound=True),
        cue(1, "ambience", 0, 48, bed, loop=True),
        cue(2, "spot", 20, 12, bark),
    )
    report = write_stems(made, tmp_path / "out.wav", MixOptions(original, "web-16"))
    names = ["", "_ambience", "_spots", *(["_original"] if original == "keep" else [])]
    found = {n: soundfile.read(tmp_path / f"out{n}.wav")[0] for n in names}
    assert {len(samples) for samples in found.values()} == {48 * 2002}
    whole = found.pop("")
    assert np.abs(whole - sum(found.values())).max() < 4 * 2.0**-23
    assert all(np.abs(samples).max() > 0.01 for samples in found.values())
    for name in names:
        file = tmp_path / f"out{name}.wav"
        assert read_tags(file).time_reference == round(86_400 * Fraction(1001, 24_000) * 48_000)
        assert soundfile.info(file).subtype == "PCM_24"
        assert "film.mov" in read_tags(file).description
    assert report.gain != 0
    assert len(list(tmp_path.glob("out*"))) == len(names)


def test_no_stem_is_written_over_a_clip(tmp_path: Path) -> None:
    bed = clip(tmp_path / "out_spots.wav", sounds.noise(1.0))
    made = sheet(film(tmp_path / "film.mov"), cue(1, "ambience", 0, 50, bed))
    before = Path(bed.path).read_bytes()
    with pytest.raises(SceneError, match=r"out_spots\.wav is used by this scene"):
        write_stems(made, tmp_path / "out.wav")
    assert Path(bed.path).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out_spots.wav"]
