"""Ways to write captions, compared by the sounds that are made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studies import on_disk
from toy_makers import Namer, Tones, Toys

from indexer.encoders.toy import ToyEncoder
from indexer.errors import StudyError
from indexer.sources import generated
from query.captions.protocol import Captioner, Decoding
from query.evaluation import sweep
from query.evaluation.grid import name_of, read_grid
from query.evaluation.study import Study, read_study
from query.generation.protocol import Order
from query.generation.triples import distances, keep

pytestmark = pytest.mark.slow

GRID = """
model = "audioldm"
captions = 2
seconds = 1
steps = 1

[settings]
decode = ["sample", "beam"]
temperature = [0.5, 1.5]
"""


class Author(Namer):
    """Right at a low temperature and in a search, at a high one it calls all a bird."""

    def __init__(self) -> None:
        self.asked: list[Decoding] = []

    def write(self, pictures: Sequence[Image.Image], how: Decoding) -> list[list[str]]:
        self.asked.append(how)
        right = super().write(pictures, how)
        return right if how.temperature <= 1 else [["a bird", "a small bird"] for _ in pictures]


class Writers(Toys):
    __slots__ = ("author",)

    def __init__(self, generator: Tones, author: Author) -> None:
        super().__init__(generator)
        object.__setattr__(self, "author", author)

    def load_captioner(self) -> Captioner:
        return self.author  # type: ignore[no-any-return]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return read_study(on_disk(tmp_path))


def swept(study: Study, models: Writers, folder: Path) -> list[dict[str, Any]]:
    (folder / "sweep.toml").write_text(GRID)
    grid = read_grid(folder / "sweep.toml")
    items = sweep.written(study, grid, models, folder / "out")
    clips = sweep.sounded(items, grid, models, folder / "out")
    return sweep.measured(study, items, clips, ToyEncoder())


def test_the_way_whose_sounds_agree_comes_first(study: Study, tmp_path: Path) -> None:
    rows = swept(study, Writers(Tones(), Author()), tmp_path)
    assert len(rows) == 7 * 3 * 2  # frames, ways, captions
    assert all(row["inconsistency"] is not None for row in rows)
    first, second, last = sweep.compared(rows)
    assert {first["setting"], second["setting"]} == {
        "beam, 5 beams", "sample, temperature 0.5, top-p 0.9, top-k 50",
    }  # fmt: skip
    assert first["absolute"] == second["absolute"] < last["absolute"]
    assert [row["place"] for row in (first, second, last)] == [1, 2, 3]
    assert {row["frames"] for row in (first, second, last)} == {7}
    of_last = [row for row in rows if row["setting"] == last["setting"]]
    assert last["items"] == len(of_last) == 14
    means = [abs(row["inconsistency"]) for row in of_last]
    assert last["absolute"] == pytest.approx(sum(means) / 14)  # each frame has two


def test_a_row_says_eq_1_of_its_triple(study: Study, tmp_path: Path) -> None:
    rows = swept(study, Writers(Tones(), Author()), tmp_path)
    encoder = ToyEncoder()
    for row in rows[::9]:
        with Image.open(study.path.parent / row["frame"]) as picture:
            image = encoder.embed_images([picture.convert("RGB")])["audio"][0]
        named = next(word for word in ("thunder", "dog", "bird") if word in row["caption"])
        text, sound = encoder.embed_texts([row["caption"], named])["audio"]
        wanted = distances(image, text, sound)  # a tone is its axis alone
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-2)


def test_what_was_stopped_goes_on(study: Study, tmp_path: Path) -> None:
    def act(order: Order) -> None:
        if len(broken.made) == 2:
            raise KeyboardInterrupt

    broken, author = Tones(act), Author()
    with pytest.raises(KeyboardInterrupt):
        swept(study, Writers(broken, author), tmp_path)
    assert len(author.asked) >= 7 * 3
    path = tmp_path / "out/captions.jsonl"
    path.write_bytes(path.read_bytes()[:-7])  # the last line was cut off
    rest, again = Tones(), Author()
    rows = swept(study, Writers(rest, again), tmp_path)
    assert {how.method for how in again.asked} == {"beam"}
    assert not set(broken.made) & set(rest.made)
    whole, nobody = Tones(), Author()
    assert swept(study, Writers(whole, nobody), tmp_path) == rows
    assert (whole.made, nobody.asked) == ([], [])
    whole, other = Tones(), Author()
    other.weights = "another checkpoint"
    assert swept(study, Writers(whole, other), tmp_path) == rows
    assert (whole.made, len(other.asked)) == ([], len(author.asked))
    clips = [json.loads(each.read_text()) for each in (tmp_path / "out/clips").glob("*.json")]
    assert sum(len(clip["frames"]) for clip in clips) == len(
        {(row["frame"], row["caption"]) for row in rows}
    )


def test_two_who_measure_one_clip_lose_nothing(tmp_path: Path) -> None:
    manifest = tmp_path / "a.json"
    facts = generated.Facts("rain", "m", "w", "CC0-1.0", 0, 1.0, 1, 1.0)
    generated.write(manifest, facts)
    said = {"caption": "c", "encoder": "e", "fingerprint": "f"}
    with ThreadPoolExecutor(4) as several:
        list(several.map(lambda n: keep(manifest, {"frame": str(n), **said}), range(80)))
    found = generated.read(manifest)
    assert found is not None
    assert {each["frame"] for each in found.frames} == set(map(str, range(80)))


def test_sounds_that_are_refused_are_no_items() -> None:
    names = ("d_image_text", "d_image_audio", "inconsistency")
    none = {"setting": "a", "frame": "f", "refused": "silent", **dict.fromkeys(names)}
    whole = {**none, "refused": "", "d_image_text": 0.5, "d_image_audio": 0.25}
    rows = [none, {**whole, "inconsistency": -0.5}, {**none, "setting": "b"}]
    first, second = sweep.compared(rows)
    assert (first["setting"], first["items"], first["refused"]) == ("a", 1, 1)
    assert (first["absolute"], first["d_image_text"], first["d_image_audio"]) == (0.5, 0.5, 0.25)
    assert (second["setting"], second["items"], second["refused"]) == ("b", 0, 1)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("", "choose one of audioldm"),
        ('model = "audioldm"\ncaptioner = "clip"', "choose one of blip, coca"),
        ('model = "audioldm"\nstepps = 3', "has no 'stepps'"),
        ('model = "audioldm"\nsteps = 0', "steps cannot be 0"),
        ('model = "audioldm"\nsteps = 1.5', r"steps cannot be 1\.5"),
        ('model = "audioldm"\n[settings]\ndecode = ["greedy"]', 'decode is "sample" or "beam"'),
        ('model = "audioldm"\n[settings]\ntop_p = [2.0]', r"top_p cannot be 2\.0"),
        ('model = "audioldm"\n[settings]\ntop_p = [nan]', "top_p cannot be nan"),
        ('model = "audioldm"\n[settings]\ntop_p = []', "0 ways"),
        ('model = "audioldm"\n[settings]\nheat = [1]', "has no 'heat'"),
        ("model = ", "is not TOML"),
    ],
)
def test_a_grid_that_makes_no_sense_says_why(said: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(said)
    with pytest.raises(StudyError, match=wrong):
        read_grid(tmp_path / "sweep.toml")


def test_a_way_is_there_once(tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text(GRID + "top_p = [0.5, 0.9]\nbeams = [3, 4]\n")
    ways = [name_of(way) for way in read_grid(tmp_path / "sweep.toml").ways]
    assert len(ways) == len(set(ways)) == 4 + 2
    with pytest.raises(StudyError, match="cannot be read"):
        read_grid(tmp_path / "none.toml")
