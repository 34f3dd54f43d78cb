"""Which sounds of a library may be given to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from libraries import COLOURS, build, copied, run, tone
from PIL import Image
from sqlalchemy import select, update

from indexer.catalog.models import File, Sound
from indexer.encoders.toy import ToyEncoder
from indexer.errors import GenerationError
from indexer.library import Library
from indexer.sources import generated
from indexer.sources.generated import Facts
from query.ask import Ask
from query.generation import by_ear, scheme
from query.search import Searcher

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for axis in range(8):
        tone(folder / "in" / f"{'abcdefgh'[axis]}.wav", axis)
    build(folder / "library", folder / "in")
    return folder / "library"


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    return Path(copied(made, tmp_path / "library"))


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    Image.new("RGB", (48, 32), COLOURS[3]).save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def test_only_audioldm_takes_sounds(frame: Path, library: Path) -> None:
    done = run("generate", frame, "--model", "audioldm2", "--via", "audio", "--library", library)
    assert done.code == 1
    assert "use --model audioldm with --via audio" in done.err


def asked(library: Path, frame: Path, k: int = by_ear.DEEP) -> list[Any]:
    with Library.open(library) as opened, Image.open(frame) as picture:
        search = Searcher(opened, ToyEncoder())
        ask = scheme.found_only(Ask(k=k, cut=False), search)
        hits = search.by_pictures([picture.convert("RGB")], ask)
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


def test_what_is_freesounds_by_its_name_alone_may_have_any_wish(frame: Path, library: Path) -> None:
    says(library, "d", url="https://freesound.org/s/9/", author="someone")
    assert "d" not in [hit.title for hit in asked(library, frame)]


def test_what_a_model_made_takes_no_place_of_what_was_found(
    frame: Path, library: Path, tmp_path: Path
) -> None:
    before = [hit.title for hit in asked(library, frame, k=by_ear.TOP)]
    for number in range(by_ear.TOP):
        path = tone(tmp_path / "made" / f"{number}.wav", 3, 1 + number / 10)
        facts = Facts(f"d {number}", "tones", "abc", "CC0-1.0", number, 1.0, 1, 1.0)
        generated.write(path.with_suffix(".json"), facts)
    done = run("build-index", f"generated:{tmp_path / 'made'}", "--library", library)
    assert done.code == 0, done.err
    assert [hit.title for hit in asked(library, frame, k=by_ear.TOP)] == before


def test_no_derivatives_are_made_of_what_forbids_them(frame: Path, library: Path) -> None:
    says(library, "d", licence="CC-BY-ND-4.0")
    assert "d" not in [hit.title for hit in asked(library, frame)]
    for title in "abcefgh":
        says(library, title, licence="CC-BY-NC-ND-4.0")
    with pytest.raises(GenerationError, match=r"None of the sounds .* use --via captions"):
        asked(library, frame)
