"""A film with its sound, by the command: written, opened again, refused in words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from libraries import build, run, tone
from PIL import Image

from query.captions import registry as captioners
from query.generation import registry as generators

RATE, SHOT = 10, 20  # frames a second, frames of a shot


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of a green and a cyan shot, and a library with a tone for each and for others."""
    made = tmp_path_factory.mktemp("video")
    for axis, name in enumerate(("wind", "hum", "hiss", "green", "cyan", "buzz", "roar", "sea")):
        tone(made / "sounds" / f"{name}.wav", axis, 2.0)
    with av.open(str(made / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE, width=64, height=36, pix_fmt="bgr0")
        for number in range(2 * SHOT):
            colour = (0, 255, 0) if number < SHOT else (0, 255, 255)
            frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), colour, np.uint8))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    build(made / "library", made / "sounds")
    return made


def video(base: Path, *arguments: object):
    return run("video", *arguments, "--library", base / "library")


@pytest.mark.slow
def test_a_film_comes_back_with_its_sound_and_sessions(base: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"out{ending}" for ending in (".mkv", ".rpp", ".csv", ".sonorize.json")]
    done = video(base, base / "film.mkv", *(part for out in outs for part in ("-o", out)))
    assert done.code == 0, done.err
    assert all(out.is_file() for out in outs)
    sheet = json.loads(outs[-1].read_text())
    assert [(shot["start"], shot["end"]) for shot in sheet["shots"]] == [(0, SHOT), (SHOT, 40)]
    with av.open(str(outs[0])) as container:
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 2 * SHOT


def test_a_project_is_written_again_without_the_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    monkeypatch.setattr("query.cli.options.load_encoder", None)
    done = video(base, project, "-o", tmp_path / "out.rpp", "-o", tmp_path / "out.wav")
    assert done.code == 0, done.err
    assert (tmp_path / "out.rpp").is_file()
    assert (tmp_path / "out.wav").is_file()


def test_a_dry_run_prints_the_cues_and_writes_nothing(base: Path, tmp_path: Path) -> None:
    done = video(base, base / "film.mkv", "--dry-run", "-o", tmp_path / "out.rpp")
    assert done.code == 0, done.err
    assert "2 shots" in done.err
    assert not (tmp_path / "out.rpp").exists()


