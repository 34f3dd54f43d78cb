from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
import sounds
from scene_films import clip, cue, film, sheet, video
from scipy.signal import resample_poly

from indexer.errors import SceneError
from query.scene.mix import RATE, Mix, MixOptions, summed

pytestmark = pytest.mark.slow

OFF = MixOptions(loudness="off")
NO_FILM = Path("film.mov")


def stems(mix: Mix, gain: float = 0.0) -> dict:
    parts = list(mix.blocks(gain))
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in mix.stems}


def heard(mix: Mix, gain: float = 0.0) -> sounds.Samples:
    return np.concatenate([summed(part) for part in mix.blocks(gain)], axis=1)


def true_peak(samples: sounds.Samples) -> float:
    return 20 * np.log10(np.abs(resample_poly(samples, 4, 1, axis=1)).max())


def level(samples: sounds.Samples) -> float:
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001)])
def test_a_cue_begins_at_the_sample_of_its_frame(tmp_path: Path, rate: Fraction) -> None:
    samples = np.zeros((1, 1440), np.float32)
    samples[0, 480] = 1
    made = clip(tmp_path / "a.wav", samples)
    starts = [0, 1, 301, 1799]
    cues = [cue(start, "spot", start, 1, made) for start in starts]
    mix = Mix(sheet(film(NO_FILM, 1800, rate), *cues), OFF)
    found = np.flatnonzero(heard(mix)[0] > 0.5) - 480
    assert found.tolist() == [round(start / rate * RATE) for start in starts]
    assert mix.length == round(1800 / rate * RATE)


def test_stereo_goes_through_untouched_with_its_gain(tmp_path: Path) -> None:
    samples = sounds.noise(3.0, channels=2)
    made = cue(1, "spot", 25, 40, clip(tmp_path / "a.wav", samples), offset=0.5, gain=-6.0)
    found = stems(Mix(sheet(film(NO_FILM, 75), made), OFF))["spots"]
    expected = samples[:, 24_000 + 200 : 24_000 + 76_000] * 10 ** (-6 / 20)
    assert found[:, 48_200:124_000] == pytest.approx(expected, abs=1e-6)
    assert not found[:, :48_000].any()


def test_mono_stays_as_loud_as_it_is(tmp_path: Path) -> None:
    samples = sounds.noise(2.0, peak=0.3)
    mix = Mix(sheet(film(NO_FILM), cue(1, "ambience", 0, 50, clip(tmp_path / "a.wav", samples))))
    meter = pyloudnorm.Meter(RATE)
    alone = meter.integrated_loudness(samples.T)
    assert meter.integrated_loudness(heard(mix).T) == pytest.approx(alone, abs=0.05)


def test_surround_is_folded_down(tmp_path: Path) -> None:
    samples = np.zeros((6, 96_000), np.float32)
    for channel in range(6):
        samples[channel, 4800 + 9600 * channel] = 0.5
    path = sounds.encode(tmp_path / "a.mov", samples, "pcm_s24le")
    made = replace(clip(tmp_path / "b.wav", samples), path=str(path))
    found = heard(Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made)), OFF))
    folded = [found[:, 4800 + 9600 * channel].tolist() for channel in range(6)]
    half = 0.5**1.5
    expected = [[0.5, 0], [0, 0.5], [half, half], [0, 0], [half, 0], [0, half]]
    assert np.array(folded) == pytest.approx(np.array(expected), abs=1e-5)


def test_channels_without_a_place_go_left_and_right_by_turns(tmp_path: Path) -> None:
    samples = np.zeros((4, 96_000), np.float32)
    for channel in range(4):
        samples[channel, 4800 + 9600 * channel] = 0.5
    path = sounds.write(tmp_path / "a.wav", samples, subtype="FLOAT")
    made = replace(clip(tmp_path / "b.wav", samples), path=str(path))
    found = heard(Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made)), OFF))
    sides = [found[:, 4800 + 9600 * channel] for channel in range(4)]
    assert [side.argmax() for side in sides] == [0, 1, 0, 1]
    assert all(side.min() == 0 for side in sides)


@pytest.mark.parametrize("sample_rate", [44_100, 96_000, 22_050])
def test_other_rates_lie_where_they_should(tmp_path: Path, sample_rate: int) -> None:
    made = clip(tmp_path / "a.wav", sounds.tone(4.0, sample_rate, 2, 1000.0), sample_rate)
    offset = 1.23456
    found = heard(Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made, offset=offset)), OFF))
    time = offset + np.arange(1000, 90_000) / RATE
    expected = 0.5 * np.sin(2 * np.pi * 1000 * time)
    # Half a sample of phase, at most.
    assert np.abs(found[0, 1000:90_000] - expected).max() < 0.5 * 2 * np.pi * 1000 * 0.55 / RATE


