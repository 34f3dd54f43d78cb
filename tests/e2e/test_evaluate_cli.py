"""`sonorize evaluate` on a study of files, as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from libraries import run
from studies import TOML, on_disk


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return on_disk(tmp_path_factory.mktemp("study"))


@pytest.fixture(autouse=True)
def _few_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn for one test alone: they are slow, and have tests of their own."""
    from query.evaluation.report import figures

    drawn = "a_report_can_be_made_again" in request.node.name
    monkeypatch.setattr(figures, "available", lambda: drawn)


def evaluated(command: str, study_file: Path, *options: object) -> list[dict[str, Any]]:
    done = run("evaluate", command, study_file, *options, "--format", "json",
               "--library", study_file.parent / "library")  # fmt: skip
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_inconsistency(study_file: Path, tmp_path: Path) -> None:
    rows = evaluated("inconsistency", study_file, "-k", 3, "--out", tmp_path)
    items = [row for row in rows if row["table"] == "items"]
    assert [row["place"] for row in items] == [1, 2, 3]
    assert items[0]["inconsistency"] == pytest.approx(0, abs=1e-3)
    assert items[0]["d_image_text"] == pytest.approx(0, abs=1e-3)
    everything = sheet(tmp_path / "inconsistency.csv")
    assert len(everything) == 15
    assert {row["arm"] for row in everything} == {"retrieved", "generated"}
    says = {row["says"] for row in sheet(tmp_path / "inconsistency-differences.csv")}
    assert "outside lies higher than high (large)" in says


def test_slerp(study_file: Path, tmp_path: Path) -> None:
    rows = evaluated("slerp", study_file, "--out", tmp_path)
    cells = {
        (row["metric"], row["audio"], row["image"], row["arm"]): row
        for row in rows
        if row["table"] == "table 1" and row["target"] == "literal"
    }
    # references red and blue; sounds but the reference: 1 of red, 1 of blue; 3 frames of each
    near = cells["slerp_cosine", "related", "related", "retrieved"]
    far = cells["slerp_cosine", "unrelated", "related", "retrieved"]
    assert near["n"] == 2 * 1 * 3
    assert near["mean"] < far["mean"]
    assert cells["slerp_cosine", "related", "related", "generated"]["n"] == 3
    table = sheet(tmp_path / "slerp-table-1.csv")
    assert len(table) == 2 * 2 * 5 * 4  # targets, arms, metrics, cells
    ranked = sheet(tmp_path / "slerp-rankings.csv")
    best = {row["frame"]: row["sound"] for row in ranked if row["rank"] == "1"}
    assert best["frames/blue/0.png"] == "made/blue.wav"


def test_tables_for_people(study_file: Path) -> None:
    for command, said in (("slerp", "Table 1, sounds generated"), ("inconsistency", "Nearest to")):
        done = run("evaluate", command, study_file, "--library", study_file.parent / "library")
        assert done.code == 0, done.err
        assert said in done.out
    done = run("evaluate", "slerp", study_file, "--library", study_file.parent / "library")
    assert "1 scene without a reference sound: green." in done.err
    assert "lengths as in the paper are had of ImageBind alone" in done.err
    assert "Measured with encoder toy." in done.err


def test_csv_is_the_table_alone(study_file: Path) -> None:
    done = run("evaluate", "slerp", study_file, "--library", study_file.parent / "library",
               "--format", "csv")  # fmt: skip
    lines = done.out.splitlines()
    assert lines[0] == "scale,target,arm,metric,audio,image,mean,sd,n"
    assert len(lines) == 1 + 80


def test_what_cannot_be_measured_is_said_in_a_sentence(study_file: Path, tmp_path: Path) -> None:
    library = study_file.parent / "library"
    done = run("evaluate", "slerp", tmp_path / "none.toml", "--library", library)
    assert (done.code, done.out) == (1, "")
    assert "check the name" in done.err
    done = run("evaluate", "slerp", study_file, "--library", library, "--scale", "raw")
    assert done.code == 2
    assert "ImageBind alone" in done.err
    assert "Listening" not in done.err  # before the long work
    (tmp_path / "file").touch()
    done = run("evaluate", "slerp", study_file, "--library", library, "--out", tmp_path / "file/x")
    assert done.code == 1
    assert "cannot be written" in done.err


