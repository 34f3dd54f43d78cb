"""`sonorize generate`: a frame, its captions, their sounds, the library, one ranking."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import databases
import numpy as np
import pytest
import tiny_makers
import toy_makers
from libraries import COLOURS, build, copied, run, tone
from PIL import Image
from studies import on_disk
from tiny_models import declare_operators

from indexer import geometry
from indexer.encoders.toy import ToyEncoder
from indexer.errors import GenerationError
from indexer.library import Library
from query.ask import Ask
from query.generation import by_ear, registry
from query.generation.triples import distances, frame_hash
from query.heard import embed_file
from query.search import Searcher

declare_operators()
SLOWLY = """
import signal, time, toy_makers
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from query.generation import registry
registry.load = lambda *_: toy_makers.Tones(lambda _: time.sleep(0.2), "audioldm")
from query.cli.main import main
main()
"""  # a process without large models, which take longer to import than all else
QUICK = ("--seconds", 0.5, "--steps", 1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("blip", "audioldm", "audioldm-clap", "stable-audio-open"):
        tiny_makers.kept(name, folder)
    return folder


@pytest.fixture
def here(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(models))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a tone for each colour."""
    folder = tmp_path_factory.mktemp("made")
    for axis in range(8):
        tone(folder / "sounds" / f"{'abcdefgh'[axis]}.wav", axis)
    build(folder / "library", folder / "sounds")
    return folder / "library"


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    return Path(copied(made, tmp_path / "library"))


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    picture = Image.new("RGB", (48, 32), COLOURS[3])
    picture.paste(COLOURS[6], (0, 0, 16, 32))
    picture.save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def generate(frame: Path, library: Path, *rest: object, model: str = "audioldm") -> Any:
    return run("generate", frame, "--model", model, "--library", library, *QUICK, *rest)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_frame_becomes_captions_sounds_and_one_ranking(
    frame: Path, library: Path, made: Path
) -> None:
    asked = ("--captions", 3, "--variations", 2, "--seed", 5, "--best", 9)
    done = generate(frame, library, *asked, "--format", "json")
    assert done.code == 0, done.err
    hits = [json.loads(line) for line in done.out.splitlines()]
    assert {hit["source"] for hit in hits} == {"folder", "generated"}
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    folder = library / "sounds/generated"
    facts = manifests(folder)
    assert len({fact["prompt"] for fact in facts}) == 3
    assert sorted(fact["seed"] for fact in facts) == [5, 5, 5, 6, 6, 6]
    assert "CC-BY-NC-SA-4.0: non-commercial" in done.err
    assert "B at most, one model after another" in done.err
    asked_again = run("query-by-frame", frame, "--library", library, "--format", "json", "-k", 9)
    assert asked_again.out == done.out

    other = library.with_name("other")
    copied(library, other)
    shutil.rmtree(other / "sounds/generated")
    generate(frame, other, *asked)
    assert files(other / "sounds/generated") == files(folder)

    every_triple_is_in_its_manifest(frame, library)
    before = manifests(library / "sounds/generated")
    again = generate(frame, library, *asked)
    assert "6 of them there already" in again.err
    assert manifests(library / "sounds/generated") == before


def every_triple_is_in_its_manifest(frame: Path, library: Path) -> None:
    encoder = ToyEncoder()
    with Image.open(frame) as picture:
        image = encoder.embed_images([picture.convert("RGB")])["audio"]
        hashed = frame_hash([picture])
    for path in (library / "sounds/generated").glob("*.json"):
        [triple] = json.loads(path.read_text())["frames"]
        text = encoder.embed_texts([triple["caption"]])["audio"]
        audio = embed_file(path.with_suffix(".wav"), encoder)["audio"]
        to_text, to_audio = (1 - geometry.cosine(image, each).item() for each in (text, audio))
        assert triple["frame"] == hashed
        assert triple["d_image_text"] == pytest.approx(to_text, abs=1e-4)
        assert triple["d_image_audio"] == pytest.approx(to_audio, abs=2e-3)
        assert triple["inconsistency"] == pytest.approx(2 * to_text - to_audio, abs=2e-3)