@pytest.mark.parametrize("seconds", [0.3, 1.7, 3.3])
def test_no_clicks_where_pieces_join(tmp_path: Path, seconds: float) -> None:
    tone = sounds.tone(seconds, hertz=500.0, channels=2)
    tone = np.roll(tone, 17, axis=1)  # neither end is at zero
    made = clip(tmp_path / "a.wav", tone)
    cues = [cue(1, "ambience", 3, 120, made, loop=True), cue(2, "ambience", 123, 60, made)]
    found = heard(Mix(sheet(film(NO_FILM, 200), *cues), OFF))
    own = np.abs(np.diff(tone[0])).max()
    assert np.abs(np.diff(found, prepend=0, append=0)).max() < own * 1.5
    assert np.abs(found).max() > 0.49


def test_no_click_where_a_file_ends_too_early(tmp_path: Path) -> None:
    tone = np.roll(sounds.tone(1.0, hertz=500.0, channels=2), 24, axis=1)
    made = replace(clip(tmp_path / "a.wav", tone), duration=1.9)
    found = heard(Mix(sheet(film(NO_FILM), cue(1, "ambience", 0, 50, made)), OFF))
    assert np.abs(np.diff(found)).max() < np.abs(np.diff(tone[0])).max() * 1.5
    assert not found[:, 48_000:].any()


def test_crossfades_keep_the_power(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(6.0, channels=2))
    mix = Mix(sheet(film(NO_FILM, 250), cue(1, "ambience", 0, 250, made, loop=True)), OFF)
    found = heard(mix)
    parts = [level(found[:, at : at + 12_000]) for at in range(12_000, 456_000, 12_000)]
    assert np.ptp(parts) < 0.5


def test_fades_are_as_long_as_they_say(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", np.full((2, 96_000), 0.5, np.float32))
    fades = {"fade_in": 0.5, "fade_out": 0.25}
    found = heard(Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made, **fades)), OFF))[0]
    assert found[12_000] == pytest.approx(0.5 * np.sqrt(0.5), abs=1e-4)
    assert found[24_100:83_900] == pytest.approx(0.5)
    assert found[90_000] == pytest.approx(0.5 * np.sqrt(0.5), abs=1e-4)


def test_the_ambience_makes_room_for_spots(tmp_path: Path) -> None:
    bed = clip(tmp_path / "a.wav", np.full((2, 480_000), 0.5, np.float32))
    bark = clip(tmp_path / "b.wav", sounds.noise(1.0, channels=2))
    cues = [cue(1, "ambience", 0, 250, bed), cue(2, "spot", 100, 25, bark)]
    options = MixOptions(loudness="off", duck=9.0)
    found = stems(Mix(sheet(film(NO_FILM, 250), *cues), options))["ambience"][0]
    down = 0.5 * 10 ** (-9 / 20)
    assert found[1000:179_000] == pytest.approx(0.5)
    assert found[192_000:239_000] == pytest.approx(down, abs=1e-4)
    assert found[289_000:479_000] == pytest.approx(0.5)
    assert np.abs(np.diff(found[1000:479_000])).max() < 1e-4


def test_a_clip_that_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    bed = clip(tmp_path / "a.wav", np.full((2, 96_000), 0.5, np.float32))
    gone = replace(bed, path=str(tmp_path / "gone.wav"))
    broken = replace(bed, path=str(tmp_path / "broken.wav"))
    Path(broken.path).write_bytes(b"no sound")
    cues = [cue(n, "spot", 0, 50, c) for n, c in enumerate((gone, broken))]
    mix = Mix(sheet(film(NO_FILM), cue(9, "ambience", 0, 50, bed), *cues), OFF)
    assert heard(mix)[0, 1000:90_000] == pytest.approx(0.5)  # nor is it lowered for them
    assert len(mix.notes) == 2
    assert "gone.wav" in mix.notes[0]
    assert "broken.wav" in mix.measured().notes[1]


def test_damage_within_a_clip_is_said(tmp_path: Path) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(1.0, channels=2, peak=0.2))
    Path(made.path).write_bytes(Path(made.path).read_bytes()[:200_000])
    mix = Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made)), OFF)
    assert not mix.notes
    (note,) = mix.measured().notes
    assert note.startswith("'a.wav': cut short or damaged")


@pytest.mark.parametrize("audio", ["pcm_s24le", "aac"])
@pytest.mark.parametrize("first", [0, 5])
def test_the_films_own_sound_lies_where_it_lay(tmp_path: Path, audio: str, first: int) -> None:
    click = sounds.clicks([0.2 + first / 25], 2.4)
    path = video(tmp_path / "film.mov", 50, sound=click, audio=audio, first=first)
    found = heard(Mix(sheet(film(path, sound=True)), OFF))
    begins = int((np.abs(found[0]) > 0.02).argmax())
    assert begins == pytest.approx(9600, abs=30)


