"""The query commands: one content in three formats, many questions at once, errors in words."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from libraries import COLOURS, Done, build, configured, copied, run, tone
from PIL import Image

from indexer.encoders.toy import ToyEncoder
from indexer.library import Library
from query.ask import Ask
from query.ranking import Hit
from query.search import Searcher

KEYS = (
    "rank score parts id title path url license author duration start end source pack tags takes"
).split()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sounds/, library/, a picture for each of three colours, a video, and what is neither."""
    made = tmp_path_factory.mktemp("queries")
    for name, axis in (("cat", 3), ("dog", 4), ("wood 1", 5), ("wood 2", 5), ("stone", 6)):
        tone(made / "sounds" / f"{name}.wav", axis, 2.0 if name != "wood 2" else 3.0)
    for name, axis in (("green", 3), ("cyan", 4), ("blue", 5)):
        Image.new("RGB", (4, 4), COLOURS[axis]).save(made / f"{name}.png")
    (made / "words.png").write_bytes(b"words")
    film(made / "film.mkv")
    build(made / "library", made / "sounds")
    return made


def film(path: Path) -> None:
    """One second of green, then one of cyan."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10, width=16, height=16, pix_fmt="bgr0")
        for number in range(20):
            colour = (0, 255, 0) if number < 10 else (0, 255, 255)
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), colour, np.uint8))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def ask(base: Path) -> object:
    return lambda *command, **given: run(*command, "--library", base / "library", **given)


def ask_json(base: Path, *command: object) -> list[dict[str, object]]:
    done = run(*command, "--library", base / "library", "--format", "json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def titles(hits: list[dict[str, object]]) -> list[object]:
    return [hit["title"] for hit in hits]


def questions(base: Path) -> list[list[object]]:
    return [
        ["query-by-frame", base / "green.png"],
        ["query-by-frame", base / "film.mkv"],
        ["query-by-frame", base / "film.mkv", "--at", "1.5", "--metadata-weight", 0],
        ["query-by-text", "cat"],
        ["query-by-text", "cat", "--only", "meaning"],
        ["query-by-text", "cat", "--only", "exact"],
        ["query-by-sound", base / "sounds/cat.wav"],
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_hit_as_scripts_read_it(base: Path, number: int) -> None:
    hits = ask_json(base, *questions(base)[number])
    assert hits
    for rank, hit in enumerate(hits, start=1):
        assert list(hit)[: len(KEYS)] == KEYS
        assert hit["rank"] == rank
        assert Path(str(hit["path"])).is_file()
        assert 0 <= float(str(hit["start"])) < float(str(hit["end"])) <= float(str(hit["duration"]))
        assert (hit["license"], hit["source"], hit["tags"]) == ("unknown", "folder", [])
    assert hits[0]["title"] == ("dog" if number == 2 else "cat")


def test_a_video_is_asked_all_over_or_at_a_time(base: Path) -> None:
    spread = ask_json(base, "query-by-frame", base / "film.mkv", "--metadata-weight", 0)
    assert {title: hit["score"] for title, hit in zip(titles(spread), spread, strict=True)} == {
        "cat": pytest.approx(4 / np.sqrt(41), abs=1e-3),  # four of nine frames are green
        "dog": pytest.approx(5 / np.sqrt(41), abs=1e-3),
        "wood": 0, "stone": 0,
    }  # fmt: skip
    at = ask_json(base, "query-by-frame", base / "film.mkv", "--at", "0.5", "-k", 1)
    assert titles(at) == ["cat"]


@pytest.mark.parametrize("number", range(7))
def test_the_formats_say_the_same(base: Path, number: int) -> None:
    command = [*questions(base)[number], "--library", base / "library", "--format"]
    hits = ask_json(base, *questions(base)[number])
    rows = list(csv.DictReader(io.StringIO(run(*command, "csv").out, newline="")))
    read = [
        {key: json.loads(v) if key in ("parts", "tags") else v for key, v in row.items()}
        for row in rows
    ]
    assert read == [
        {key: v if key in ("parts", "tags") else str(v) for key, v in hit.items()} for hit in hits
    ]
    table = run(*command, "table").out.splitlines()
    shown = [line.split() for line in table if line.strip()[:1].isdigit()]
    assert [(int(line[0]), line[1], line[-1]) for line in shown] == [
        (hit["rank"], f"{hit['score']:.3f}", Path(str(hit["path"])).name.split()[-1])
        for hit in hits
    ]


def test_messages_stay_out_of_the_results(base: Path) -> None:
    done = run("query-by-frame", base / "green.png", "--library", base / "library")
    assert done.err == ToyEncoder.caveat + "\n"
    assert ToyEncoder.caveat not in done.out


def test_options_narrow_the_answer(base: Path) -> None:
    frame = ["query-by-frame", base / "blue.png", "--metadata-weight", 0]
    assert titles(ask_json(base, *frame, "-k", 1)) == ["wood"]
    assert ask_json(base, *frame)[0]["takes"] == 1
    assert titles(ask_json(base, *frame, "--all-takes", "-k", 2)) == ["wood", "wood"]
    assert len(ask_json(base, *frame, "-k", 500)) == 4
    long = ask_json(base, *frame, "--min-duration", 2.5)
    assert [Path(str(hit["path"])).name for hit in long] == ["wood 2.wav"]
    assert ask_json(base, *frame, "--license", "cc0,by") == []
    assert len(ask_json(base, *frame, "--source", "folder", "--source", "freesound")) == 4
    assert len(ask_json(base, *frame, "--source", base / "sounds")) == 4


@pytest.mark.parametrize(
    ("weight", "part", "first"), [(0, "audio", "dog"), (1, "metadata", "cat"), (0.5, "", "cat")]
)
def test_the_weight_is_chosen_by_question(base: Path, weight: float, part: str, first: str) -> None:
    # "cat" means cyan, and is heard as green
    hits = ask_json(base, "query-by-frame", base / "cyan.png", "--metadata-weight", weight)
    assert hits[0]["title"] == first
    if part:
        for hit in hits:
            parts = hit["parts"]
            assert isinstance(parts, dict)
            assert hit["score"] == (parts[part] or 0)


def lines(done: Done) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_each_line_is_answered_by_a_line(base: Path) -> None:
    asked = [base / "green.png", base / "words.png", base / "no.png", "", base / "cyan.png"]
    done = run("query-by-frame", "-", "--library", base / "library", "--metadata-weight", 0,
               stdin=b"\r\n".join(os.fsencode(each) for each in asked))  # fmt: skip
    assert done.code == 3
    answers = lines(done)
    assert [answer["question"] for answer in answers] == list(map(os.fspath, asked))
    assert [list(answer)[1] for answer in answers] == ["hits", "error", "error", "error", "hits"]
    hits = [answers[place]["hits"] for place in (0, 4)]
    assert [titles(each)[0] for each in hits if isinstance(each, list)] == ["cat", "dog"]
    assert "cannot be read as a picture" in str(answers[1]["error"])
    assert hits[0] == ask_json(base, "query-by-frame", base / "green.png", "--metadata-weight", 0)


def test_words_and_sounds_by_the_line(base: Path) -> None:
    library = ["--library", base / "library"]
    done = run("query-by-text", "-", *library, "--only", "exact",
               stdin=b'cat\ncolour:red\nnothing\n"dog"\n')  # fmt: skip
    answers = lines(done)
    assert done.code == 3
    assert [answer["question"] for answer in answers] == ["cat", "colour:red", "nothing", '"dog"']
    assert [len(answer.get("hits", "no")) for answer in answers] == [1, 2, 0, 1]  # type: ignore[arg-type]
    assert "colour" in str(answers[1]["error"])
    sounds = [base / "sounds/dog.wav", base / "words.png"]
    done = run("query-by-sound", "-", *library, stdin=b"\n".join(map(os.fsencode, sounds)))
    assert [list(answer)[1] for answer in lines(done)] == ["hits", "error"]
    assert run("query-by-text", "-", *library, stdin=b"") == Done(0, "", ToyEncoder.caveat + "\n")


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["query-by-frame", "{base}/no.jpg"], 1, "There is no file"),
        (["query-by-frame", "{base}/words.png"], 1, "cannot be read as a picture"),
        (["query-by-frame", "{base}/sounds/cat.wav"], 1, "cannot be read as a picture"),
        (["query-by-frame", "{base}"], 1, "is a folder"),
        (["query-by-frame", "{base}/film.mkv", "--at", "9"], 1, "past its end"),
        (["query-by-frame", "{base}/film.mkv", "--at", "soon"], 1, "is not a time"),
        (["query-by-frame", "{base}/green.png", "--at", "1"], 1, "--at is for videos"),
        (["query-by-sound", "{base}/no.wav"], 1, "There is no file"),
        (["query-by-sound", "{base}/words.png"], 1, "has no audio stream"),
        (["query-by-sound", "{base}/sounds"], 1, "is a folder"),
        (["query-by-text", " "], 1, "There is no question"),
        (["query-by-text", "colour:red"], 1, "colour"),
        (["query-by-text", "cat", "--library", "{base}/no"], 1, "There is no library in"),
        (["query-by-frame", "{base}/green.png", "--library", "{base}"], 1, "There is no library"),
        (["query-by-frame"], 2, "Missing argument"),
        (["query-by-frame", "{base}/green.png", "-k", "0"], 2, "-k"),
        (["query-by-frame", "{base}/green.png", "-k", "many"], 2, "-k"),
        (["query-by-frame", "{base}/green.png", "--metadata-weight", "1.1"], 2, "metadata-weight"),
        (["query-by-frame", "{base}/green.png", "--metadata-weight", "nan"], 2, "metadata-weight"),
        (["query-by-frame", "{base}/green.png", "--format", "xml"], 2, "xml"),
        (["query-by-frame", "{base}/green.png", "--nonsense"], 2, "No such option"),
        (["query-by-text", "cat", "--min-duration", "-1"], 2, "min-duration"),
        (["query-by-smell", "cat"], 2, "No such command"),
        ([], 2, "Usage"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(
    base: Path, command: list[str], code: int, says: str
) -> None:
    given = [text.format(base=base) for text in command]
    if given and "--library" not in given and given[0] != "query-by-smell":
        given += ["--library", str(base / "library")]
    done = run(*given)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err
    if code == 1:
        assert done.err.startswith("sonorize: ")
        assert done.err.count("\n") == 1


@pytest.fixture
def starter(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library that names the starter model, which is not here."""
    copied(base / "library", tmp_path / "library")
    configured(tmp_path / "library", encoder="starter")
    monkeypatch.setenv("SONORIZE_MODELS", str(tmp_path / "models"))
    return tmp_path / "library"