def test_a_triple_that_lacks_a_side_has_what_is_left_of_its_distances() -> None:
    one, none = np.array([1, 0], np.float32), np.zeros(2, np.float32)
    for triple in ((one, one, None), (one, none, one), (none, one, one)):
        told = distances(*triple)
        assert told["inconsistency"] is None
        assert (told["d_image_text"], told["d_image_audio"]) == tuple(
            0.0 if each is one and triple[0] is one else None for each in triple[1:]
        )
    other = np.array([0, 1], np.float32)
    whole = {"d_image_text": 1.0, "d_image_audio": 0.0, "inconsistency": 2.0}
    assert distances(one, other, one) == whole


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_users_words_are_taken_as_they_are(frame: Path, library: Path) -> None:
    words = ("--caption", "a red bell", "--caption", "Wind  in  trees", "--negative", "\udcff")
    done = generate(frame, library, *words, "--variations", 2, "--pack", "of no sound",
                    "--format", "json", model="stable-audio-open")  # fmt: skip
    assert done.code == 0, done.err
    hits = [json.loads(line) for line in done.out.splitlines()]
    assert {hit["source"] for hit in hits} == {"generated"}
    assert "captions" not in done.err
    facts = manifests(library / "sounds/generated")
    assert {fact["prompt"] for fact in facts} == {"a red bell", "Wind in trees"}
    assert {fact["licence"] for fact in facts} == {"LicenseRef-Stability-AI-Community"}


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_dry_run_shows_the_captions_and_makes_nothing(frame: Path, library: Path) -> None:
    done = generate(frame, library, "--captions", 2, "--variations", 3, "--dry-run")
    assert done.code == 0, done.err
    assert "6 sounds to make, 0 there already." in done.err
    assert "prompt" in done.out
    assert not (library / "sounds/generated").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_sounds_that_are_not_fit_are_counted(
    frame: Path, library: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    spoiled = Path(shutil.copytree(models, tmp_path / "models"))
    monkeypatch.setenv("SONORIZE_MODELS", str(spoiled))
    path = spoiled / "audioldm/vocoder/model.safetensors"
    arrays = {key: array * ("conv_post" not in key) for key, array in load_file(path).items()}
    save_file(arrays, path, metadata={"format": "pt"})
    done = generate(frame, library, "--caption", "rain", "--variations", 2, "--best", 1,
                    "--format", "json")  # fmt: skip
    assert done.code == 3
    assert "2 not fit to be used (2 silent): try another --seed" in done.err
    assert not list((library / "sounds/generated").glob("*.wav"))
    assert json.loads(done.out)["title"] == "d"


def test_sounds_that_could_not_answer_are_not_made(frame: Path, library: Path) -> None:
    done = generate(frame, library, "--caption", "rain", "--license", "cc0,by")
    assert done.code == 1
    assert "CC-BY-NC-SA-4.0, which --license leaves out: take another --model" in done.err
    done = generate(frame, library, "--caption", "rain", "--max-duration", 0.2)
    assert done.code == 2
    assert "--max-duration leaves out sounds of 0.5 s: choose --seconds to fit." in done.err


def test_what_is_lacking_is_one_sentence(
    frame: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(tmp_path))
    done = generate(frame, library)
    assert done.code == 1
    [line] = done.err.splitlines()
    assert "sonorize models fetch audioldm (1.7 GB, CC-BY-NC-SA-4.0: non-commercial" in line
    monkeypatch.setitem(sys.modules, "diffusers", None)
    done = generate(frame, library)
    assert (done.code, done.err) == (
        1,
        "sonorize: The audioldm model needs diffusers: run pip install 'sonorize[generate]'.\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize(("how", "kept"), [(signal.SIGKILL, False), (signal.SIGINT, True)])
def test_stopped_in_the_middle_it_goes_on_from_there(
    how: signal.Signals, kept: bool, frame: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = ("--seconds", 1, "--caption", "rain", "--variations", 8)
    command = ("generate", frame, "--model", "audioldm", "--library", library, *rest)
    folder = library / "sounds/generated"
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *map(str, command)],
        cwd=Path(toy_makers.__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while len(list(folder.glob("[!.]*.json"))) < 2:
            assert process.poll() is None, "it ended before it could be stopped"
            time.sleep(0.01)
        process.send_signal(how)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    monkeypatch.setattr(registry, "load", lambda *_: toy_makers.Tones(name="audioldm"))
    before = {
        path: path.stat().st_mtime_ns
        for path in folder.glob("[!.]*.wav")
        if path.with_suffix(".json").is_file()
    }
    assert 2 <= len(before) < 8
    with Library.open(library) as opened:
        assert opened.catalog.counts()["ready"] == 8 + (len(before) if kept else 0)
    done = run(*command)
    assert done.code == 0, done.err
    assert f"Making sounds with audioldm: {8 - len(before)} sounds" in done.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(folder.glob("[!.]*.wav"))) == 8
    with Library.open(library) as opened:
        assert len(opened.catalog.places("generated")) == 1
        assert opened.catalog.counts()["ready"] == 8 + 8


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_generated_sounds_move_with_their_library(frame: Path, library: Path) -> None:
    if databases.kind == "postgresql":
        pytest.skip("a catalog in PostgreSQL may be shared, so it does not follow one folder")
    generate(frame, library, "--caption", "rain")
    moved = library.rename(library.with_name("moved"))
    done = run("query-by-text", "rain", "--library", moved, "--format", "json", "-k", 1)
    hit = json.loads(done.out)
    assert hit["state"] == "present"
    assert Path(hit["path"]).is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_ways_to_write_captions_are_compared_by_their_sounds(tmp_path: Path) -> None:
    study = on_disk(tmp_path / "study")
    grid = 'model = "audioldm"\nseconds = 0.5\nsteps = 1\n[settings]\ntemperature = [0.5]\n'
    (tmp_path / "sweep.toml").write_text(grid)
    command = ("evaluate", "inconsistency", study, "--sweep", tmp_path / "sweep.toml",
               "--library", study.parent / "library", "--format", "json")  # fmt: skip
    refused = run(*command)
    assert refused.code == 2
    assert "--sweep needs --out DIR" in refused.err
    done = run(*command, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "7 items: 1 way to write captions" in done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["place"], row["refused"]) for row in rows] == [(1, 0)]
    assert len((tmp_path / "out/sweep.csv").read_text().splitlines()) == 1 + 7
    again = run(*command, "--out", tmp_path / "out")
    assert again.out == done.out
    assert "Making sounds" not in again.err
    assert "Writing captions" not in again.err


# Without words


@pytest.mark.slow
def test_sounds_stand_for_the_prompt(
    frame: Path, library: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(models))
    done = generate(frame, library, "--via", "audio", "--variations", 2)
    assert done.code == 0, done.err
    assert "captions" not in done.err
    first, second = manifests(library / "sounds/generated")
    assert (first["condition"], first["seed"], second["seed"]) == (second["condition"], 0, 1)
    assert first["condition"]
    assert first["prompt"].startswith("like d, ")  # of the frame's colour
    assert len(first["sources"]) == by_ear.TOP
    assert first["sources"][0] == {"title": "d", "author": "", "licence": "unknown", "url": ""}
    [triple] = first["frames"]
    assert (triple["caption"], triple["inconsistency"]) == ("", None)
    assert triple["d_image_audio"] is not None

    credited = run("library", "credits", "--source", "generated", "--library", library)
    assert all("Made from the sound of: d by unknown" in each for each in credited.out.splitlines())

    both = generate(frame, library, "--via", "both", "--captions", 2, "--best", 1)
    assert both.code == 0, both.err
    assert "3 sounds in" in both.err
    assert "1 of them there already" in both.err  # made from the same recorded sounds
    means = re.search(r"captions ([\d.]+) \(([\d.]+)\); audio ([\d.]+) \(([\d.]+)\)\.", both.err)
    assert means
    entries = {"captions": [], "audio": []}  # type: ignore[var-annotated]
    for facts in manifests(library / "sounds/generated"):
        way = "audio" if facts["condition"] else "captions"
        entries[way] += [e for e in facts["frames"] if e["inconsistency"] is not None]
    for way, (inconsistency, distance) in zip(
        entries, (means.groups()[:2], means.groups()[2:]), strict=True
    ):
        wanted = np.mean([abs(entry["inconsistency"]) for entry in entries[way]])
        assert float(inconsistency) == pytest.approx(wanted, abs=6e-4)
        apart = np.mean([entry["d_image_audio"] for entry in entries[way]])
        assert float(distance) == pytest.approx(apart, abs=6e-4)


@pytest.mark.slow
def test_the_vector_is_the_mean_of_what_was_heard(
    frame: Path, library: Path, models: Path, tmp_path: Path
) -> None:
    with Library.open(library) as opened, Image.open(frame) as picture:
        search = Searcher(opened, ToyEncoder())
        hits = search.by_pictures([picture.convert("RGB")], Ask(k=2, cut=False))
    heard = by_ear.hear(hits, models, "cpu")
    alone = [np.array(by_ear.hear([hit], models, "cpu").vector) for hit in hits]
    mean = sum(alone) / np.linalg.norm(sum(alone))
    assert np.abs(mean - heard.vector).max() < 1e-5
    generator = registry.load("audioldm", models, "cpu")
    by_ear.require_one_space(generator, heard)
    other = replace(heard, probe=heard.probe[::-1])
    with pytest.raises(GenerationError, match="not of one space"):
        by_ear.require_one_space(generator, other)


@pytest.mark.slow
def test_what_is_not_here_is_said(frame: Path, library: Path, models: Path, tmp_path: Path) -> None:
    made = tmp_path / "models"
    shutil.copytree(models / "audioldm", made / "audioldm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SONORIZE_MODELS", str(made))
        done = generate(frame, library, "--via", "audio")
    assert done.code == 1
    assert "models fetch audioldm-clap (615 MB, Apache-2.0)" in done.err
