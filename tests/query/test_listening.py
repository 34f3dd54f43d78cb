"""A listening test from its plan to its ratings, without a page."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import run
from numpy.testing import assert_allclose
from studies import TOML, on_disk

from indexer.errors import StudyError
from query.evaluation import freeze
from query.evaluation.listening import exclusion, headphones, order, store
from query.evaluation.listening.loudness import Level, gains, listen
from query.evaluation.listening.plan import Plan, make
from query.evaluation.listening.rules import Listening, Rules
from query.evaluation.listening.store import Session, Store, read_store
from query.evaluation.listening.texts import TEXTS
from query.evaluation.mos import summarise
from query.evaluation.ratings import Rating, read_ratings
from query.evaluation.study import read_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = on_disk(tmp_path_factory.mktemp("study"))
    made.write_text(TOML + "[listening]\nhypotheses = ['near is good']\nseed = 3\nrepeats = 0.2\n")
    return made


@pytest.fixture(scope="module")
def plan(study_file: Path) -> Plan:
    return make(read_study(study_file), Path)


@pytest.fixture
def kept(plan: Plan, tmp_path: Path) -> Store:
    return Store(tmp_path / "ratings.sqlite3", plan, "exploratory")


def answer(kept: Store, rater: str, fit: int = 4, steps: int = 10**6) -> int:
    """Rates what comes next, so many times; how many there were."""
    count = 0
    while count < steps and (step := kept.next(rater)) is not None:
        says = {"anchor": 1, "reference": 5}.get(step.kind, fit)
        kept.rate(rater, step.place, says, 4, step.trial.duration)
        count += 1
    return count


# The plan


def test_what_is_played(plan: Plan) -> None:
    kinds = Counter(trial.kind for trial in plan.trials)
    assert kinds == {"item": 15, "reference": 2, "anchor": 2}  # green lacks a reference
    steps = plan.steps(0)
    assert Counter(step.kind for step in steps)["repeat"] == 3  # .2 of 15 items
    assert len({trial.id for trial in plan.trials}) == len(plan.trials)
    [anchor] = [t for t in plan.trials if (t.kind, t.scene) == ("anchor", "red")]
    assert (anchor.frame, anchor.sound) == ("frames/red/0.png", "sounds/5 bird.wav")
    assert {trial.arm for trial in plan.trials} == {"retrieved", "generated", ""}


def test_an_anchor_is_no_sound_of_a_scene_of_the_same_words(study_file: Path) -> None:
    """Else whoever hears that it fits would be left out."""
    study = read_study(study_file)
    red, blue, _ = study.scenes
    low = replace(red, name="red, low", reference_sound=red.candidates[1].sound)
    shared = replace(blue, name="blue, low", text="")
    made = make(replace(study, scenes=(red, low, blue, shared), pairs=()), Path)
    anchors = {trial.scene: trial.sound for trial in made.trials if trial.kind == "anchor"}
    assert anchors == {
        "red": "sounds/5 bird.wav", "red, low": "sounds/5 bird.wav",
        "blue": "sounds/0 low.wav", "blue, low": "sounds/0 low.wav",
    }  # fmt: skip
    alone = make(replace(study, scenes=(red, low), pairs=()), Path)
    assert [trial.kind for trial in alone.trials] == ["reference", "reference"]


def test_equal_loudness_within_a_decibel_by_the_meter(plan: Plan, tmp_path: Path) -> None:
    from indexer.audio.decode import read
    from indexer.audio.waveform import Waveform
    from indexer.audio.write import write_wav

    for trial in plan.trials[::5]:
        heard = read(trial.file)
        louder = (heard.samples * 10 ** (trial.gain / 20)).astype(np.float32)
        write_wav(tmp_path / "played.wav", Waveform(louder, heard.sample_rate), 32)
        level = listen(tmp_path / "played.wav")
        assert_allclose(level.loudness, plan.loudness, atol=0.1)
        assert level.true_peak is not None
        assert level.true_peak <= -0.9


def test_gains_by_hand() -> None:
    levels = {
        "loud": Level(1.0, -10.0, 0.0),
        "peaky": Level(1.0, -40.0, -15.0),  # can be raised by 14 dB
        "silent": Level(1.0, None, None),
    }
    common, made = gains(levels)
    assert common == -26.0
    assert made == {"loud": -16.0, "peaky": 14.0, "silent": 0.0}
    assert gains({"soft": Level(1.0, -30.0, -20.0)})[0] == -23.0


# The order


class Piece(NamedTuple):
    scene: str
    number: int


counts = st.lists(st.integers(1, 7), min_size=2, max_size=5).filter(
    lambda sizes: 2 * max(sizes) <= sum(sizes)
)


def pieces(sizes: list[int]) -> list[Piece]:
    return [Piece(f"s{scene}", n) for scene, size in enumerate(sizes) for n in range(size)]


@settings(max_examples=30, deadline=None)
@given(counts, st.integers(0, 1000), st.integers(0, 60))
def test_no_scene_comes_twice_running(sizes: list[int], seed: int, number: int) -> None:
    trials = pieces(sizes)
    ordered = order.of_rater(trials, number, seed)
    assert sorted(ordered) == sorted(trials)
    assert all(a.scene != b.scene for a, b in pairwise(ordered))
    assert ordered == order.of_rater(trials, number, seed)


def test_two_raters_hear_each_trial_as_early_as_late_and_after_another_neighbour() -> None:
    trials = pieces([21, 21, 21])
    orders = [order.of_rater(trials, number, 1) for number in range(12)]
    assert order.of_rater(trials, 0, 2) != orders[0]
    for first, second in zip(orders[::2], orders[1::2], strict=True):
        assert {first.index(trial) + second.index(trial) for trial in trials} == {62}
    after = Counter(pair for ordered in orders for pair in pairwise(ordered))
    assert max(after.values()) <= 3  # of 12 raters
    assert not set(pairwise(orders[0])) & set(pairwise(orders[1]))


def test_a_sound_that_two_arms_have_is_heard_once_and_counts_for_both(study_file: Path) -> None:
    study = read_study(study_file)
    [pair] = [each for each in study.pairs if each.sound.endswith("1 growl.wav")][:1]
    twice = replace(study, pairs=(*study.pairs, replace(pair, arm="original")))
    found = [trial for trial in make(twice, Path).trials if trial.arm == "retrieved + original"]
    assert [(trial.frame, trial.sound) for trial in found] == [
        (study.shown(pair.frame), "sounds/1 growl.wav")
    ]
    ratings = [
        Rating(rater, frame, f"{arm}.wav", fit, arm=arm)
        for rater in "ab"
        for frame in ("1", "2")
        for arm, fit in (("original", 5.0), ("retrieved", 3.0))
    ]
    shared = [Rating(r, "3", "x.wav", 4.0, arm="original + retrieved") for r in "ab"]
    opinions = summarise([*ratings, *shared])
    means = {row["name"]: row["mos"] for row in opinions.groups if row["group"] == "arm"}
    assert means == {"original": pytest.approx(14 / 3), "retrieved": pytest.approx(10 / 3)}
    [apart] = [row for row in opinions.arms if row["question"] == "fit"]
    assert (apart["difference"], apart["frames"]) == (pytest.approx(4 / 3), 3)


def test_repeats_come_late_and_apart() -> None:
    ordered = order.of_rater(pieces([7, 7, 7]), 4, 1)
    again, repeated = order.with_repeats(ordered, 2)
    assert len(again) == 23
    assert all(a.scene != b.scene for a, b in pairwise(again))
    places = [at for at, more in enumerate(repeated) if more]
    assert [again[at] for at in sorted(places, key=lambda at: ordered.index(again[at]))] == ordered[
        :2
    ]
    assert all(at - ordered.index(again[at]) > 8 for at in places)


def test_a_single_scene_cannot_help_it() -> None:
    assert len(order.of_rater(pieces([4]), 2, 0)) == 4


# The headphone check


def test_from_loudspeakers_the_antiphase_tone_is_the_quietest() -> None:
    for trial in headphones.trials(5):
        samples = headphones.sound(trial).samples
        assert trial.quiet != trial.antiphase
        starts = [round(place * 1.5 * headphones.RATE) for place in range(3)]
        tones = [samples[:, at : at + headphones.RATE] for at in starts]
        ears = [float(np.sqrt((tone**2).mean())) for tone in tones]
        room = [float(np.sqrt((tone.mean(axis=0) ** 2).mean())) for tone in tones]
        assert int(np.argmin(ears)) == trial.quiet
        assert_allclose(20 * np.log10(min(ears) / max(ears)), -6, atol=0.01)
        assert int(np.argmin(room)) == trial.antiphase


def test_no_place_is_better_to_guess() -> None:
    assert Counter(trial.quiet for trial in headphones.trials(1)) == {0: 2, 1: 2, 2: 2}
    assert headphones.trials(1) == headphones.trials(1) != headphones.trials(2)


# The store


def test_a_session_is_resumed_where_it_was(kept: Store, plan: Plan) -> None:
    joined = kept.join("en")
    assert answer(kept, joined.rater, steps=5) == 5
    again = Store(kept.path, plan)
    assert again.progress(joined.rater) == (5, 22)
    step = again.next(joined.rater)
    assert step is not None
    assert step.place == 5
    assert answer(again, joined.rater) == 17
    assert again.next(joined.rater) is None
    [session] = again.sessions()
    assert session.finished
    assert Counter(rating.kind for rating in session.ratings)["repeat"] == 3


def test_what_is_refused(kept: Store) -> None:
    joined = kept.join("es")
    step = kept.next(joined.rater)
    assert step is not None
    length = step.trial.duration
    for wrong, said in (
        ((0, 6, 3, length), "1 to 5"),
        ((0, 3, 0, length), "1 to 5"),
        ((1, 3, 3, length), "not the next step"),
        ((0, 3, 3, length / 2), "whole sound once"),
        ((0, 3, 3, float("nan")), "whole sound once"),
    ):
        with pytest.raises(StudyError, match=said):
            kept.rate(joined.rater, *wrong)
    kept.rate(joined.rater, 0, 3, 3, length)
    with pytest.raises(StudyError, match="not the next step"):
        kept.rate(joined.rater, 0, 4, 4, length)
    with pytest.raises(StudyError, match="no such rater"):
        kept.next("someone")
    with pytest.raises(StudyError, match="no 'fr'"):
        kept.join("fr")  # type: ignore[arg-type]


def test_withdrawal_leaves_nothing(kept: Store) -> None:
    stays, goes = kept.join("en"), kept.join("es")
    answer(kept, stays.rater, steps=2)
    answer(kept, goes.rater, steps=4)
    assert goes.rater.encode() in kept.path.read_bytes()
    assert goes.code.encode() not in kept.path.read_bytes()
    assert kept.withdraw(goes.code)
    assert not kept.withdraw(goes.code)
    assert [session.rater for session in kept.sessions()] == [stays.rater]
    assert goes.rater.encode() not in kept.path.read_bytes()
    third = kept.join("en")  # takes the place in the balance that became free
    with sqlite3.connect(kept.path) as connection:
        numbers = dict(connection.execute("SELECT id, number FROM rater").fetchall())
    connection.close()
    assert numbers == {stays.rater: 0, third.rater: 1}


def test_nothing_tells_who_someone_is(kept: Store) -> None:
    kept.join("en")
    with sqlite3.connect(kept.path) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(rater)")}
    connection.close()
    assert columns == {"id", "code", "number", "steps", "language", "consented", "headphones"}


def test_several_at_once(kept: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        raters = [joined.rater for joined in pool.map(lambda _: kept.join("en"), range(4))]
        assert list(pool.map(lambda rater: answer(kept, rater, steps=3), raters)) == [3] * 4
    assert [len(session.ratings) for session in kept.sessions()] == [3] * 4


def test_another_version_has_a_file_of_its_own(kept: Store, plan: Plan) -> None:
    with pytest.raises(StudyError, match="another version"):
        Store(kept.path, replace(plan, key="other"))


def test_frozen_ratings_are_named_by_their_version(study_file: Path, plan: Plan) -> None:
    study = read_study(study_file)
    path, state = store.place(study, plan)
    assert path.name == f"study.ratings-try-{plan.key[:8]}.sqlite3"
    assert state.startswith("exploratory")
    freeze.freeze(study.path, freeze.by_name(study.files, study.path.parent))
    path, state = store.place(study, plan)
    assert path.name == "study.ratings-v1.sqlite3"
    assert state.startswith("frozen (version 1")


# Who counts


def ratings(*rows: tuple[str, str, float]) -> list[Rating]:
    return [Rating("x", "1.png", sound, fit, kind=kind) for kind, sound, fit in rows]


GOOD = ratings(("item", "a", 4), ("reference", "r", 5), ("anchor", "n", 1), ("repeat", "a", 4))


@pytest.mark.parametrize(
    ("right", "said", "reason"),
    [
        (6, GOOD, ""),
        (4, GOOD, "headphone check: 4 right"),
        (None, GOOD, "headphone check: 0 right"),
        (5, [*GOOD, *ratings(("item", "b", 1), ("repeat", "b", 4))], "repeats: 1.50 points"),
        (5, ratings(("reference", "r", 3), ("anchor", "n", 3)), "0.00 points over anchors"),
        (5, ratings(("item", "a", 3)), ""),
    ],
)
def test_who_does_not_count(right: int | None, said: list[Rating], reason: str) -> None:
    sessions = [Session("x", "en", right, True, said)]
    found = exclusion.judge(sessions, Rules())
    assert reason in found.get("x", "")
    assert bool(found) == bool(reason)
    assert len(exclusion.counted(sessions, Rules())) == (0 if reason else len(said))


def test_mos_of_a_listening_test(kept: Store) -> None:
    for right, fit in ((6, 4), (5, 2), (1, 1)):
        rater = kept.join("en").rater
        kept.passed(rater, right)
        answer(kept, rater, fit)
    head, sessions = read_store(kept.path)
    assert (head.title, head.state, len(sessions)) == ("Red and blue", "exploratory", 3)
    out = kept.path.with_name("out")
    done = run("evaluate", "mos", kept.path, "--format", "csv", "--out", out)
    assert done.code == 0, done.err
    again = read_ratings(out / "mos-ratings.csv")
    counted = exclusion.counted(sessions, head.rules)
    assert again == [rating for rating in counted if rating.kind == "item"]
    assert "headphone check: 1 right" in done.err
    assert "14 ratings that check the raters left out" in done.err
    assert len(done.out.splitlines()) == 1 + 2 * 15
    assert "fit,red,frames/red/0.png,sounds/0 low.wav,retrieved,3," in done.out


def test_a_file_that_holds_no_ratings(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_bytes(b"not a database, but long enough to be one" * 10)
    for name, said in (("a.sqlite3", "holds no ratings"), ("b.sqlite3", "check the name")):
        done = run("evaluate", "mos", tmp_path / name)
        assert done.code == 1
        assert said in done.err
    assert not (tmp_path / "b.sqlite3").exists()


# What the study says


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("seed = -1", "seed that is no whole number"),
        ("repeats = 2", "no share from 0 to 1"),
        ("hypotheses = 'one'", "no list of sentences"),
        ("colour = 1", "has no 'colour'"),
        ("exclude = 1", "is no table"),
        ("exclude = { headphones = 'all' }", "cannot exclude by 'headphones'"),
        ("exclude = { age = 3 }", "cannot exclude by 'age'"),
    ],
)
def test_what_the_study_may_not_say(study_file: Path, said: str, reason: str) -> None:
    other = study_file.with_name("wrong.toml")
    other.write_text(f"{TOML}[listening]\n{said}\n")
    with pytest.raises(StudyError, match=reason):
        read_study(other)


def test_what_the_study_says(study_file: Path) -> None:
    assert read_study(study_file).listening == Listening(("near is good",), 3, 0.2, Rules())
    other = study_file.with_name("other.toml")
    other.write_text(f"{TOML}[listening.exclude]\nheadphones = 6\n")
    assert read_study(other).listening.rules.headphones == 6


def test_labels_are_those_of_the_scale_in_both_languages() -> None:
    assert TEXTS["en"].labels == ("Bad", "Poor", "Fair", "Good", "Excellent")
    assert TEXTS["es"].labels == ("Mala", "Mediocre", "Regular", "Buena", "Excelente")
    for texts in TEXTS.values():
        fields: Any = [getattr(texts, name) for name in texts.__slots__]
        assert all(fields)
