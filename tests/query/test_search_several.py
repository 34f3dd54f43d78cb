"""Several libraries asked as one, and questions that are more than a picture."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import sounds
from libraries import COLOURS, build, copied, tone
from PIL import Image

from indexer.encoders.protocol import Part, Vectors, WindowRule
from indexer.encoders.toy import ToyEncoder
from indexer.errors import EncoderMismatch, QueryError
from indexer.library import Library
from query.ask import Ask
from query.ranking import Hit
from query.search import Searcher
from query.targets import Reference, Steering

pytestmark = pytest.mark.slow

AUDIO = Ask(k=99, metadata_weight=0.0, cut=False)


def picture(*axes: int) -> Image.Image:
    made = Image.new("RGB", (len(axes), 1))
    for place, axis in enumerate(axes):
        made.paste(COLOURS[axis], (place, 0, place + 1, 1))
    return made


def names(hits: list[Hit]) -> list[str]:
    return [Path(hit.path).stem for hit in hits]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """one/: axes 3 and 4, and a copy that two/ has too; two/: 5, a long one whose middle is 3."""
    made = tmp_path_factory.mktemp("several")
    tone(made / "one/dog.wav", 3, 2.0)
    tone(made / "one/cat.wav", 4, 2.0)
    tone(made / "one/both.wav", 6, 2.0)
    tone(made / "two/bird.wav", 5, 2.0)
    shutil.copy(made / "one/both.wav", made / "two/again.wav")
    parts = [sounds.tone(2.0, 16_000, hertz=hertz) for hertz in (40, 350, 40)]
    sounds.write(made / "two/long.wav", np.concatenate(parts, axis=1), 16_000)
    for number in range(3):
        tone(made / f"two/dog {number}.wav", 3, 3.0 + number)
    for name in ("one", "two"):
        build(made / f"lib {name}", made / name)
    return made


@pytest.fixture(scope="module")
def both(base: Path) -> Iterator[Searcher]:
    with Library.open(base / "lib one") as one, Library.open(base / "lib two") as two:
        yield Searcher([one, two], ToyEncoder())


def test_all_are_ranked_together(both: Searcher, base: Path) -> None:
    hits = both.by_pictures([picture(4, 4, 5, 6)], AUDIO)
    assert names(hits)[:3] == ["cat", "both", "bird"]  # of equal ones, the first library's
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert hits[0].score > hits[1].score == hits[2].score
    assert [Path(hit.library).name for hit in hits[:3]] == ["lib one", "lib one", "lib two"]
    one, two = (Searcher(library, ToyEncoder()) for library in both.libraries)
    alone = [*one.by_pictures([picture(4)], AUDIO), *two.by_pictures([picture(4)], AUDIO)]
    assert {hit.path: hit.score for hit in both.by_pictures([picture(4)], AUDIO)} == {
        hit.path: hit.score for hit in alone if Path(hit.path).stem != "again"
    }


def test_a_recording_in_both_is_one_answer_and_takes_stay_within_a_library(both: Searcher) -> None:
    hits = both.by_pictures([picture(3)], AUDIO)
    assert "again" not in names(hits)
    dogs = [(hit.score, hit.takes) for hit in hits if hit.title == "dog"]
    assert dogs == [(pytest.approx(1, abs=1e-3), 0), (pytest.approx(1, abs=1e-3), 2)]
    assert names(both.by_exact_words("both OR again")) == ["both"]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 99])
def test_k_come_back_where_k_exist(both: Searcher, k: int) -> None:
    for hits in (both.by_pictures([picture(3)], Ask(k=k)), both.by_meaning("dog", Ask(k=k))):
        assert len(hits) == min(k, 6)


def test_no_library_drowns_the_other_in_exact_words(both: Searcher) -> None:
    hits = both.by_exact_words("dog OR bird", Ask(k=2))
    assert {Path(hit.library).name for hit in hits} == {"lib one", "lib two"}
    assert [hit.score for hit in hits] == [1.0, 1.0]
    fused = both.by_words("dog", Ask(k=2, metadata_weight=0.0))
    assert [Path(hit.library).name for hit in fused] == ["lib one", "lib two"]
    assert fused[0].score == 1.0
    assert names(both.by_words("bird NOT dog")) == ["bird"]


def test_what_was_not_built_alike_is_refused(base: Path, tmp_path: Path) -> None:
    class Wide(ToyEncoder):
        window = WindowRule(4.0, 4.0)

    copied(base / "lib two", tmp_path / "other")
    config = tmp_path / "other/library.toml"
    with (
        Library.open(base / "lib one") as one,
        Library.open(tmp_path / "other") as two,
        pytest.raises(EncoderMismatch, match=r"windows of toy: run `sonorize library reembed"),
    ):
        Searcher([one, two], Wide())
    config.write_text(config.read_text().replace('"toy"', '"clap"'))
    with (
        Library.open(base / "lib one") as one,
        Library.open(tmp_path / "other") as two,
        pytest.raises(EncoderMismatch, match=r"lib one was .* toy, .*other with clap.* reembed"),
    ):
        Searcher([one, two], ToyEncoder())


def test_a_library_without_metadata_counts_it_as_nothing(base: Path, tmp_path: Path) -> None:
    class Plain(ToyEncoder):
        keeps_metadata = False

    build(tmp_path / "plain", base / "two", encoder=Plain())
    with Library.open(base / "lib one") as one, Library.open(tmp_path / "plain") as two:
        one.uses_metadata = lambda encoder: True  # type: ignore[method-assign]
        hits = Searcher([one, two], Plain()).by_pictures(
            [picture(5)], Ask(k=1, metadata_weight=0.25, cut=False)
        )
    assert (hits[0].title, hits[0].score) == ("bird", pytest.approx(0.75, abs=1e-3))
    assert hits[0].parts == {"audio": pytest.approx(1, abs=1e-3), "metadata": None}
    with Library.open(tmp_path / "plain") as alone:
        search = Searcher(alone, Plain())
        assert search.by_pictures([picture(5)], AUDIO)[0].title == "bird"
        with pytest.raises(QueryError, match="No words are embedded"):
            search.by_pictures([picture(5)], Ask(metadata_weight=0.25))
        # a sound asks by what is heard alone: there is nothing to weigh
        assert search.by_sound(base / "two/bird.wav", Ask(metadata_weight=0.25))[0].title == "bird"


def test_words_toward_and_away(both: Searcher) -> None:
    ask = Ask(metadata_weight=0.0, steering=Steering([(1.0, "horn")], [(0.5, "dog")]))
    found = {h.title: h.score for h in both.by_pictures([picture(3)], ask)}
    # (axis 3) + (axis 4) - .5 (axis 3), normalized
    assert found["cat"] == pytest.approx(1 / math.sqrt(1.25), abs=1e-3)
    assert found["dog"] == pytest.approx(0.5 / math.sqrt(1.25), abs=1e-3)
    for hits in (both.by_meaning("dog", ask), both.by_sound(Path(hits_path(both, "dog")), ask)):
        assert hits[0].title == "cat"
    gone = Ask(steering=Steering(away=[(1.0, "dog")]))
    with pytest.raises(QueryError, match="leave nothing"):
        both.by_pictures([picture(3)], gone)


def hits_path(search: Searcher, words: str) -> str:
    return search.by_exact_words(words)[0].path


def test_a_reference_pair_makes_the_target(both: Searcher) -> None:
    sound = both.sound(hits_path(both, "both"))
    assert sound["audio"][0] == pytest.approx(np.eye(8)[6], abs=1e-3)
    reference = Reference([picture(4)], sound, theta=0.25)
    found = {h.title: h.score for h in both.by_pictures([picture(3)], AUDIO, reference=reference)}
    # axis 6 + SLERP from axis 4 to axis 3, a quarter of 90 degrees
    assert found["both"] == pytest.approx(math.sqrt(0.5), abs=1e-3)
    assert found["cat"] == pytest.approx(math.cos(math.pi / 8) * math.sqrt(0.5), abs=1e-3)
    assert found["dog"] == pytest.approx(math.sin(math.pi / 8) * math.sqrt(0.5), abs=1e-3)
    far = Reference([picture(4)], sound, theta=1.0, kind="analogy")
    assert names(both.by_pictures([picture(3)], AUDIO, reference=far))[0] == "dog"


def test_a_sound_by_id_by_path_or_from_a_file(both: Searcher, base: Path, tmp_path: Path) -> None:
    bird = next(h for h in both.by_exact_words("bird"))
    alone = Searcher(both.libraries[1], ToyEncoder())
    stored = alone.sound(f"#{bird.id}")
    assert stored.keys() == {"audio", "metadata"}
    assert stored["metadata"][0] == pytest.approx(np.eye(8)[5], abs=1e-3)
    copied = tmp_path / "bird.wav"
    shutil.copy(base / "two/bird.wav", copied)
    for made in (alone.sound(bird.path), alone.sound(str(copied))):
        for part in stored:
            np.testing.assert_allclose(made[part], stored[part], atol=2e-3)
    with pytest.raises(QueryError, match="None of the libraries"):
        both.sound("#999")
    with pytest.raises(QueryError, match="2 of the libraries asked have a sound #1: give its path"):
        both.sound("#1")


def test_moments_rank_by_the_best_window(both: Searcher) -> None:
    ask = Ask(k=99, metadata_weight=0.25, cut=False, moments=True)
    hits = both.by_pictures([picture(3)], ask)
    long = next(hit for hit in hits if hit.title == "long")
    assert (long.start, long.end) == (2.0, 4.0)
    assert long.score == pytest.approx(0.75, abs=1e-3)  # by the whole clip .75 / sqrt 5
    assert len(hits) == 6
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert both.by_pictures([Image.new("RGB", (2, 2))], ask) == []


def test_the_foremost_by_moments_are_those_that_every_window_tells(
    both: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = both.seen([picture(3)], Ask(), False)
    for shelf in both.shelves:
        every = shelf.rankable({"audio": 1.0}, None).tolist()
        for weight in (0.0, 0.3, 1.0):
            weights: dict[Part, float] = {"audio": 1 - weight, "metadata": weight}
            heard = shelf.moments(question["audio"], every)
            written = shelf.cosines("metadata", question["metadata"], every)
            score = {
                key: (1 - weight) * heard[key].cosine + weight * written.get(key, 0.0)
                for key in every
            }
            ranked = sorted(every, key=lambda key: (-round(score[key], 5), key))
            for allowed in (None, np.array(every[::2])):
                wanted = [key for key in ranked if allowed is None or key in allowed]
                for depth in range(1, len(wanted)):
                    assert shelf.foremost(question, weights, allowed, depth) == wanted[:depth]
        monkeypatch.setattr("query.shelf.MOST_HELD", 0)
        monkeypatch.setattr(shelf, "_held", None)
        assert shelf.foremost(question, weights, None, 1) == every  # they are read anew
        monkeypatch.undo()


class Motion(ToyEncoder):
    """Sees in a shot what it ends with."""

    modalities = frozenset({"audio", "image", "text", "video"})

    def embed_videos(self, videos: Sequence[Sequence[Image.Image]]) -> Vectors:
        return self.embed_images([video[-1] for video in videos])


def test_a_shot_goes_through_the_side_that_sees_motion(both: Searcher) -> None:
    frames = [picture(4), picture(4), picture(5)]
    moving = Searcher(both.libraries, Motion())
    assert names(moving.by_pictures(frames, AUDIO, shot=True))[0] == "bird"
    assert names(moving.by_pictures(frames, AUDIO))[0] == "cat"
    assert names(both.by_pictures(frames, AUDIO, shot=True))[0] == "cat"


def test_the_gap_is_closed_for_pictures_alone(both: Searcher) -> None:
    class Turned:
        def closed(self, vectors: Vectors) -> Vectors:
            return {part: np.roll(rows, 1, axis=1) for part, rows in vectors.items()}

    ask = Ask(k=1, metadata_weight=0.0, gap=Turned())
    assert names(both.by_pictures([picture(3)], ask)) == ["cat"]
    assert names(both.by_meaning("speech", ask)) == ["dog"]


class Likes(ToyEncoder):
    dims: Mapping[Part, int] = {"audio": 8, "metadata": 8, "likeness": 8}

    def embed_audio(self, waveforms: Sequence[object]) -> Vectors:
        rows = super().embed_audio(waveforms)["audio"]  # type: ignore[arg-type]
        return {"audio": rows, "likeness": rows}


def test_likeness_shows_the_moment_too(base: Path, tmp_path: Path) -> None:
    build(tmp_path / "library", base / "two", encoder=Likes())
    with Library.open(tmp_path / "library") as library:
        hits = Searcher(library, Likes()).by_sound(base / "one/dog.wav", AUDIO)
    long = next(hit for hit in hits if hit.title == "long")
    assert (list(long.parts), long.start, long.end) == (["likeness"], 2.0, 4.0)
