from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from indexer.errors import PictureError
from query.video import Facts, read_pictures, seconds


def facts_at(rate: int) -> Facts:
    return Facts(Fraction(rate), 100, 32, 16)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s at 25 frames a second; frame n has the grey value 4 n."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "bgr0"
        for number in range(50):
            image = np.full((16, 32, 3), 4 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def grey(picture: Image.Image) -> int:
    assert picture.mode == "RGB"
    value = picture.getpixel((3, 3))
    assert isinstance(value, tuple)
    return int(value[0])


@pytest.mark.parametrize(
    ("at", "frame"),
    [
        ("0", 0),
        ("0.04", 1),
        ("0.079", 1),
        ("1", 25),
        ("00:01", 25),
        ("00:00:01:10", 35),
        ("1.96", 49),
    ],
)
def test_the_frame_shown_at_a_time(film: Path, at: str, frame: int) -> None:
    (picture,) = read_pictures(film, at)
    assert grey(picture) == 4 * frame


def test_without_a_time_nine_frames_stand_for_the_video(film: Path) -> None:
    greys = [grey(picture) // 4 for picture in read_pictures(film)]
    assert greys == [2, 8, 13, 19, 25, 30, 36, 41, 47]


@pytest.mark.parametrize("at", ["2", "1:00:00", "9999"])
def test_a_time_past_the_end_is_refused(film: Path, at: str) -> None:
    with pytest.raises(PictureError, match="past its end"):
        read_pictures(film, at)


@pytest.mark.parametrize("text", ["soon", "-1", "1:2:3:4:5", "", "1e5", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(PictureError, match="is not a time"):
        seconds(text, facts_at(25))


def test_times_as_people_write_them() -> None:
    assert seconds("12.5", facts_at(25)) == 12.5
    assert seconds("1:30", facts_at(25)) == 90
    assert seconds("01:00:00", facts_at(25)) == 3600
    assert seconds("00:00:01:12", facts_at(24)) == 1.5


def test_a_timecode_is_the_videos_own() -> None:
    film = Facts(Fraction(25), 100, 32, 16, start=90_000)
    assert seconds("01:00:02:05", film) == 2.2
    assert seconds("2.2", film) == 2.2
    with pytest.raises(PictureError, match="before the first frame, 01:00:00:00"):
        seconds("00:00:02:05", film)
    reel = Facts(Fraction(30000, 1001), 3600, 32, 16, start=1800, drop=True)
    assert seconds("00:01:00:02", reel) == 0  # drop-frame, however it is written
    night = Facts(Fraction(25), 100, 32, 16, start=24 * 90_000 - 25)
    assert seconds("00:00:01:00", night) == 2


def test_what_is_transparent_is_white_and_the_camera_way_up(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert grey(read_pictures(tmp_path / "clear.png")[0]) == 255
    turned = Image.new("RGB", (8, 4))
    exif = turned.getexif()
    exif[0x0112] = 6  # quarter turn
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_pictures(tmp_path / "turned.jpg")[0].size == (4, 8)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm"])
def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path: Path, name: str) -> None:
    grey = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / name)
    [read] = read_pictures(tmp_path / name)
    assert np.asarray(read)[:, :, 1].ravel().tolist() == list(range(256))


@pytest.mark.parametrize("levels", [np.float32(0.5), np.int32(70_000), np.int32(-1)])
def test_a_picture_without_a_white_is_refused(tmp_path: Path, levels: np.generic) -> None:
    Image.fromarray(np.full((4, 4), levels)).save(tmp_path / "depth.tif")
    with pytest.raises(PictureError, match="cannot be read as a picture"):
        read_pictures(tmp_path / "depth.tif")


@pytest.mark.parametrize("name", ["words.jpg", "words.mp4", "empty.png", "empty.mov"])
def test_what_is_no_picture_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"these are words" if "words" in name else b"")
    with pytest.raises(PictureError, match="cannot be read as a"):
        read_pictures(tmp_path / name)


def test_a_missing_file_and_a_time_in_a_still(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no file"):
        read_pictures(tmp_path / "no.mp4")
    Image.new("RGB", (4, 4)).save(tmp_path / "still.png")
    with pytest.raises(PictureError, match="--at is for videos"):
        read_pictures(tmp_path / "still.png", "1")


def test_a_picture_of_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (4, 4)).save(tmp_path / "large.png")
    with pytest.raises(PictureError, match="cannot be read"):
        read_pictures(tmp_path / "large.png")


def test_sound_without_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(PictureError, match="no picture track"):
        read_pictures(path)


def test_a_playlist_that_is_called_a_video_opens_nothing(film: Path) -> None:
    trap = film.with_name("trap.mp4")
    trap.write_text(f"ffconcat version 1.0\nfile {film.name}\n")
    with pytest.raises(PictureError, match="cannot be read as a video"):
        read_pictures(trap)


def test_frames_around_a_time(film: Path) -> None:
    greys = [grey(picture) // 4 for picture in read_pictures(film, "1", around=10)]
    assert greys == list(range(15, 36))
    assert [grey(p) // 4 for p in read_pictures(film, "0.04", around=3)] == [0, 1, 2, 3, 4]
    assert [grey(p) // 4 for p in read_pictures(film, "1.96", around=2)] == [47, 48, 49]


def test_a_shot_is_sixteen_frames_spread_over_it(film: Path) -> None:
    greys = [grey(picture) // 4 for picture in read_pictures(film, "0.4", until="1.68")]
    assert greys == list(range(11, 42, 2))
    assert len(read_pictures(film, "1.9", until="1:00")) == 16


@pytest.mark.parametrize(
    ("at", "around", "until", "says"),
    [
        (None, 2, None, "--around is for a video --at a time"),
        (None, 0, "1", "--until is for a video --at a time"),
        ("1", 2, "1.5", "two questions"),
        ("1", 0, "1", "not after"),
        ("1", 0, "soon", "is not a time"),
    ],
)
def test_what_is_no_shot(
    film: Path, at: str | None, around: int, until: str | None, says: str
) -> None:
    with pytest.raises(PictureError, match=says):
        read_pictures(film, at, around=around, until=until)


class Pipe:
    """What cannot go back."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


def test_a_video_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    pipe = Pipe()
    with av.open(pipe, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "bgr0"
        for number in range(50):
            image = np.full((16, 32, 3), 4 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path = tmp_path / "piped.mkv"
    path.write_bytes(pipe.written)
    with av.open(str(path)) as said:
        assert (said.duration, said.streams.video[0].duration) == (None, None)
    assert [grey(p) // 4 for p in read_pictures(path)] == [2, 8, 13, 19, 25, 30, 36, 41, 47]
    assert grey(read_pictures(path, "1.96")[0]) == 4 * 49
    with pytest.raises(PictureError, match=r"is 2\.0\d s long"):
        read_pictures(path, "2.1")
