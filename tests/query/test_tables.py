"""Hits as a table, as JSON lines and as CSV: one content."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, replace

import pytest

from query import tables
from query.ranking import Hit

HIT = Hit(
    rank=1, score=0.75, parts={"audio": 1.0, "metadata": 0.5}, id=7, title="Dog", path="/s/dog.wav",
    url="https://example.com/7", license="CC0-1.0", author="Ann", duration=6.0, start=2.0, end=4.5,
    source="folder", pack="Dogs", tags=["bark", "loud"], takes=3,
    faults=["clipped"],
)  # fmt: skip
ODD = replace(
    HIT, rank=2, title='two\nlines, "quoted"; \x1b[31m', path="/s/caf\udce9\n🐕.wav", takes=0,
    parts={"audio": None, "metadata": 0.5}, tags=["a,b", 'c"d', "ä"], state="offline", author="",
)  # fmt: skip
KEYS = (
    "rank score parts id title path url license author duration start end source pack tags takes"
    " state preview library faults"
).split()


def shown(capsys: pytest.CaptureFixture[str], hits: list[Hit], form: tables.Format) -> str:
    tables.show(hits, form)
    return capsys.readouterr().out


def test_json_has_a_line_for_each_hit_and_keys_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, [HIT, ODD], "json").splitlines()
    assert [list(json.loads(line)) for line in lines] == [KEYS, KEYS]
    assert [json.loads(line) for line in lines] == [asdict(HIT), asdict(ODD)]
    assert "ä" in shown(capsys, [replace(ODD, path="/s/🐕.wav")], "json")


def test_csv_has_the_same_columns_and_content(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(shown(capsys, [HIT, ODD], "csv"), newline="")))
    for row, hit in zip(rows, (HIT, ODD), strict=True):
        assert list(row) == KEYS
        said = {**asdict(hit), "path": hit.path.replace("\udce9", r"\udce9")}
        for key, value in row.items():
            same = json.loads(value) if key in ("parts", "tags", "faults") else value
            assert same == (said[key] if key in ("parts", "tags", "faults") else str(said[key]))


def test_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [], "json") == ""
    assert shown(capsys, [], "csv").strip().split(",") == KEYS
    assert shown(capsys, [], "table").strip() == "Nothing found."


def test_a_table_says_what_people_ask_for(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [HIT, ODD], "table")
    first = next(line for line in text.splitlines() if "Dog" in line)
    for said in (
        "1",
        "0.750",
        "Dog",
        "+3 takes",
        "clipped",
        "2.0-4.5 of 6.0 s",
        "CC0-1.0",
        "dog.wav",
    ):
        assert said in first
    assert "offline" in text
    assert "\x1b" not in text
    assert r"two\nlines" in "".join(text.split())
    assert max(map(len, text.splitlines())) <= tables.WIDTH


@pytest.mark.parametrize(("takes", "says"), [(0, ""), (1, "+1 take"), (2, "+2 takes")])
def test_takes_in_words(capsys: pytest.CaptureFixture[str], takes: int, says: str) -> None:
    text = shown(capsys, [replace(HIT, takes=takes)], "table")
    assert ("take" in text) == bool(says)
    assert says in text


def test_a_sound_without_words_is_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    guessed = replace(HIT, parts={"audio": 0.9, "metadata": None})
    assert "guess" in shown(capsys, [guessed], "table")
    assert "guess" not in shown(capsys, [HIT], "table")
    assert "guess" not in shown(capsys, [replace(HIT, parts={"audio": 0.9})], "table")


def test_markup_in_a_name_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [replace(HIT, title="[bold]x[/bold]", path="/s/[red]y.wav")], "table")
    assert "[bold]x[/bold]" in text
    assert "[red]y.wav" in text


def test_the_answer_to_one_question_of_many_is_a_line() -> None:
    line = tables.answer_to_json("what\udce9", [HIT, ODD])
    assert "\n" not in line
    line.encode()
    assert json.loads(line) == {"question": "what\udce9", "hits": [asdict(HIT), asdict(ODD)]}


@pytest.mark.parametrize(
    ("text", "said"),
    [("plain ä 🐕", "plain ä 🐕"), ("a\tb\nc", r"a\tb\nc"), ("\x1b[0m", r"\x1b[0m"),
     ("\udce9", r"\udce9"), ("\u202egnp.wav", r"\u202egnp.wav")],
)  # fmt: skip
def test_printable(text: str, said: str) -> None:
    assert tables.printable(text) == said
