from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from hypothesis import given
from hypothesis import strategies as st
from scene_films import NTSC_FILM, clip, cue, film, sheet

from indexer.audio.tags import read_tags
from indexer.errors import SceneError
from query.scene.export.collect import CollectOptions, collect
from query.scene.export.names import safe

HOUR = 86_400
FILM = film(Path("film.mov"), 480, NTSC_FILM, start=HOUR)


def test_a_cue_comes_with_its_handles_and_place(tmp_path: Path) -> None:
    samples = sounds.noise(8.0, channels=6)
    made = clip(tmp_path / "a.wav", samples, title="Door slam", author="Ann", licence="CC0-1.0")
    spot = cue(7, "spot", 100, 48, made, offset=3.0, gain=-12.0, fade_in=0.5, fade_out=0.5, shot=2)
    (file,) = (found := collect(sheet(FILM, spot), tmp_path / "cues")).files
    assert (file.cue, file.head, file.tail, found.notes) == ("7", 2.0, 2.0, ())
    assert file.path.name == "003_NONE_Door slam_NONE_01-00-04-04.wav"
    assert soundfile.info(file.path).subtype == "PCM_24"
    written, rate = soundfile.read(file.path, always_2d=True)
    assert rate == 48_000
    assert written.shape == (48 * 2002 + 4 * 48_000, 6)
    # A sound as recorded: neither gain nor fades.
    assert np.abs(written.T - samples[:, 48_000 : 48_000 + len(written)]).max() < 2.0**-22
    tags = read_tags(file.path)
    assert tags.time_reference == (HOUR + 100) * 2002 - 2 * 48_000
    assert tags.description == "Door slam, by Ann, CC0-1.0"
    assert tags.raw["bext.originator"] == "sonorize"


def test_handles_reach_no_further_than_the_clip_and_midnight(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(3.0))
    early = cue(1, "spot", 12, 24, made, offset=1.5)
    at_midnight = replace(FILM, start=0)
    (file,) = collect(sheet(at_midnight, early), tmp_path / "cues").files
    assert (file.head, file.tail) == (pytest.approx(0.5005), pytest.approx(0.499))
    assert read_tags(file.path).time_reference is None  # 0
    (file,) = collect(sheet(FILM, replace(early, offset=0.25)), tmp_path / "cues").files
    assert (file.head, file.tail) == (0.25, pytest.approx(3 - 0.25 - 1.001))


def test_a_repeated_clip_is_as_long_as_its_cue(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", np.roll(sounds.tone(1.3, hertz=500.0), 20, axis=1))
    (file,) = collect(
        sheet(FILM, cue(1, "ambience", 24, 240, made, loop=True)), tmp_path, CollectOptions(0.0)
    ).files
    written, _ = soundfile.read(file.path)
    assert len(written) == 240 * 2002
    assert np.abs(np.diff(written)).max() < 1.5 * 0.5 * 2 * np.pi * 500 / 48_000


@pytest.mark.parametrize(("rate", "bits", "kind"), [(96_000, 32, "FLOAT"), (44_100, 16, "PCM_16")])
def test_rate_and_bits_are_chosen(tmp_path: Path, rate: int, bits: int, kind: str) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(3.0, channels=2))
    options = CollectOptions(1.0, rate, bits, "{layer}")  # type: ignore[arg-type]
    (file,) = collect(
        sheet(FILM, cue(1, "spot", 100, 24, made, offset=1.0)), tmp_path, options
    ).files
    info = soundfile.info(file.path)
    assert (info.samplerate, info.subtype, file.path.name) == (rate, kind, "spot.wav")
    assert info.frames == pytest.approx((1.001 + 1 + 0.999) * rate, abs=2)
    begins = (HOUR + 100) * Fraction(1001, 24_000) - 1
    assert read_tags(file.path).time_reference == pytest.approx(begins * rate, abs=1)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    made = clip(tmp_path / "ANMLDog_Bark_AB_Pets.wav", sounds.noise(1.0))
    cues = sheet(FILM, cue(1, "spot", 0, 24, made), cue(2, "spot", 0, 24, made))
    names = [file.path.name for _ in range(2) for file in collect(cues, tmp_path / "c").files]
    stem = "001_ANMLDog_Bark_Pets_01-00-00-00"
    assert names == [f"{stem}.wav", f"{stem}_2.wav", f"{stem}_3.wav", f"{stem}_4.wav"]
    assert len(list((tmp_path / "c").iterdir())) == 4


def test_what_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(1.0))
    gone = replace(made, path=str(tmp_path / "gone.wav"))
    found = collect(
        sheet(FILM, cue(1, "spot", 0, 9, gone), cue(2, "spot", 0, 9, made)), tmp_path / "c"
    )
    assert [file.cue for file in found.files] == ["2"]
    assert "gone.wav" in found.notes[0]
    assert len(list((tmp_path / "c").iterdir())) == 1


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"names": "{shot}_{mood}"}, r"\{mood\} is no placeholder .*\{CatID\}"),
        ({"names": "{shot.__class__}"}, "no placeholder"),
        ({"names": "{shot:>9}"}, "no placeholder"),
        ({"names": "{shot"}, "cannot be read"),
        ({"handles": -1.0}, "choose 0 to 60"),
        ({"rate": 1}, "choose 8000"),
        ({"bits": 20}, "choose 16"),
    ],
)
def test_other_options_are_refused(bad: dict, says: str) -> None:
    with pytest.raises(SceneError, match=says):
        CollectOptions(**bad)


@given(st.text(max_size=300))
def test_names_are_safe_everywhere(text: str) -> None:
    name = safe(text)
    assert name
    assert len(name.encode()) <= 201
    assert not set(name) & set('<>:"/\\|?*\0\n\x7f')
    assert name.strip(" .") == name


@pytest.mark.parametrize("name", ["CON", "nul.x", "com1", "LPT9.a", "..", " ", "com¹"])
def test_names_of_devices_and_folders_are_changed(name: str) -> None:
    assert safe(name).startswith("_")