def test_words_are_found_without_a_model(starter: Path) -> None:
    done = run("query-by-text", "dog", "--library", starter, "--format", "json")
    assert done.code == 0
    assert json.loads(done.out)["title"] == "dog"
    assert done.err == "Exact words only: for meaning too, run `sonorize models fetch starter`.\n"
    done = run("query-by-text", "dog", "--library", starter, "--only", "exact", "--format", "json")
    assert (json.loads(done.out)["title"], done.err) == ("dog", "")
    assert not starter.with_name("models").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["query-by-frame", "{base}/green.png"],
        ["query-by-sound", "{base}/sounds/dog.wav"],
        ["query-by-text", "dog", "--only", "meaning"],
        ["build-index", "{base}/sounds"],
        ["library", "check"],
    ],
)
def test_what_needs_the_model_says_how_to_get_it(
    starter: Path, base: Path, command: list[str]
) -> None:
    done = run(*(text.format(base=base) for text in command), "--library", starter)
    assert (done.code, done.out) == (1, "")
    assert "sonorize models fetch starter" in done.err
    assert done.err.count("\n") == 1


def test_a_library_of_an_encoder_nobody_knows(starter: Path, base: Path) -> None:
    configured(starter, encoder="tomorrow")
    for command in (["query-by-text", "dog"], ["query-by-frame", base / "green.png"]):
        done = run(*command, "--library", starter)
        assert (done.code, done.out) == (1, "")
        assert "no encoder 'tomorrow'" in done.err
    assert json.loads(run("query-by-text", "dog", "--only", "exact", "--library", starter,
                          "--format", "json").out)["title"] == "dog"  # fmt: skip


