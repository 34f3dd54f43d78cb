"""Targets, shots and several libraries, as a user asks for them."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from libraries import COLOURS, build, configured, copied, run, tone
from PIL import Image


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("targets")
    for name, axis in (("cat", 3), ("dog", 4), ("stone", 6)):
        tone(made / "sounds" / f"{name}.wav", axis, 2.0)
    tone(made / "more/bird.wav", 5, 2.0)
    for name, axis in (("green", 3), ("cyan", 4), ("blue", 5)):
        Image.new("RGB", (4, 4), COLOURS[axis]).save(made / f"{name}.png")
    with av.open(str(made / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10, width=16, height=16, pix_fmt="bgr0")
        for number in range(20):
            colour = (0, 255, 0) if number < 10 else (0, 255, 255)
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), colour, np.uint8))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    build(made / "library", made / "sounds")
    build(made / "second", made / "more")
    return made


def scores(base: Path, *command: object) -> dict[str, float]:
    done = run(*command, "--library", base / "library", "--metadata-weight", 0, "--format", "json")
    assert done.code == 0, done.err
    hits = map(json.loads, done.out.splitlines())
    return {hit["title"]: hit["score"] for hit in hits}


def near(value: float) -> object:
    return pytest.approx(value, abs=1e-3)


def test_words_toward_and_away_with_weights(base: Path) -> None:
    found = scores(base, "query-by-frame", base / "green.png", "--text", "0.5:horn",
                   "--text", "bell", "--away", ".25:dog")  # fmt: skip
    length = math.sqrt(0.75**2 + 0.5**2 + 1)
    assert found == {
        "cat": near(0.75 / length), "dog": near(0.5 / length), "stone": near(1 / length)
    }  # fmt: skip
    # what stands before the colon is no number: all of it is words
    found = scores(base, "query-by-frame", base / "green.png", "--text", "horn: bell")
    assert found["dog"] == near(found["stone"])


def test_away_from_a_question_without_meaning_is_refused(base: Path) -> None:
    done = run("query-by-text", "title:dog", "--away", "bark", "--library", base / "library")
    assert (done.code, done.out) == (1, "")
    assert "a matter of meaning" in done.err


def test_away_from_words_and_sounds(base: Path) -> None:
    found = scores(base, "query-by-text", "speech horn", "--only", "meaning", "--away", ".5:dog")
    assert found["dog"] > found["cat"] > 0
    done = run("query-by-sound", base / "sounds/cat.wav", "--text", "2:bell", "-k", 1,
               "--library", base / "library", "--format", "json")  # fmt: skip
    assert json.loads(done.out)["title"] == "stone"


def test_a_sound_of_the_library_asks_by_its_id(base: Path) -> None:
    asked = ("query-by-sound", "--library", base / "library", "--format", "json", "-k", 1)
    hit = json.loads(run(*asked, base / "sounds/stone.wav").out)
    assert json.loads(run(*asked, f"#{hit['id']}").out) == hit
    assert "have heard a sound #999" in run(*asked, "#999").err


def test_what_is_gone_away_from_does_not_come_first_by_its_exact_words(base: Path) -> None:
    found = scores(base, "query-by-text", "dog", "--away", "0.5:horn")  # the toy hears: horn, dog
    assert min(found, key=found.__getitem__) == "dog"
    found = scores(base, "query-by-text", "dog OR cat", "--away", "0.5:horn")
    assert list(found) == ["cat", "dog"]


@pytest.mark.parametrize("sound", ["#{id}", "{base}/sounds/stone.wav", "{base}/copy of stone.wav"])
def test_a_reference_pair(base: Path, sound: str) -> None:
    shutil.copy(base / "sounds/stone.wav", base / "copy of stone.wav")
    done = run("query-by-text", "stone", "--only", "exact", "--library", base / "library",
               "--format", "json")  # fmt: skip
    named = sound.format(base=base, id=json.loads(done.out)["id"])
    pair = ["--reference-frame", base / "cyan.png", "--reference-sound", named]
    asked = ["query-by-frame", base / "green.png", *pair, "--theta", 0.25]
    half = math.sqrt(0.5)
    assert scores(base, *asked) == {
        "stone": near(half),
        "dog": near(math.cos(math.pi / 8) * half),
        "cat": near(math.sin(math.pi / 8) * half),
    }
    assert scores(base, *asked, "--reference-weight", 0)["dog"] == near(math.cos(math.pi / 8))
    assert scores(base, *asked, "--reference-weight", 1e6)["stone"] == near(1)
    moved = scores(base, *asked, "--target", "analogy")
    assert moved["stone"] == near(math.cos(math.pi / 8))
    film = ["--reference-frame", base / "film.mkv", "--reference-at", "1.5"]
    again = ["query-by-frame", base / "green.png", *film, *pair[2:], "--theta", 0.25]
    assert scores(base, *again) == scores(base, *asked)


def test_frames_around_a_time_and_a_shot(base: Path) -> None:
    film = ["query-by-frame", base / "film.mkv", "--at"]
    found = scores(base, *film, "1.0", "--around", 2)  # two green, three cyan
    assert found == {"dog": near(3 / math.sqrt(13)), "cat": near(2 / math.sqrt(13)), "stone": 0}
    found = scores(base, *film, "0.5", "--until", "1.5")
    assert found["cat"] == near(math.sqrt(0.5))


def test_two_libraries_are_asked_as_one(base: Path) -> None:
    command = ["query-by-frame", base / "blue.png", "--library", base / "library",
               "--library", base / "second", "--library", base / "second"]  # fmt: skip
    hits = [json.loads(line) for line in run(*command, "--format", "json").out.splitlines()]
    assert [hit["title"] for hit in hits] == ["bird", "cat", "dog", "stone"]
    assert {hit["library"] for hit in hits} == {str(base / "library"), str(base / "second")}
    shown = run(*command).out
    assert "library" in shown.splitlines()[1]
    assert "second" in shown
    assert "library" in run(*command, "-k", 1).out.splitlines()[1]
    alone = run("query-by-frame", base / "blue.png", "--library", base / "second").out
    assert "library" not in alone


def test_libraries_of_two_encoders_are_refused_before_a_model_is_loaded(
    base: Path, tmp_path: Path
) -> None:
    copied(base / "second", tmp_path / "other")
    configured(tmp_path / "other", encoder="starter")
    done = run("query-by-frame", base / "blue.png", "--library", base / "library",
               "--library", tmp_path / "other")  # fmt: skip
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    for said in ("with toy", "with starter", "sonorize library reembed"):
        assert said in done.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--reference-frame", "{base}/cyan.png"], 2, "give --reference-sound too"),
        (["--reference-sound", "#1"], 2, "give --reference-frame too"),
        (["--theta", ".5"], 2, "--theta needs"),
        (["--target", "analogy"], 2, "--target needs"),
        (["--theta", "1.5"], 2, "--theta"),
        (["--reference-weight", "-1"], 2, "--reference-weight"),
        (["--reference-weight", "inf"], 2, "--reference-weight"),
        (["--reference-weight", "1e39"], 2, "--reference-weight"),
        (["--text", f"{'9' * 400}:rain"], 2, "above 1,000,000"),
        (["--text", "-1:rain"], 2, "negative"),
        (["--text", "0.5:"], 2, "no words"),
        (["--around", "3"], 1, "a still picture: --around is for videos"),
        (["--until", "3", "--at", "1"], 1, "a still picture: --until is for videos"),
        (["--away", "dog"], 1, "leave nothing"),
        (["--reference-frame", "{base}/cyan.png", "--reference-sound", "#99"], 1, "--format json"),
        (["--reference-frame", "{base}/no.png", "--reference-sound", "#1"], 1, "There is no file"),
        (["--reference-frame", "{base}/cyan.png", "--reference-sound", "no.wav"], 1, "no file"),
    ],
)
def test_what_cannot_be_asked_is_said(base: Path, options: list[str], code: int, says: str) -> None:
    given = [text.format(base=base) for text in options]
    done = run("query-by-frame", base / "green.png", "--library", base / "library", *given)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err