def test_retrieval(study_file: Path, tmp_path: Path) -> None:
    questions = study_file.with_name("questions.csv")
    questions.write_text(
        "kind,query,relevant\nframe,frames/red/0.png,0 low.wav\ntext,bird,5 bird.wav | 6*\n"
        "text,piano,piano.wav\n"
    )
    rows = evaluated("retrieval", questions, "--out", tmp_path)
    [score] = [
        row
        for row in rows
        if row["table"] == "scores"
        and (row["kind"], row["asked"], row["metric"]) == ("frame", "sonorize", "mAP")
    ]
    assert (score["value"], score["questions"], score["sounds"]) == (1, 1, 4)
    asked = sheet(tmp_path / "retrieval-questions.csv")
    assert {row["query"] for row in asked} == {"frames/red/0.png", "bird"}
    done = run("evaluate", "retrieval", questions, "--library", study_file.parent / "library")
    assert done.code == 0, done.err
    assert "1 question without a relevant sound here, left out: piano." in done.err
    assert "text: 1 question of 4 sounds" in done.out


def test_frozen_and_exploratory(study_file: Path, tmp_path: Path) -> None:
    import shutil

    mine = shutil.copytree(study_file.parent, tmp_path / "copy") / "study.toml"

    def state() -> str:
        done = run("evaluate", "slerp", mine, "--library", mine.parent / "library")
        assert done.code == 0, done.err
        return done.err.splitlines()[0]

    assert state() == "Red and blue: exploratory: nothing was frozen before."
    done = run("evaluate", "freeze", mine)
    assert "frozen as version 1 (" in done.out
    assert state().startswith("Red and blue: frozen (version 1, ")
    assert "is frozen already, as version 1" in run("evaluate", "freeze", mine).out
    (mine.parent / "sounds/0 low.wav").write_bytes((mine.parent / "made/blue.wav").read_bytes())
    assert "sounds/0 low.wav was changed after version 1 was frozen" in state()
    mine.write_text(mine.read_text() + "# later\n")
    assert "study.toml was changed after version 1 was frozen" in state()
    assert "frozen as version 2 (" in run("evaluate", "freeze", mine).out
    clips = mine.with_name("clips.toml")
    clips.write_text(TOML.replace('"sounds/1*.wav"]', '"#1"]'))
    done = run("evaluate", "freeze", clips)
    assert done.code == 1
    assert "names clip #1 of a library" in done.err
    mine.with_name("study.toml.frozen.json").write_text("{}")
    done = run("evaluate", "freeze", mine)
    assert done.code == 1
    assert "cannot be understood" in done.err