def test_a_reel_has_its_timecode(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    done = video(base, base / "film.mkv", "-o", project, "--start-tc", "01:00:00:00",
                 "--offset", "00:10:00:00")  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(project.read_text())["film"]["start"] == 70 * 60 * RATE


def test_cues_are_collected_and_the_session_uses_them(base: Path, tmp_path: Path) -> None:
    session = tmp_path / "my film.rpp"
    done = video(base, base / "film.mkv", "-o", session, "--collect", tmp_path / "my cues")
    assert done.code == 0, done.err
    written = sorted(path.name for path in (tmp_path / "my cues").iterdir())
    assert written
    assert all(name in session.read_text() for name in written)


def test_a_library_without_sounds_is_said(base: Path, tmp_path: Path) -> None:
    build(tmp_path / "library")
    done = run("video", base / "film.mkv", "--dry-run", "--library", tmp_path / "library")
    assert done.code == 1
    assert "holds no sound yet" in done.err


def test_a_long_shot_is_parted_where_it_has_come_to_show_something_else(
    base: Path, tmp_path: Path
) -> None:
    with av.open(str(tmp_path / "pan.mkv"), "w") as container:  # no cut: green fades to blue
        stream = container.add_stream("ffv1", rate=RATE, width=64, height=36, pix_fmt="bgr0")
        for number in range(200):
            blue = min(255, max(0, (number - 60) * 255 // 80))
            pixels = np.full((36, 64, 3), (0, 255 - blue, blue), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = video(base, tmp_path / "pan.mkv", "-o", tmp_path / "pan.sonorize.json")
    assert done.code == 0, done.err
    first, second = json.loads((tmp_path / "pan.sonorize.json").read_text())["shots"]
    assert first["end"] == second["start"]
    assert 80 <= first["end"] <= 120


def test_words_are_for_one_shot(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"

    def questions(*words: str) -> list[str]:
        done = video(base, base / "film.mkv", "-o", project, *words, "--start-tc", "01:00:00:00")
        assert done.code == 0, done.err
        return [shot["question"] for shot in json.loads(project.read_text())["shots"]]

    first, second = questions("--text", "whistle", "--words", "2=horn", "--words", "2=3:cat")
    assert first.startswith("whistle")
    assert second.startswith("horn, cat")
    assert json.loads(project.read_text())["settings"]["words"] == {
        "2": [[1.0, "horn"], [3, "cat"]]
    }
    first, second = questions("--words", "01:00:03:09=not = a name")
    assert "not" not in first
    assert second.startswith("not = a name")
    for shot, words in (("3", "1 to 2"), ("00:59:59:00", "from 01:00:00:00 to 01:00:03:09")):
        done = video(base, base / "film.mkv", "--dry-run", "--words", f"{shot}=rain",
                     "--start-tc", "01:00:00:00")  # fmt: skip
        assert done.code == 1
        assert words in done.err
    for wrong in ("rain", "=rain", "2=", "2=-1:rain"):
        assert video(base, base / "film.mkv", "--dry-run", "--words", wrong).code == 2


def test_nothing_is_written_over_unasked(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out.rpp").write_text("mine")
    done = video(base, base / "film.mkv", "-o", tmp_path / "out.rpp")
    assert done.code == 1
    assert "nobody answers here: say --yes" in done.err
    assert (tmp_path / "out.rpp").read_text() == "mine"
    refused = run("video", base / "film.mkv", "-o", tmp_path / "out.rpp", stdin=b"n\n")
    assert refused.err.endswith("sonorize: nothing was done.\n")
    assert video(base, base / "film.mkv", "-o", tmp_path / "out.rpp", "--yes").code == 0
    for mine, out in (("out_spots.wav", "out.wav"), ("out.2.edl", "out.edl")):
        (tmp_path / mine).write_text("mine")
        done = video(base, base / "film.mkv", "-o", tmp_path / out)
        assert done.code == 1
        assert f"Write over {tmp_path / mine}?" in done.err
        assert (tmp_path / mine).read_text() == "mine"


def test_a_project_keeps_how_it_was_mixed(base: Path, tmp_path: Path) -> None:
    project, again = tmp_path / "film.sonorize.json", tmp_path / "again.sonorize.json"
    how = ("--original", "replace", "--loudness", "web-16")
    assert video(base, base / "film.mkv", "-o", project, *how).code == 0
    assert video(base, project, "-o", again, "--loudness", "a85").code == 0
    mixed = [json.loads(path.read_text())["settings"]["mix"] for path in (project, again)]
    assert mixed[0] == {"original": "replace", "loudness": "web-16"}
    assert mixed[1] == {"original": "replace", "loudness": "a85"}


def test_a_locked_sound_is_found_again_or_missed(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    said = json.loads(project.read_text())
    there, clip = tmp_path / said["cues"][0]["clip"]["path"], said["cues"][0]["clip"]
    said["cues"][0]["locked"], clip["path"] = True, "elsewhere.wav"
    project.write_text(json.dumps(said))
    assert video(base, base / "film.mkv", "-o", project).code == 0
    found = tmp_path / json.loads(project.read_text())["cues"][0]["clip"]["path"]
    assert found.samefile(there)

    clip["identity"] = "unknown"
    project.write_text(json.dumps(said))
    done = video(base, base / "film.mkv", "-o", project)
    assert done.code == 1
    assert "elsewhere.wav of the locked cue" in done.err


def test_a_project_takes_no_option_that_would_change_nothing(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    for option in (("--start-tc", "02:00:00:00"), ("--text", "rain"), ("--no-align",)):
        done = video(base, project, *option, "--dry-run")
        assert done.code == 2
        assert f"{option[0]} is for a video" in done.err


def test_what_cannot_be_written_is_said_before_the_work(base: Path, tmp_path: Path) -> None:
    for options, words in (
        (("-o", tmp_path / "none/out.mp4"), "There is no folder"),
        (("-o", tmp_path / "out.edl"), "10 frames a second"),
        (("-o", tmp_path / "out.mov"), "out.mov cannot hold a picture in ffv1"),
        (("-o", base / "film.mkv", "--yes"), "film.mkv is used by this scene"),
        (("--collect", tmp_path, "--names", "{nobody}"), "{nobody} is no placeholder"),
        (("--collect", tmp_path, "--rate", "5"), "at 5 Hz"),
    ):
        done = video(base, base / "film.mkv", *options)
        assert done.code == 1
        assert words in done.err
        assert "Finding cuts" not in done.err


def test_a_film_that_has_moved_is_missed(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    said = json.loads(project.read_text())
    said["film"]["path"] = "away.mkv"
    project.write_text(json.dumps(said))
    for out, code in (("out.rpp", 0), ("out.mkv", 1)):
        done = video(base, project, "-o", tmp_path / out)
        assert done.code == code
        assert f"{tmp_path / 'away.mkv'} is not there: put the film there, or write" in done.err


def test_a_name_may_be_as_long_as_names_may_be(base: Path, tmp_path: Path) -> None:
    names = ("n" * 250 + ".csv", "n" * 240 + ".sonorize.json", "n" * 240 + ".wav")
    outs = [part for name in names for part in ("-o", tmp_path / name)]
    done = video(base, base / "film.mkv", *outs)
    assert done.code == 0, done.err
    assert {name for name in names if (tmp_path / name).is_file()} == set(names)


def test_a_longer_name_is_refused_in_a_sentence(base: Path, tmp_path: Path) -> None:
    long = tmp_path / ("n" * 256)
    with_stems = tmp_path / ("n" * 250 + ".wav")
    for arguments in (
        (base / "film.mkv", "-o", long.with_suffix(".rpp"), "--yes"),
        (base / "film.mkv", "-o", with_stems, "--yes"),
        (base / "film.mkv", "--collect", long),
        (long, "--dry-run"),
    ):
        done = video(base, *arguments)
        assert done.code == 1
        assert "is too long for a name" in done.err
        assert "Finding cuts" not in done.err


def test_another_recording_or_film_is_said(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    same = video(base, project, "-o", tmp_path / "same.csv")
    assert (same.code, "another" in same.err) == (0, False)
    said = json.loads(project.read_text())
    said["film"]["frames"] += 3
    clip = said["cues"][0]["clip"]
    clip["path"] = str(tone(tmp_path / "other.wav", 2, 2.5))
    project.write_text(json.dumps(said))
    done = video(base, project, "-o", tmp_path / "other.csv")
    assert done.code == 0, done.err
    assert f"{clip['path']} holds another recording" in done.err
    assert "film.mkv is another film than the one that was sounded: 40 frames at 10" in done.err


def test_a_stop_says_what_is_left(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("query.scene.export.reaper.write", stopped)
    done = video(base, base / "film.mkv", "-o", tmp_path / "out.csv", "-o", tmp_path / "out.rpp")
    assert done.code == 130
    assert "files that were finished are whole" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_cue_that_cannot_be_collected_is_left_out_of_the_session(
    base: Path, tmp_path: Path
) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    said = json.loads(project.read_text())
    assert len(said["cues"]) == 2
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    said["cues"][0]["clip"]["path"] = "broken.wav"
    project.write_text(json.dumps(said))
    out = tmp_path / "out.aaf"
    done = video(base, project, "-o", out, "--collect", tmp_path / "cues")
    assert done.code == 3, done.err
    assert "Left out: " in done.err
    assert out.is_file()
    assert len(list((tmp_path / "cues").iterdir())) == 1


def test_a_still_is_no_film(base: Path, tmp_path: Path) -> None:
    for ending in ("jpg", "png", "webp", "avif"):
        still = tmp_path / f"still.{ending}"
        Image.new("RGB", (16, 16), "red").save(still)
        done = video(base, still, "-o", tmp_path / "out.mp4")
        assert (done.code, done.out) == (1, "")
        assert f"ask with it by `sonorize query-by-frame {still}`" in done.err
    assert not (tmp_path / "out.mp4").exists()


def test_a_rate_that_final_cut_does_not_take_is_said(base: Path, tmp_path: Path) -> None:
    done = video(base, base / "film.mkv", "-o", tmp_path / "out.fcpxml")
    assert done.code == 0, done.err
    said = "out.fcpxml: Final Cut Pro does not take 10 frames a second, only 23.976"
    assert said in done.err.splitlines()[0]  # before the work


def test_a_project_is_kept_where_another_format_fails(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out.rpp").mkdir()
    project = tmp_path / "film.sonorize.json"
    done = video(base, base / "film.mkv", "-o", tmp_path / "out.rpp", "-o", project, "--yes")
    assert done.code == 1
    assert project.is_file()


def test_commercial_use_covers_the_alternates_of_a_session(base: Path, tmp_path: Path) -> None:
    project = tmp_path / "film.sonorize.json"
    assert video(base, base / "film.mkv", "-o", project).code == 0
    said = json.loads(project.read_text())
    said["model_licence"] = ""
    for cue in said["cues"]:
        cue["clip"]["licence"] = "CC0-1.0"
        other = {**cue["clip"], "path": "other.wav", "licence": "CC-BY-NC-4.0"}
        cue["alternates"] = [{"clip": other, "offset": 0.0}]
    project.write_text(json.dumps(said))
    (tmp_path / "other.wav").touch()
    film = video(base, project, "-o", tmp_path / "out.csv", "--use", "commercial")
    assert film.code == 0, film.err
    session = video(base, project, "-o", tmp_path / "out.rpp", "--use", "commercial")
    assert session.code == 1
    assert "other.wav" in session.err
    assert not (tmp_path / "out.rpp").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("film.mkv",), 2, "Say where to"),
        (("film.mkv", "-o", "out.doc"), 1, "no extension known"),
        (("none.mkv", "-o", "out.rpp"), 1, "There is no file"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(
    base: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(base)
    done = video(base, *arguments)
    assert done.code == code
    assert words in done.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--fill-model", "audioldm"), 2, "--fill-model is for --fill-gaps generate"),
        (("--fill-clips", 3), 2, "--fill-clips is for --fill-gaps generate"),
        (("--fill-gaps", "generate"), 2, "no model is chosen for you"),
        (("--fill-gaps", "generate", "--fill-model", "audioldm", "--use", "commercial"), 1,
         "under CC-BY-NC-SA-4.0, which --use leaves out"),
        (("--fill-gaps", "generate", "--fill-model", "audioldm", "--license", "cc0,by"), 1,
         "under CC-BY-NC-SA-4.0, which --license leaves out"),
    ],
)  # fmt: skip
def test_gaps_are_not_filled_with_what_could_not_be_used(
    base: Path, options: tuple[object, ...], code: int, said: str
) -> None:
    done = video(base, base / "film.mkv", "--dry-run", *options)
    assert done.code == code
    assert said in done.err
    assert "Finding cuts" not in done.err


@pytest.mark.slow
def test_gaps_say_which_model_is_not_here(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(tmp_path))
    fill = ("--fill-gaps", "generate", "--fill-model", "audioldm")
    done = video(base, base / "film.mkv", "--dry-run", *fill)
    assert done.code == 1
    assert "models fetch audioldm (1.7 GB, CC-BY-NC-SA-4.0" in done.err
    assert "Finding cuts" not in done.err


@pytest.mark.slow
def test_a_dry_run_says_which_gaps_would_be_filled(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry in (captioners, generators):
        monkeypatch.setattr(registry, "load", lambda *_: None)
    fill = ("--fill-gaps", "generate", "--fill-model", "audioldm", "--pack", "none")
    done = video(base, base / "film.mkv", "--dry-run", *fill)
    assert done.code == 0, done.err
    assert re.search(r"^\d shots? without a sound, to be filled by audioldm\.$", done.err, re.M)
    assert not list(base.glob("**/generated"))