def test_a_gap_in_the_films_own_sound_moves_nothing_after_it(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    tone = (0.5 * np.sin(np.arange(24_000) / 10) * 32_767).astype(np.int16)[None]
    with av.open(path, "w") as container:
        shown = container.add_stream("mpeg4", rate=25, width=64, height=36, pix_fmt="yuv420p")
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(75):
            frame = av.VideoFrame(64, 36, "yuv420p")
            frame.pts = number
            container.mux(shown.encode(frame))
        for first in (0, 2 * RATE):
            block = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, first, Fraction(1, RATE)
            container.mux(sound.encode(block))
        container.mux([*shown.encode(None), *sound.encode(None)])
    found = heard(Mix(sheet(film(path, 75, sound=True)), OFF))[0]
    assert np.abs(found[RATE:-RATE]).max() < 1e-4
    assert int((np.abs(found[RATE:]) > 0.05).argmax()) == pytest.approx(RATE, abs=100)


def test_a_film_whose_sound_begins_damaged_is_heard_from_there_on(tmp_path: Path) -> None:
    path = video(tmp_path / "film.mkv", 25, sound=sounds.noise(1.0, channels=2), audio="flac")
    with av.open(str(path)) as container:
        first, *rest = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    path.write_bytes(path.read_bytes().replace(first, bytes(len(first))))
    found = stems(Mix(sheet(film(path, 25, sound=True)), OFF))["original"]
    begins = int(RATE / (len(rest) + 1))  # about: the last packet is shorter
    assert not found[:, : begins // 2].any()
    assert level(found[:, 2 * begins :]) > -40


def test_the_films_own_sound_is_kept_lowered_or_left_out(tmp_path: Path) -> None:
    own = np.full((2, 240_000), 0.25, np.float32)
    path = video(tmp_path / "film.mov", 125, sound=own, audio="pcm_s24le")
    made = clip(tmp_path / "a.wav", sounds.noise(1.0, channels=2))
    cues = sheet(film(path, 125, sound=True), cue(1, "spot", 50, 25, made))
    found = {}
    for original in ("keep", "duck"):
        mix = Mix(cues, MixOptions(original, "off", duck=6.0))
        found[original] = stems(mix)["original"][0]
    assert found["keep"][:239_000] == pytest.approx(0.25, abs=1e-6)
    assert found["duck"][96_000:143_000] == pytest.approx(0.25 * 10 ** (-6 / 20), abs=1e-5)
    assert found["duck"][1000:80_000] == pytest.approx(0.25, abs=1e-6)
    assert "original" not in stems(Mix(cues, MixOptions("replace", "off")))


@pytest.mark.parametrize(
    ("name", "target", "ceiling"),
    [("r128", -23, -1), ("a85", -24, -2), ("netflix", -27, -2), ("web-16", -16, -1)],
)
def test_a_target_is_reached(tmp_path: Path, name: str, target: float, ceiling: float) -> None:
    made = clip(tmp_path / "a.wav", sounds.noise(5.0, channels=2, peak=0.05))
    mix = Mix(
        sheet(film(NO_FILM, 125), cue(1, "ambience", 0, 125, made)), MixOptions(loudness=name)
    )
    report = mix.measured()
    found = heard(mix, report.gain)
    assert pyloudnorm.Meter(RATE).integrated_loudness(found.T) == pytest.approx(target, abs=0.1)
    assert report.loudness == pytest.approx(target, abs=0.05)
    assert true_peak(found) < ceiling
    assert report.true_peak == pytest.approx(true_peak(found), abs=0.3)
    assert report.missed_by == 0
    assert any("dialogue" in note for note in report.notes) == (name == "netflix")


def test_the_true_peak_wins_and_the_miss_is_said(tmp_path: Path) -> None:
    samples = sounds.clicks([0.5, 2.0, 3.5], 5.0, peak=0.9)
    made = clip(tmp_path / "a.wav", samples)
    options = MixOptions(loudness="web-14")
    mix = Mix(sheet(film(NO_FILM, 125), cue(1, "spot", 0, 125, made)), options)
    report = mix.measured()
    found = heard(mix, report.gain)
    assert -1.4 < true_peak(found) < -1
    loudness = pyloudnorm.Meter(RATE).integrated_loudness(found.T)
    assert report.missed_by == pytest.approx(-14 - loudness, abs=0.2)
    assert report.missed_by > 5
    assert any("LU under its target" in note for note in report.notes)


@pytest.mark.parametrize(("peak", "gain"), [(0.5, 0.0), (1.5, -4.6)])
def test_off_changes_nothing_but_what_would_clip(tmp_path: Path, peak: float, gain: float) -> None:
    made = clip(tmp_path / "a.wav", sounds.tone(2.0, channels=2, peak=peak))
    report = Mix(sheet(film(NO_FILM), cue(1, "spot", 0, 50, made)), OFF).measured()
    assert report.gain == pytest.approx(gain, abs=0.1)
    assert bool(report.notes) == (gain < 0)


def test_silence_is_said(tmp_path: Path) -> None:
    report = Mix(sheet(film(NO_FILM))).measured()
    assert (report.loudness, report.gain) == (None, 0)
    assert "silent" in report.notes[0]


@pytest.mark.parametrize(
    "bad", [{"original": "drop"}, {"loudness": "loud"}, {"duck": -1.0}, {"duck": float("nan")}]
)
def test_other_options_are_refused(bad: dict) -> None:
    with pytest.raises(SceneError, match=r"choose"):
        MixOptions(**bad)