def rated(folder: Path) -> Path:
    """Three raters of all frames of red and blue with a sound that fits and one that does not."""
    path = folder / "ratings.csv"
    lines = ["rater,frame,sound,fit,quality,scene,arm"]
    for rater, lean in (("x", 0), ("y", 1), ("z", 0)):
        for scene, right, wrong in (
            ("red", "1 growl", "6 cricket"),
            ("blue", "6 cricket", "0 low"),
        ):
            for number in range(3):
                frame = f"frames/{scene}/{number}.png"
                fit = 3 + lean + (number > 1)
                lines.append(f"{rater},{frame},sounds/{right}.wav,{fit},4,{scene},retrieved")
                lines.append(f"{rater},{frame},sounds/{wrong}.wav,{1 + lean},4,{scene},random")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_mos_and_correlate(study_file: Path, tmp_path: Path) -> None:
    ratings = rated(tmp_path)
    done = run("evaluate", "mos", ratings, "--format", "json", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    groups = [json.loads(line) for line in done.out.splitlines()]
    [retrieved] = [row for row in groups if (row.get("group"), row.get("name"),
                   row["question"]) == ("arm", "retrieved", "fit")]  # fmt: skip
    assert retrieved["mos"] == pytest.approx(11 / 3, abs=1e-3)
    assert len(sheet(tmp_path / "out/mos-items.csv")) == 24
    rows = evaluated("correlate", study_file, ratings, "--out", tmp_path / "out")
    [as_paper] = [
        row
        for row in rows
        if (row.get("metric"), row.get("form"), row.get("scene"))
        == ("SLERP cosine, literal", "every rating alone, as the paper", "all")
    ]
    assert as_paper["r"] < -0.5
    assert as_paper["n"] == 36
    assert len(sheet(tmp_path / "out/correlate-values.csv")) == 12 * 8
    report = json.loads((tmp_path / "out/correlate-report.json").read_text(encoding="utf-8"))
    assert len(report["provenance"]["inputs"]["ratings.csv"]) == 64
    assert any("ratings made elsewhere" in note for note in report["notes"])
    done = run("evaluate", "correlate", study_file, ratings, "--library",
               study_file.parent / "library")  # fmt: skip
    assert "Table 2 as the paper has it" in done.out
    strange = tmp_path / "strange.csv"
    strange.write_text("rater,frame,sound,fit\nx,frames/red/0.png,none.wav,3\n")
    done = run("evaluate", "correlate", study_file, strange, "--library",
               study_file.parent / "library")  # fmt: skip
    assert done.code == 1
    assert "'none.wav' was rated and study.toml does not name it" in done.err
    assert "Looking at" not in done.err  # said before the long work


def test_power(tmp_path: Path) -> None:
    done = run("evaluate", "power", "--raters", 10, "--format", "json")
    row = json.loads(done.out)
    assert row["ratings"] == 630
    assert 0.4 < row["smallest_r"] < 0.55
    assert 0 < row["false_alarms"] < 0.1
    done = run("evaluate", "power", "--raters", 10, "--alike", 0, "--format", "json")
    assert json.loads(done.out)["smallest_r"] < row["smallest_r"]
    done = run("evaluate", "power", "--pilot", rated(tmp_path), "--format", "json")
    assert json.loads(done.out)["rater_sd"] == pytest.approx(0.577, abs=0.01)
    (tmp_path / "one.csv").write_text("rater,frame,sound,fit\nx,a.png,a.wav,3\n")
    done = run("evaluate", "power", "--pilot", tmp_path / "one.csv")
    assert done.code == 1
    assert "too small for a pilot" in done.err


@pytest.mark.parametrize(
    "command",
    ["inconsistency", "slerp", "mos", "correlate", "power", "retrieval", "quality"],
)
def test_a_report_can_be_made_again(command: str, study_file: Path, tmp_path: Path) -> None:
    library = ("--library", study_file.parent / "library")
    questions = tmp_path / "questions.csv"
    questions.write_text("kind,query,relevant\ntext,bird,5 bird.wav\n")
    asked = {
        "mos": [rated(tmp_path)],
        "power": ["--pilot", rated(tmp_path)],
        "quality": library,
        "correlate": [study_file, rated(tmp_path), *library],
        "retrieval": [questions, *library],
    }.get(command, [study_file, *library])
    done = run("evaluate", command, *asked, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    html = (tmp_path / f"out/{command}-report.html").read_text(encoding="utf-8")
    assert html.count("<svg") == 1
    assert ("<audio" in html) == (command in ("inconsistency", "slerp", "correlate"))
    done = run("evaluate", "replay", tmp_path / f"out/{command}-report.json", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["numbers"] > 10
    assert (found["largest_difference"], found["other_differences"]) == ("0", 0)


def test_a_replay_says_what_changed(study_file: Path, tmp_path: Path) -> None:
    ratings = rated(tmp_path)
    run("evaluate", "mos", ratings, "--out", tmp_path / "out")
    pair = "x,frames/red/0.png,sounds/1 growl.wav"
    ratings.write_text(ratings.read_text().replace(f"{pair},3", f"{pair},2"))
    done = run("evaluate", "replay", tmp_path / "out/mos-report.json")
    assert done.code == 0, done.err
    assert "1 file changed since: ratings.csv." in done.err
    ratings.unlink()
    assert run("evaluate", "replay", tmp_path / "out/mos-report.json").code == 1
    assert "is no report" in run("evaluate", "replay", study_file).err


def test_a_report_without_figures(tmp_path: Path) -> None:
    done = run("evaluate", "mos", rated(tmp_path), "--out", tmp_path / "out")
    assert "without figures (they need the extra report)" in done.err
    assert "<svg" not in (tmp_path / "out/mos-report.html").read_text(encoding="utf-8")
