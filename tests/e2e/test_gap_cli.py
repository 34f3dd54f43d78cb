"""The modality gap, as a user measures and closes it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from libraries import COLOURS, build, copied, run, tone
from PIL import Image

from query.gap import FILE


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds on axes 3 to 6, pictures on 2 and 3, a red one and a hiss from outside."""
    made = tmp_path_factory.mktemp("gap")
    for axis in (3, 4, 5, 6):
        for take in range(3):
            tone(made / "sounds" / f"{axis} {'abc'[take]}.wav", axis, 0.5 + 0.1 * take)
    (made / "pictures/more").mkdir(parents=True)
    for name, axis in (("yellow", 2), ("more/green", 3)):
        Image.new("RGB", (4, 4), COLOURS[axis]).save(made / f"pictures/{name}.png")
    (made / "pictures/.hidden.png").write_bytes(b"no picture")
    (made / "pictures/notes.txt").write_text("no picture")
    Image.new("RGB", (4, 4), COLOURS[0]).save(made / "red.png")
    tone(made / "hisses/hiss.wav", 7)
    build(made / "library", made / "sounds")
    return made


def measured(library: Path, *command: object) -> dict[str, object]:
    done = run("library", "gap", *command, "--library", library, "--format", "json")
    assert done.code == 0, done.err
    assert f"--close-gap --library {library}" in done.err
    assert "cannot say which ranking is better" in done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def titles(base: Path, *command: object) -> dict[str, float]:
    asked = ["query-by-frame", base / "pictures/yellow.png", "--library", base / "library"]
    done = run(*asked, "--metadata-weight", 0, "--all-takes", "-k", 4, "--format", "json", *command)
    assert done.code == 0, done.err
    hits = map(json.loads, done.out.splitlines())
    return {hit["title"]: hit["score"] for hit in hits}


def test_measure_then_close(base: Path) -> None:
    found = measured(base / "library", base / "pictures", "--outside-frames", base / "red.png",
                     "--outside-sounds", base / "hisses")  # fmt: skip
    groups = found["groups"]
    assert isinstance(groups, dict)
    assert {name: group["count"] for name, group in groups.items()} == {
        "pictures": 2, "sounds": 12, "outside pictures": 1, "outside sounds": 1,
    }  # fmt: skip
    assert groups["sounds"]["length"] == pytest.approx(0.5, abs=0.03)
    assert groups["pictures"]["length"] == pytest.approx(math.sqrt(0.5))
    assert groups["outside sounds"]["auroc"] == 1
    pairs = found["pairs"]
    assert isinstance(pairs, list)
    (pair,) = [each for each in pairs if each["between"] == ["pictures", "sounds"]]
    # means (½, ½) on axes 2, 3 and (¼, ¼, ¼, ¼) on axes 3 to 6
    assert pair["gap"] == pytest.approx(math.sqrt(0.5), abs=0.03)
    assert pair["across"] == pytest.approx(1 / 8, abs=0.03)
    assert found["closed"]["after"] > found["closed"]["before"]  # type: ignore[index]
    # yellow is on axis 2, where no sound is; closed it lies on 2 and 4, 5, 6, less on 3
    assert max(titles(base).values()) < 0.05
    # (½, -¼, ¼, ¼, ¼), of length √½
    closed = titles(base, "--close-gap")
    assert {title[0] for title in closed} <= {"4", "5", "6"}
    assert list(closed.values()) == [pytest.approx(0.25 / math.sqrt(0.5), abs=0.03)] * 4


def test_the_table_and_the_plot(base: Path, tmp_path: Path) -> None:
    done = run("library", "gap", base / "pictures", "--library", base / "library",
               "--plot", tmp_path / "gap.svg")  # fmt: skip
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert ["pictures", "2", "0.707", "0.000"] in rows
    for said in ("pictures and sounds", "overlap@10", "Kendall tau-b", "°"):
        assert said in done.out
    drawn = (tmp_path / "gap.svg").read_text("utf-8")
    assert "pictures (2)" in drawn
    assert "sounds (12)" in drawn
    ElementTree.fromstring(drawn)


def test_the_picture_that_was_measured_alone_is_said_to_be_taken_away(
    base: Path, tmp_path: Path
) -> None:
    library = copied(base / "library", tmp_path / "library")
    alone = run("library", "gap", base / "red.png", "--library", library)
    assert "One picture was measured" in alone.err
    assert "Looking at pictures: 1 file" in alone.err
    assert "One picture" not in run("library", "gap", base / "pictures", "--library", library).err


def test_a_video_asks_with_its_frames(base: Path, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10, width=16, height=16, pix_fmt="bgr0")
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), (0, 255, 0), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    groups = measured(base / "library", tmp_path / "film.mkv")["groups"]
    assert isinstance(groups, dict)
    assert (groups["pictures"]["count"], groups["pictures"]["length"]) == (9, pytest.approx(1))


def test_a_bad_file_in_a_folder_is_passed_over_and_said(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base / "pictures", tmp_path / "pictures")
    (folder / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "noise").mkdir()
    tone(tmp_path / "noise/a.wav", 7)
    (tmp_path / "noise/bad.wav").write_bytes(b"no sound")
    done = run("library", "gap", folder, "--outside-sounds", tmp_path / "noise", "--library",
               base / "library", "--format", "json")  # fmt: skip
    assert done.code == 3
    assert done.err.count("Passed over: ") == 2
    groups = json.loads(done.out)["groups"]
    assert (groups["pictures"]["count"], groups["outside sounds"]["count"]) == (2, 1)


def test_what_cannot_be_done_is_said_and_changes_nothing(base: Path, tmp_path: Path) -> None:
    library = copied(base / "library", tmp_path / "library")
    (library / FILE).unlink(missing_ok=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    Image.new("RGB", (4, 4)).save(tmp_path / "black.png")
    for command, code, says in (
        ([tmp_path / "no.png"], 2, "does not exist"),
        ([tmp_path / "empty"], 1, "holds no pictures or videos"),
        ([base / "red.png", "--outside-sounds", tmp_path / "empty"], 1, "holds no sounds"),
        ([tmp_path / "bad.png"], 1, "cannot be read as a picture"),
        ([tmp_path / "black.png"], 1, "nothing to measure in the pictures"),
        ([base / "red.png", "--plot", tmp_path / "no/gap.svg"], 2, "there is no folder"),
        ([base / "red.png", "--plot", tmp_path / "gap.png"], 2, "name it OUT.svg"),
        ([base / "red.png", "--plot", tmp_path / f"{'g' * 300}.svg"], 1, "cannot be written"),
    ):
        done = run("library", "gap", *command, "--library", library)
        assert (done.code, done.out) == (code, ""), command
        assert says in done.err
        assert "Traceback" not in done.err
        assert "Passed over" not in done.err
        assert not (library / FILE).exists(), command
    done = run("query-by-frame", base / "red.png", "--close-gap", "--library", library)
    assert (done.code, done.out) == (1, "")
    assert "has not been measured: run `sonorize library gap" in done.err
    done = run("query-by-frame", base / "red.png", "--close-gap", "--library", library,
               "--library", base / "library")  # fmt: skip
    assert (done.code, done.out) == (2, "")
    assert "--close-gap asks one alone" in done.err
