"""A report: one file that needs nothing, the same as data, and compared with itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import StudyError
from query.evaluation.report import figures
from query.evaluation.report.page import page
from query.evaluation.report.provenance import commit, of_run
from query.evaluation.report.record import (
    Record,
    Table,
    compare,
    read_json,
    write_json,
    write_tables,
)

pytestmark = pytest.mark.slow

NAUGHTY = '<script>alert("1")</script>$x_{1}$'
NAN = float("nan")


def record(experiment: str = "slerp", **tables: Table) -> Record:
    return Record(
        experiment=experiment,
        title=NAUGHTY,
        state="exploratory: nothing was frozen before",
        options={"study_file": "/study.toml", "theta": 0.5, "scale": None},
        notes=["A note."],
        provenance={"commit": "abc", "inputs": {f"{n}.wav": "0" * 64 for n in range(20)}},
        tables={name.replace("_", "-"): table for name, table in tables.items()},
    )


def table(*rows: dict[str, Any], about: str = "What it is") -> Table:
    return Table(tuple(rows[0]), rows, about)


class Tags(HTMLParser):
    """Every tag with its attributes; fails on one that is not closed."""

    EMPTY = frozenset("meta br wbr link input img".split())

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_a_page_of_one_file_that_escapes_what_it_shows(tmp_path: Path) -> None:
    rows = [{"sound": NAUGHTY, "mean": 1.23456, "n": 3, "p": 1e-4, "low": NAN} for _ in range(70)]
    text = page(record(slerp=table(*rows)), [("A figure", "<svg></svg>")], tmp_path)
    tags = Tags(text).seen
    names = [tag for tag, _ in tags]
    assert not {"script", "link", "iframe", "img"} & set(names)
    assert not [a for _, a in tags if "src" in a or str(a.get("href", "")).startswith("http")]
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert '<td class="n">1.235</td>' in text
    assert '<td class="n">&lt;0.001</td><td class="n">–</td>' in text
    assert "60 of 70 rows" in text
    assert "exploratory: nothing was frozen before" in text
    assert "20</summary>" in text


def test_clips_are_played_where_they_are_near(tmp_path: Path) -> None:
    (tmp_path / "study" / "my sounds").mkdir(parents=True)
    (tmp_path / "study/my sounds/a #1.wav").touch()
    rows = [{"sound": "my sounds/a #1.wav"}, {"sound": "gone.wav"}, {"sound": "#12"}]
    made = replace(record(slerp=table(*rows)), folder=str(tmp_path / "study"))
    tags = Tags(page(made, [], tmp_path / "out")).seen
    assert [a["src"] for tag, a in tags if tag == "audio"] == ["../study/my%20sounds/a%20%231.wav"]


SCENES = ("one", "two", NAUGHTY)
TABLES: dict[str, dict[str, Table]] = {
    "inconsistency": {
        "inconsistency_values": table(
            *({"term": term, "group": group, "value": at / 10}
              for term in ("d_image_text", "d_image_audio") for group in ("", "outside")
              for at in range(4))
        )
    },
    "slerp": {
        "slerp_table_1": table(
            *({"arm": "retrieved", "scale": scale, "target": target, "metric": "slerp_euclidean",
               "audio": audio, "image": "related", "mean": 1.5, "sd": sd, "n": 4}
              for scale in ("unit", "raw") for target in ("literal", "analogy")
              for audio, sd in (("related", 0.2), ("unrelated", None)))
        )
    },
    "mos": {
        "mos_items": table(
            *({"question": "fit", "scene": scene, "frame": f"{n}.png", "arm": arm, "mos": 3.0,
               "low": low, "high": 4.0}
              for scene in SCENES for n in range(3)
              for arm, low in (("retrieved", 2.0), ("random", NAN)))
        )
    },
    "correlate": {
        "correlate_values": table(
            *({"metric": metric, "scene": scene, "value": value, "mean_fit": 3.0}
              for metric in ("SLERP cosine", "|inconsistency|") for scene in SCENES
              for value in (0.1, None, 0.4))
        ),
        "correlate_table_2": table(
            {"metric": "SLERP cosine", "form": "means of items", "scene": "all", "r": -0.4}
        ),
    },
    "retrieval": {
        "retrieval": table(
            *({"kind": kind, "asked": asked, "metric": metric, "value": 0.5, "low": 0.4,
               "high": 0.7}
              for kind in ("frame", "text") for asked in ("sonorize", "random")
              for metric in ("hit@1", "hit@10", "mAP"))
        )
    },
    "power": {
        "power": table({"power": 0.8}),
        "power_curve": table(*({"r": r, "found": r} for r in (0.0, 0.5, 1.0))),
    },
    "freesound": {
        "freesound": table(
            *({"term": term, "sort": "score", "freesound": theirs, "ours": "meaning",
               "tau_b": tau}
              for term in ("rain", NAUGHTY) for theirs, tau in (("order", 0.2), ("rating", None)))
        )
    },
    "quality": {
        "quality_faults": table({"fault": "clipped", "sounds": 2}, {"fault": "none", "sounds": 9})
    },
}  # fmt: skip


@pytest.mark.parametrize("experiment", TABLES)
def test_figures_take_the_pages_colour_and_are_told_apart_without_any(experiment: str) -> None:
    made = record(experiment, **TABLES[experiment])
    [(caption, svg)] = figures.drawn(made)
    assert caption
    Tags(svg)
    assert "currentColor" in svg
    assert figures.INK not in svg
    assert "<script" not in svg
    assert not re.findall(r'(?:href|src)="http', svg)
    assert figures.drawn(made) == [(caption, svg)]  # the same again


def test_as_json_and_back(tmp_path: Path) -> None:
    made = record(slerp=table({"sound": "a.wav", "mean": 0.1 + 0.2, "p": NAN}))
    write_json(made, tmp_path / "report.json")
    read = read_json(tmp_path / "report.json")
    assert read.options == made.options
    assert read.tables["slerp"].rows == [{"sound": "a.wav", "mean": 0.1 + 0.2, "p": None}]
    assert compare(made, read) == compare(read, made)
    assert (compare(made, read).largest, compare(made, read).others) == (0.0, [])
    write_tables(made, tmp_path)
    assert (tmp_path / "slerp.csv").read_text() == "sound,mean,p\na.wav,0.3,\n"


def test_the_largest_difference_and_where_it_is() -> None:
    rows = [{"sound": "a", "x": 1.0, "y": 2.0}, {"sound": "b", "x": 3.0, "y": NAN}]
    other = [{"sound": "a", "x": 1.5, "y": 2.25}, {"sound": "c", "x": 3.0, "y": 1.0}]
    found = compare(record(slerp=table(*rows)), record(slerp=table(*other)))
    assert (found.cells, found.largest, found.where) == (3, 0.5, "slerp, row 1, x")
    assert found.others == [
        "slerp, row 2, sound: 'b' before, 'c' after",
        "slerp, row 2, y: None before, 1.0 after",
    ]
    short = compare(record(slerp=table(*rows)), record(slerp=table(rows[0])))
    assert short.others == ["slerp: 2 rows before, 1 after"]


@pytest.mark.parametrize("text", ["{}", "no json", "[]", '{"format": 1}'])
def test_what_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(StudyError, match=r"is no report"):
        read_json(tmp_path / "report.json")
    (tmp_path / "report.json").write_text('{"format": 99}')
    with pytest.raises(StudyError, match="another version of sonorize"):
        read_json(tmp_path / "report.json")


def test_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    made = of_run({"a": tmp_path / "a"}, seed=3)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert made["inputs"] == {"a": empty}
    assert made["seed"] == 3
    assert {"numpy", "scipy", "torch"} <= made["packages"].keys()
    assert re.fullmatch(r"([0-9a-f]{40}\+?)?", commit())