def test_an_empty_library_answers_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    build(tmp_path / "library", tmp_path / "sounds")
    for words in (["dog"], ["dog", "--only", "exact"]):
        for form, lines in (("json", 0), ("csv", 1), ("table", 1)):
            done = run("query-by-text", *words, "--library", tmp_path / "library",
                       "--format", form)  # fmt: skip
            assert (done.code, len(done.out.splitlines())) == (0, lines)


def test_the_library_is_found_by_its_variable(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_LIBRARY", str(base / "library"))
    assert run("query-by-text", "dog", "--format", "json").out


def test_asking_changes_nothing(base: Path) -> None:
    with Library.open(base / "library") as library:
        before = library.catalog.embeddings.changes(0)[1]
    files = {path: path.stat().st_mtime_ns for path in (base / "library").glob("*/*")}
    for question in questions(base):
        ask_json(base, *question)
    assert {path: path.stat().st_mtime_ns for path in (base / "library").glob("*/*")} == files
    with Library.open(base / "library") as library:
        assert library.catalog.embeddings.changes(0)[1] == before


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_told_nothing(base: Path) -> None:
    command = [sys.executable, "-c", "from query.cli.main import main; main()", "query-by-text"]
    process = subprocess.Popen(
        [*command, "-", "--library", str(base / "library"), "--only", "exact"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"cat\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["question"] == "cat"
    process.stdout.close()
    said = process.communicate(b"dog\n" * 100)[1]
    assert (process.returncode, said) == (1, b"")


def test_a_question_that_is_stopped_tells_of_nothing_recorded(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> list[Hit]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Searcher, "by_sound", stopped)
    done = run("query-by-sound", base / "sounds/cat.wav", "--library", base / "library")
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("sonorize: stopped.\n")


def test_frames_that_ask_together_are_described_together(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(_: ToyEncoder, picture: Image.Image) -> list[tuple[str, float]]:
        green = picture.getpixel((0, 0)) == (0, 255, 0)
        return [("grass" if green else "sea", 0.8), ("paint", 0.1)]

    monkeypatch.setattr(ToyEncoder, "describe_image", described, raising=False)
    asked = ("--verbose", "--library", base / "library")
    done = run("query-by-frame", base / "film.mkv", "--at", 1, "--around", 1, *asked)
    said = "toy takes the 3 pictures together for: sea 53%, grass 27%"
    assert said in done.err.splitlines()
    done = run("query-by-frame", base / "green.png", *asked)
    assert "toy takes the picture for: grass 80%, paint 10%" in done.err.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_one_may_not_enter_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        done = run("query-by-frame", tmp_path / "locked/a.png")
    finally:
        os.seteuid(user)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"sonorize: \S*locked/a\.png is closed to you .*\n", done.err)


def test_a_line_that_names_such_a_folder_is_answered_with_its_error(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(_self: Searcher, named: str, _ask: Ask) -> list[Hit]:
        raise PermissionError(errno.EACCES, "Permission denied", named)

    monkeypatch.setattr(Searcher, "by_sound", shut)
    done = run("query-by-sound", "-", "--library", base / "library", stdin=b"a.wav\n")
    assert done.code == 3
    assert "a.wav is closed to you" in str(lines(done)[0]["error"])
