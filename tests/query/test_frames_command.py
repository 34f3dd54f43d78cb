import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from films import film, number
from PIL import Image

from indexer.errors import PictureError
from query.cli.frames import frames
from query.video import facts


def run(*words: str | Path, wrong: bool = False) -> Result:
    result = CliRunner().invoke(frames, [str(word) for word in words])
    if not wrong and result.exception is not None:
        raise result.exception
    return result


def listed(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reel") / "reel.mov"
    return film(path, 120, 25, timecode="01:00:00:00")


def test_the_sets_of_two_references(reel: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(reel, "--reference", "01:00:01:15", "--reference", "0.12", "--out", out)
    lines = listed(out)
    assert [line["frame"] for line in lines] == [*range(30, 51), *range(14)]
    assert lines[0] == {
        "file": "scene_01-00-01-15/000030_01-00-01-05.png",
        "frame": 30, "seconds": 1.2, "timecode": "01:00:01:05", "scene": 1, "reference": 40,
    }  # fmt: skip
    assert {line["scene"] for line in lines[21:]} == {2}
    for line in lines:
        assert number(Image.open(out / line["file"])) == line["frame"]


def test_frames_that_are_apart_and_timecode_that_is_given(reel: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(
        reel, "--reference", "10:00:02:00", "--around", "2", "--step", "5", "--out", out,
        "--start-tc", "09:00:00:00", "--offset", "01:00:00:00",
    )  # fmt: skip
    assert [line["frame"] for line in listed(out)] == [40, 45, 50, 55, 60]
    assert listed(out)[2]["timecode"] == "10:00:02:00"


def test_a_folder_for_each_shot(tmp_path: Path) -> None:
    def draw(n: int) -> np.ndarray:
        return np.full((48, 160, 3), 20 + 100 * (n >= 35) + 80 * (n >= 60), np.uint8)

    path, out = film(tmp_path / "film.mp4", 80, 25, draw=draw), tmp_path / "out"
    run(path, "--every", "0.4", "--out", out)
    lines = listed(out)
    assert [(line["frame"], line["shot"]) for line in lines] == [
        (0, 1), (10, 1), (20, 1), (30, 1), (40, 2), (50, 2), (60, 3), (70, 3),
    ]  # fmt: skip
    assert sorted(each.name for each in out.iterdir()) == [
        "frames.jsonl", "shot_001_00-00-00-00", "shot_002_00-00-01-10", "shot_003_00-00-02-10",
    ]  # fmt: skip


def test_nothing_is_overwritten(reel: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(reel, "--reference", "1", "--out", out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for again in (("--reference", "2", "--reference", "1"), ("--reference", "1")):
        with pytest.raises(PictureError, match="there already"):
            run(reel, *again, "--out", out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    run(reel, "--reference", "3", "--around", "0", "--out", out)
    assert [line["frame"] for line in listed(out)] == [*range(15, 36), 75]
    run(reel, "--every", "2", "--out", out)
    with pytest.raises(PictureError, match="there already"):
        run(reel, "--every", "1", "--out", out)


@pytest.mark.parametrize("which", [("--reference", "2"), ("--every", "1")])
def test_a_dry_run_lists_and_writes_nothing(reel: Path, tmp_path: Path, which: tuple) -> None:
    out = tmp_path / "out"
    shown = run(reel, *which, "--out", out, "--dry-run").stdout
    assert not out.exists()
    run(reel, *which, "--out", out)
    assert [json.loads(line) for line in shown.splitlines()] == listed(out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Say which frames"),
        (("--reference", "1", "--every", "1"), "Say which frames"),
        (("--every", "1", "--step", "2"), "are for --reference"),
        (("--every", "0"), "--every"),
        (("--every", "nan"), "--every"),
    ],
)
def test_what_is_asked_wrongly(reel: Path, words: tuple[str, ...], says: str) -> None:
    result = run(reel, *words, wrong=True)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_reference_past_the_end(reel: Path, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"ends with 01:00:04:19, after 4\.80 s"):
        run(reel, "--reference", "01:00:04:20", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_video_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 150, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    result = run(path, "--every", "1", "--out", tmp_path / "out")
    assert "is cut off" in result.stderr
    assert len(listed(tmp_path / "out")) == -(-facts(path).frames // 25)
