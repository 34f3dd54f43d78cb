from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from indexer.errors import PictureError
from query.video import read_pictures, seconds


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
        seconds(text, 25)


def test_times_as_people_write_them() -> None:
    assert seconds("12.5", 25) == 12.5
    assert seconds("1:30", 25) == 90
    assert seconds("01:00:00", 25) == 3600
    assert seconds("00:00:01:12", 24) == 1.5


def test_what_is_transparent_is_white_and_the_camera_way_up(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert grey(read_pictures(tmp_path / "clear.png")[0]) == 255
    turned = Image.new("RGB", (8, 4))
    exif = turned.getexif()
    exif[0x0112] = 6  # quarter turn
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_pictures(tmp_path / "turned.jpg")[0].size == (4, 8)


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
