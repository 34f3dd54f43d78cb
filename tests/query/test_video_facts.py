"""What a video says of itself, and that its frames are those of these numbers."""

from fractions import Fraction
from pathlib import Path

import pytest
from films import barred, film, number
from PIL import Image

from indexer.errors import PictureError
from query import timecode
from query.video import Facts, facts, read_pictures, sampled
from query.video.frames import spans

pytestmark = pytest.mark.slow

NTSC = Fraction(30000, 1001)
B_FRAMES = {"g": "12", "bf": "3", "x264-params": "open-gop=1:b-pyramid=normal:scenecut=0"}


@pytest.mark.parametrize("rate", timecode.RATES, ids=timecode.named)
@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_rates_are_exact_and_frames_counted(tmp_path: Path, rate: Fraction, kind: str) -> None:
    found = facts(film(tmp_path / f"film.{kind}", 61, rate))
    assert (found.rate, found.frames, found.variable) == (rate, 61, False)
    assert found.duration == 61 / rate
    assert (found.start, found.has_sound, found.damage) == (None, False, "")


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "ts", "avi"])
def test_every_frame_has_its_number_in_whatever_order_it_is_coded(
    tmp_path: Path, kind: str
) -> None:
    path = film(tmp_path / f"film.{kind}", 150, NTSC, codec_options=B_FRAMES)
    known = facts(path)
    assert (known.rate, known.frames) == (NTSC, 150)
    assert [(n, number(p)) for n, p in sampled(path, range(150))] == [(n, n) for n in range(150)]
    passed = [(begins, number(f.to_image())) for begins, _, f, _ in spans(path, known)]
    assert passed == [(n, n) for n in range(150)]


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts", "avi"])
def test_a_frame_is_the_same_sought_as_decoded(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.video.frames.NEAR", -1.0)
    path = film(tmp_path / f"film.{kind}", 150, 24, codec_options=B_FRAMES)
    wanted = [0, 1, 10, 11, 12, 13, 35, 36, 47, 100, 143, 144, 149]
    assert [number(picture) for _, picture in sampled(path, wanted)] == wanted


def test_at_takes_the_frame_of_a_timecode(tmp_path: Path) -> None:
    rate = Fraction(24000, 1001)
    for kind in ("mov", "mkv"):
        path = film(tmp_path / f"film.{kind}", 60, rate, timecode="01:00:00:00")
        assert number(read_pictures(path, "01:00:01:13")[0]) == 37
        assert number(read_pictures(path, "1.6")[0]) == 38
        assert [number(p) for p in read_pictures(path, "01:00:01:13", around=2)] == [
            35, 36, 37, 38, 39,
        ]  # fmt: skip
        with pytest.raises(PictureError, match="before the first frame, 01:00:00:00"):
            read_pictures(path, "00:00:01:13")


@pytest.mark.parametrize(
    ("kind", "rate", "said", "start", "drop"),
    [
        ("mov", NTSC, "01:00:00;00", 107892, True),
        ("mp4", NTSC, "01:00:00:00", 108000, False),
        ("mkv", Fraction(24000, 1001), "10:00:00:23", 864023, False),
        ("mxf", Fraction(25), "10:00:00:00", 900000, False),
    ],
)
def test_a_file_says_its_timecode(
    tmp_path: Path, kind: str, rate: Fraction, said: str, start: int, drop: bool
) -> None:
    path = film(
        tmp_path / f"film.{kind}", 5, rate, timecode=said,
        codec="mpeg2video" if kind == "mxf" else "libx264",
    )  # fmt: skip
    found = facts(path)
    assert (found.start, found.drop, found.named(0)) == (start, drop, said)


def test_a_timecode_that_is_given_stands_before_the_files() -> None:
    own = Facts(NTSC, 100, 160, 48, start=1800, drop=True)
    assert own.begun().named(0) == "00:01:00;02"
    assert own.begun("01:00:00:00").named(0) == "01:00:00:00"
    assert own.begun("01:00:00;00").named(100) == "01:00:03;10"
    assert own.begun(offset="02:00:00:00").named(0) == "02:01:00;02"
    reel = Facts(Fraction(24), 100, 160, 48)
    assert reel.begun("01:00:00:00", "-00:00:08:00").named(0) == "00:59:52:00"
    assert reel.begun(offset="-01:00:00:00").start == 23 * 3600 * 24
    assert reel.begun("23:00:00:00", "02:00:00:00").start == 3600 * 24
    with pytest.raises(PictureError, match="no drop-frame"):
        reel.begun("01:00:00;00")


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pictures_are_turned_as_they_are_displayed(tmp_path: Path, rotation: int) -> None:
    path = film(tmp_path / "film.mov", 3, rotation=rotation)
    found = facts(path)
    upright = Image.fromarray(barred(2)).rotate(rotation, expand=True)
    assert (found.width, found.height) == upright.size
    [(_, picture)] = sampled(path, [2])
    assert picture.size == upright.size
    assert number(picture.rotate(-rotation, expand=True)) == 2
    [(_, small)] = sampled(path, [2], size=24)
    assert min(small.size) == 24
    assert number(small.rotate(-rotation, expand=True)) == 2


def test_wide_pixels_are_made_square(tmp_path: Path) -> None:
    for rotation, size in ((0, (233, 48)), (90, (48, 233))):
        path = film(tmp_path / "film.mp4", 6, aspect=Fraction(16, 11), rotation=rotation)
        found = facts(path)
        assert (found.width, found.height) == size
        assert {picture.size for _, picture in sampled(path)} == {size}
        assert read_pictures(path, "0")[0].size == size


def test_one_frame_and_sound(tmp_path: Path) -> None:
    path = film(tmp_path / "one.mp4", 1, sound=True)
    found = facts(path)
    assert (found.rate, found.frames, found.has_sound) == (25, 1, True)
    assert [number(picture) for _, picture in sampled(path)] == [0]
    assert len(read_pictures(path)) == 9


VARYING = [0, 1, 2, 3, 10, 11, 12, 13, 14, 40, 41, 42, 43, 44, 45]
"""When frames are shown, in 30ths of a second."""


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_frames_of_a_variable_rate_are_numbered_by_when_they_are_shown(
    tmp_path: Path, kind: str
) -> None:
    ticks = [20 * thirtieth for thirtieth in VARYING]
    path = film(
        tmp_path / f"film.{kind}", len(ticks), 30, ticks=ticks, tick=Fraction(1, 600),
        codec_options={"bf": "2"},
    )  # fmt: skip
    found = facts(path)
    assert (found.rate, found.frames, found.variable) == (30, 46, True)
    shown = [max(n for n, tick in enumerate(VARYING) if tick <= frame) for frame in range(46)]
    assert [number(picture) for _, picture in sampled(path, range(46))] == shown
    assert [begins for begins, *_ in spans(path, found)] == VARYING
    assert number(read_pictures(path, "1.2")[0]) == 8


def test_a_second_apart(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 100, NTSC)
    assert [n for n, _ in sampled(path, every=0.5)] == [0, 14, 29, 44, 59, 74, 89]
    assert len(list(sampled(path, every=1e-9))) == 100


def test_an_index_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 150, options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    found = facts(path)
    assert 50 < found.frames < 150
    assert found.damage.endswith(f"is cut off: of its 150 frames {found.frames} can be read.")
    sound = range(found.frames - 4)  # the last ones lack what they stand on
    assert [number(picture) for _, picture in sampled(path, sound)] == list(sound)


def test_a_matroska_file_that_is_cut_off(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", 150)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    found = facts(path)
    assert 50 < found.frames < 150
    assert "is cut off: " in found.damage
    assert "of its 6.0 seconds are there" in found.damage
    sound = range(found.frames - 4)
    assert [number(picture) for _, picture in sampled(path, sound)] == list(sound)


def test_what_cannot_be_read_is_said_and_the_rest_used(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 150, codec_options={"g": "25", "bf": "0"})
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 1500
    data[middle : middle + 900] = bytes(range(256))[::-1] * 3 + bytes(132)
    path.write_bytes(data)
    heard: list[str] = []
    seen = [number(f.to_image()) for _, _, f, _ in spans(path, facts(path), heard.append)]
    assert seen[:3] == [0, 1, 2]
    assert seen[-25:] == list(range(125, 150))
    [sentence] = heard
    assert "what can be read of it is used" in sentence


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_file_without_a_readable_frame_is_refused(tmp_path: Path, kind: str) -> None:
    path = film(tmp_path / f"film.{kind}", 100)
    data = path.read_bytes()
    path.write_bytes(data[:400])
    with pytest.raises(PictureError, match=r"cannot be read as a video|not one frame"):
        facts(path)
    with pytest.raises(PictureError, match="no file"):
        facts(tmp_path / "none.mp4")
    with pytest.raises(PictureError, match="a folder"):
        facts(tmp_path)
