"""`sonorize generate --via audio`: sounds from how the sounds found sound."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_makers
import tiny_models
from libraries import COLOURS, build, run, tone
from PIL import Image
from sqlalchemy import select, update

from indexer.catalog.models import File, Sound
from indexer.encoders.toy import ToyEncoder
from indexer.errors import GenerationError
from indexer.library import Library
from query.ask import Ask
from query.generation import by_ear
from query.search import Searcher

tiny_models.declare_operators()
QUICK = ("--model", "audioldm", "--seconds", 0.5, "--steps", 1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("blip", "audioldm", "audioldm-clap"):
        tiny_makers.kept(name, folder)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for axis in range(8):
        tone(tmp_path / "in" / f"{'abcdefgh'[axis]}.wav", axis)
    build(tmp_path / "library", tmp_path / "in")
    return tmp_path / "library"


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    Image.new("RGB", (48, 32), COLOURS[3]).save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def generate(frame: Path, library: Path, *rest: object) -> Any:
    return run("generate", frame, *QUICK, "--library", library, *rest)


def told(library: Path) -> list[dict[str, Any]]:
    paths = sorted((library / "sounds/generated").glob("*.json"))
    return [json.loads(path.read_text()) for path in paths]


@pytest.mark.slow
def test_sounds_stand_for_the_prompt(
    frame: Path, library: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONORIZE_MODELS", str(models))
    done = generate(frame, library, "--via", "audio", "--variations", 2)
    assert done.code == 0, done.err
    assert "captions" not in done.err
    first, second = told(library)
    assert (first["condition"], first["seed"], second["seed"]) == (second["condition"], 0, 1)
    assert first["condition"]
    assert first["prompt"].startswith("like d, ")  # of the frame's colour
    assert len(first["sources"]) == by_ear.TOP
    assert first["sources"][0] == {"title": "d", "author": "", "licence": "unknown", "url": ""}
    [triple] = first["frames"]
    assert (triple["caption"], triple["inconsistency"]) == ("", None)
    assert triple["d_image_audio"] is not None

    both = generate(frame, library, "--via", "both", "--captions", 2, "--best", 1)
    assert both.code == 0, both.err
    assert "3 sounds in" in both.err
    assert "1 of them there already" in both.err  # made from the same recorded sounds
    means = re.search(r"captions ([\d.]+) \(([\d.]+)\); audio ([\d.]+) \(([\d.]+)\)\.", both.err)
    assert means
    entries = {"captions": [], "audio": []}  # type: ignore[var-annotated]
    for facts in told(library):
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
    hits = asked(library, frame)
    heard = by_ear.hear(hits[:2], models, "cpu")
    alone = [np.array(by_ear.hear([hit], models, "cpu").vector) for hit in hits[:2]]
    mean = sum(alone) / np.linalg.norm(sum(alone))
    assert np.abs(mean - heard.vector).max() < 1e-5
    from query.generation import registry

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


def test_only_audioldm_takes_sounds(frame: Path, library: Path) -> None:
    done = run("generate", frame, "--model", "audioldm2", "--via", "audio", "--library", library)
    assert done.code == 1
    assert "use --model audioldm with --via audio" in done.err


def asked(library: Path, frame: Path) -> list[Any]:
    with Library.open(library) as opened, Image.open(frame) as picture:
        search = Searcher(opened, ToyEncoder())
        hits = search.by_pictures([picture.convert("RGB")], Ask(k=by_ear.DEEP, cut=False))
        return by_ear.permitted(hits, search)


def says(library: Path, title: str, **columns: Any) -> None:
    with Library.open(library) as opened, opened.catalog.engine.begin() as connection:
        where = File.relative_path == f"{title}.wav"
        [key] = connection.execute(select(File.sound_id).where(where)).scalars()
        connection.execute(update(Sound).where(Sound.id == key).values(**columns))


@pytest.mark.parametrize(
    ("wish", "used"),
    [
        ("no-additional-preferences", True),
        ("open-source-models", False),
        ("noncommercial-open-source-models", False),
        ("no-gen-ai", False),
        ("", False),
    ],
)
def test_the_wish_of_an_author_at_freesound_counts(
    frame: Path, library: Path, wish: str, used: bool
) -> None:
    assert asked(library, frame)[0].title == "d"
    says(library, "d", raw={"freesound": {"gen_ai_preference": wish}})
    assert ("d" in [hit.title for hit in asked(library, frame)]) == used
    assert len(asked(library, frame)) == by_ear.TOP


def test_no_derivatives_are_made_of_what_forbids_them(frame: Path, library: Path) -> None:
    says(library, "d", licence="CC-BY-ND-4.0")
    assert "d" not in [hit.title for hit in asked(library, frame)]
    for title in "abcefgh":
        says(library, title, licence="CC-BY-NC-ND-4.0")
    with pytest.raises(GenerationError, match=r"None of the sounds .* use --via captions"):
        asked(library, frame)
