import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyloudnorm
import pytest
import sounds
from scene_films import NTSC_FILM, clip, cue, film, sheet, video
from scipy.signal import resample_poly

from indexer.audio import decode
from indexer.errors import SceneError
from indexer.progress import Progress
from query.scene.cues import CueSheet
from query.scene.export.film import render_film
from query.scene.mix import MixOptions

pytestmark = pytest.mark.slow

OFF = MixOptions(loudness="off")
SUFFIXES = [".mp4", ".mov", ".mkv"]


def scene(folder: Path, path: Path, frames: int = 50, rate: Fraction = Fraction(25)) -> CueSheet:
    made = clip(folder / "noise.wav", sounds.noise(5.0, channels=2, peak=0.2))
    return sheet(film(path, frames, rate), cue(1, "ambience", 0, frames, made))


def packets(path: Path) -> list[tuple[Fraction, str]]:
    """When each packet is shown, and its hash."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        found = [(p.pts * stream.time_base, bytes(p)) for p in container.demux(stream) if p.size]
    return [(time, hashlib.sha256(data).hexdigest()) for time, data in found]


def opened(path: Path) -> dict[str, Any]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        return {
            "frames": len(frames),
            "rotation": frames[0].rotation,
            "shape": stream.codec_context.sample_aspect_ratio,
            "colour": (frames[0].color_primaries, frames[0].color_trc, frames[0].colorspace),
            "timecode": next(
                (v for k, v in stream.metadata.items() if k.lower() == "timecode"), None
            ),
            "codec": container.streams.audio[0].codec_context.name,
            "seconds": container.duration / av.time_base,
            "streams": [s.type for s in container.streams if s.type != "data"],
        }


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("rate", [NTSC_FILM, Fraction(60000, 1001)])
def test_the_picture_is_copied_and_lasts_as_long(
    tmp_path: Path, suffix: str, rate: Fraction
) -> None:
    path = video(tmp_path / "film.mov", 53, rate, timecode="01:00:00:00", rotation=90)
    made = scene(tmp_path, path, 53, rate)
    made = replace(made, film=replace(made.film, start=3600 * round(rate)))
    report = render_film(made, tmp_path / f"out{suffix}", OFF)
    assert not report.notes
    found, own = opened(tmp_path / f"out{suffix}"), packets(path)
    copied = packets(tmp_path / f"out{suffix}")
    assert [data for _, data in copied] == [data for _, data in own]
    for (time, _), (before, _) in zip(copied, own, strict=True):
        assert abs(time - before) <= (Fraction(1, 1000) if suffix == ".mkv" else 0)
    assert found["frames"] == 53
    assert found["rotation"] == 90
    assert found["timecode"] == "01:00:00:00"
    assert found["streams"] == ["video", "audio"]
    assert found["codec"] == {".mp4": "aac", ".mov": "pcm_s24le", ".mkv": "flac"}[suffix]
    assert found["seconds"] == pytest.approx(53 / rate, abs=1 / float(rate))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_sound_is_the_mix_at_its_place(tmp_path: Path, suffix: str) -> None:
    made = clip(tmp_path / "a.wav", sounds.clicks([0.1], 1.0))
    path = video(tmp_path / "film.mp4", 50)
    out = tmp_path / f"out{suffix}"
    render_film(sheet(film(path), cue(1, "spot", 20, 25, made)), out, OFF)
    found = decode.read(out)
    begins = int((np.abs(found.samples[0]) > 0.03).argmax())
    assert begins == pytest.approx(0.9 * 48_000, abs=30)
    assert (found.sample_rate, found.channels) == (48_000, 2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_loudness_is_reached_and_peaks_stay_below(tmp_path: Path, suffix: str) -> None:
    path = video(tmp_path / "film.mp4", 125)
    made = scene(tmp_path, path, 125)
    report = render_film(made, tmp_path / f"out{suffix}", MixOptions(loudness="r128"))
    found = decode.read(tmp_path / f"out{suffix}").samples
    loudness = pyloudnorm.Meter(48_000).integrated_loudness(found.T)
    assert loudness == pytest.approx(-23, abs=0.5)
    assert report.loudness == pytest.approx(loudness, abs=0.2)
    assert report.loudness == pytest.approx(-23, abs=0.1)  # though AAC leaves out what is highest
    assert report.missed_by == 0


def test_what_the_encoder_adds_to_the_peaks_is_taken_off(tmp_path: Path) -> None:
    bursts = sounds.clicks(list(np.arange(0.1, 4.9, 0.2)), 5.0)
    path = video(tmp_path / "film.mp4", 125)
    made = sheet(film(path, 125), cue(1, "spot", 0, 125, clip(tmp_path / "a.wav", bursts)))
    report = render_film(made, tmp_path / "out.mp4", MixOptions(loudness="web-14"))
    found = decode.read(tmp_path / "out.mp4").samples
    peak = 20 * np.log10(np.abs(resample_poly(found, 4, 1, axis=1)).max())
    assert peak < -1
    assert report.true_peak == pytest.approx(peak, abs=0.3)


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for time in (0, 40, 70, 200, 240, 900, 1960):
            frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), time % 250, np.uint8))
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    render_film(scene(tmp_path, path), tmp_path / "out.mp4", OFF)
    assert packets(tmp_path / "out.mp4") == packets(path)


def test_a_film_that_begins_late_begins_at_once(tmp_path: Path) -> None:
    path = video(tmp_path / "film.ts", 50, first=50)
    with av.open(path) as container:
        assert container.streams.video[0].start_time > 0
    made = scene(tmp_path, path)
    made = replace(made, film=replace(made.film, start=90_000))
    render_film(made, tmp_path / "out.mp4", OFF)
    assert opened(tmp_path / "out.mp4")["timecode"] == "01:00:00:00"
    assert min(time for time, _ in packets(tmp_path / "out.mp4")) == 0
    assert opened(tmp_path / "out.mp4")["frames"] == 50


def test_an_edit_list_still_hides_what_it_hid(tmp_path: Path) -> None:
    whole = video(tmp_path / "whole.mp4", 50)
    path = tmp_path / "film.mp4"
    with av.open(whole) as source, av.open(path, "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                hidden = round(5 / 25 / stream.time_base)
                packet.pts, packet.dts, packet.stream = (
                    packet.pts - hidden,
                    packet.dts - hidden,
                    copy,
                )
                container.mux(packet)
    assert opened_frames(path) == 45
    report = render_film(scene(tmp_path, path, 45), tmp_path / "out.mp4", OFF)
    assert opened_frames(tmp_path / "out.mp4") == 45
    assert not report.notes


def opened_frames(path: Path) -> int:
    with av.open(path) as container:
        frames = [frame.pts for frame in container.decode(video=0)]
        assert frames[0] == 0
        return len(frames)


def test_a_codec_that_a_container_cannot_hold_is_refused_first(tmp_path: Path) -> None:
    path = video(tmp_path / "film.mkv", 10, codec="ffv1")
    with pytest.raises(SceneError, match=r"out\.mov cannot hold a picture in ffv1: write .*\.mkv"):
        render_film(scene(tmp_path, path, 10), tmp_path / "out.mov", OFF)
    render_film(scene(tmp_path, path, 10), tmp_path / "out.mkv", OFF)
    assert opened(tmp_path / "out.mkv")["frames"] == 10


def test_prores_keeps_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "film.mov"
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("prores_ks", rate=25, options={"profile": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv422p10le"
        frame = av.VideoFrame.from_ndarray(np.zeros((36, 64, 3), np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    render_film(scene(tmp_path, path, 1), tmp_path / "out.mov", OFF)
    with av.open(path) as before, av.open(tmp_path / "out.mov") as after:
        tags = [each.streams.video[0].codec_context.codec_tag for each in (before, after)]
    assert tags == ["apco", "apco"]


def test_sources_are_never_written_over(tmp_path: Path) -> None:
    path = video(tmp_path / "film.mp4", 10)
    made = scene(tmp_path, path, 10)
    before = path.read_bytes()
    (tmp_path / "same.mp4").symlink_to(path)
    for out in (path, tmp_path / "same.mp4"):
        with pytest.raises(SceneError, match="another name"):
            render_film(made, out, OFF)
    assert path.read_bytes() == before


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = video(tmp_path / "film.mp4", 10)
    out = tmp_path / "out.mp4"
    out.write_bytes(b"old")

    class Stopped(Exception):
        pass

    class Stop(Progress):
        def stage(self, name: str, total: float, unit: str = "files") -> None:
            if name == "Writing the film":
                raise Stopped

    before = sorted(p.name for p in tmp_path.iterdir())
    made = scene(tmp_path, path, 10)
    with pytest.raises(Stopped):
        render_film(made, out, OFF, Stop())
    assert out.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "noise.wav"])


def test_other_names_and_folders_are_refused(tmp_path: Path) -> None:
    made = scene(tmp_path, video(tmp_path / "film.mp4", 10), 10)
    with pytest.raises(SceneError, match=r"\.mp4 \.mov \.mkv"):
        render_film(made, tmp_path / "out.avi", OFF)
    with pytest.raises(SceneError, match="no folder"):
        render_film(made, tmp_path / "none" / "out.mp4", OFF)
