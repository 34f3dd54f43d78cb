"""Questions, collections as users have them, and a library asked in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from libraries import COLOURS, build, tone
from PIL import Image

from indexer.encoders.toy import ToyEncoder
from indexer.errors import StudyError
from indexer.library import Library
from query.evaluation.retrieval.asking import Asked, _interval, _together, ask_all
from query.evaluation.retrieval.collections import read_collection
from query.evaluation.retrieval.questions import Question, answers, read_questions
from query.search import Searcher

pytestmark = pytest.mark.slow

NAMES = ("thunder", "engine", "cow", "dog", "cat", "bird", "bell", "rain")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two takes of eight sounds, one named by its sound; and red.png."""
    made = tmp_path_factory.mktemp("retrieval")
    for axis, name in enumerate(NAMES):
        tone(made / f"sounds/{name}/{name}.wav", axis)
        tone(made / f"sounds/{name}/take.wav", axis, 1.5, peak=0.3)
    Image.new("RGB", (4, 4), COLOURS[0]).save(made / "red.png")
    build(made / "library", made / "sounds")
    return made


def test_a_silent_question_finds_nothing_and_stops_none(base: Path, tmp_path: Path) -> None:
    silence = sounds.write(tmp_path / "silent.wav", np.zeros((1, 48_000), np.float32))
    silent = Question("sound", str(silence), ("cat/*",))
    heard = Question("sound", str(base / "sounds/cat/cat.wav"), ("cat/take.wav",))
    found = asked(base, silent, heard)
    assert score(found, "sound", "sonorize", "mAP")["value"] == 0.5


def written(folder: Path, *lines: str) -> Path:
    path = folder / "questions.csv"
    path.write_text("\n".join(["kind,query,relevant,author,rule,date", *lines]) + "\n", "utf-8")
    return path


def asked(base: Path, *questions: Question) -> Asked:
    with Library.open(base / "library") as library:
        return ask_all(Searcher(library, ToyEncoder()), questions)


def score(found: Asked, kind: str, way: str, metric: str) -> dict[str, Any]:
    [row] = [r for r in found.scores if (r["kind"], r["asked"], r["metric"]) == (kind, way, metric)]
    return row


def test_questions_with_their_patterns(base: Path) -> None:
    path = written(base, "frame,red.png,thunder/* | *[0-9].wav,AB,mine,2026-11-28",
                   "text,heavy rain,rain/rain.wav,,,")  # fmt: skip
    frame, text = read_questions(path)
    assert (frame.kind, frame.query, frame.name) == ("frame", str(base / "red.png"), "red.png")
    assert frame.relevant == ("thunder/*", "*[0-9].wav")
    assert (frame.label, text.label) == ("AB, mine, 2026-11-28", "")
    assert (text.query, text.relevant) == ("heavy rain", ("rain/rain.wav",))
    places = {"thunder/a.wav": {1}, "b/7.wav": {2}, "rain/rain.wav": {3, 5}, "Thunder/c.wav": {4}}
    assert answers([frame, text], places) == [(frame, {1, 2}), (text, {3, 5})]


def test_two_folders_may_have_a_file_of_one_path(tmp_path: Path) -> None:
    for number, axis in enumerate((0, 3)):
        tone(tmp_path / f"{number}/rain.wav", axis)
    build(tmp_path / "library", tmp_path / "0", tmp_path / "1")
    found = asked(tmp_path, Question("text", "dog", ("rain.wav",)))
    assert {row["relevant"] for row in found.questions} == {2}
    assert {row["sounds"] for row in found.scores} == {2}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("picture,red.png,*", "line 2: kind is 'picture'"),
        ("frame,none.png,*", "line 2: there is no file none.png"),
        ("text,rain,", "needs a query and what is relevant"),
        ("text,,*", "needs a query and what is relevant"),
    ],
)
def test_what_is_no_question(base: Path, line: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        read_questions(written(base, f"{line},,,"))
    with pytest.raises(StudyError, match="holds no question"):
        read_questions(written(base))


def test_asked_in_every_way(base: Path) -> None:
    found = asked(
        base,
        Question("frame", str(base / "red.png"), ("thunder/*",)),
        Question("text", "dog", ("dog/*",)),
        Question("text", "unicorn", ("unicorn/*",), "unicorn"),
        Question("sound", str(base / "sounds/cat/cat.wav"), ("cat/take.wav",)),
    )
    assert found.unanswered == ["unicorn"]
    ways = {(row["kind"], row["asked"]) for row in found.scores}
    heard = {"sonorize", "best moment", "heard alone", "random"}
    assert ways == {
        *(("frame", way) for way in heard),
        *(("text", way) for way in (*heard, "meaning", "BM25")),
        ("sound", "sonorize"), ("sound", "random"),
    }  # fmt: skip
    for kind in ("frame", "text", "sound"):
        assert score(found, kind, "sonorize", "mAP")["value"] == 1
        assert score(found, kind, "sonorize", "first_rank")["value"] == 1
        assert score(found, kind, "random", "mAP")["value"] < 0.7
    # both takes are ranked: none is collapsed, and a question is no answer to itself
    assert score(found, "text", "heard alone", "recall@5")["value"] == 1
    # the folder's name is a word of both
    assert score(found, "text", "BM25", "hit@1")["value"] == 1
    firsts = {row["query"]: row["first"] for row in found.questions if row["asked"] == "sonorize"}
    assert firsts["dog"] in ("dog/dog.wav", "dog/take.wav")


def test_a_sound_is_no_answer_to_itself(base: Path) -> None:
    """A pattern that fits the question too costs no way of asking anything, and gives none."""
    cat = str(base / "sounds/cat/cat.wav")
    found = asked(base, Question("sound", cat, ("cat/*",)))
    for metric in ("mAP", "recall@1"):
        assert score(found, "sound", "sonorize", metric)["value"] == 1
    assert np.isnan(score(found, "sound", "sonorize", "mAP")["low"])  # a single question
    [row] = [row for row in found.questions if row["asked"] == "random"]
    assert row["relevant"] == 1
    assert 1 < row["first_rank"] <= 15
    with pytest.raises(StudyError, match="Nothing in this library is relevant"):
        asked(base, Question("sound", cat, ("cat/cat.wav",)))


def test_random_is_chance(base: Path) -> None:
    """A relevant sound of 16: its mean reciprocal rank is H(16)/16."""
    questions = [Question("text", name, (f"{name}/{name}.wav",)) for name in NAMES]
    expected = sum(1 / rank for rank in range(1, 17)) / 16
    found = asked(base, *questions)
    assert score(found, "text", "random", "MRR")["value"] == pytest.approx(expected, abs=0.08)
    assert score(found, "text", "random", "hit@10")["value"] == pytest.approx(10 / 16, abs=0.12)


def test_a_random_first_rank_is_the_median_of_orders(base: Path) -> None:
    """Of 12 relevant ones in 16, one comes first in three orders of four: their mean is more."""
    most = Question("text", "anything", tuple(f"{name}/*" for name in NAMES[:6]))
    assert score(asked(base, most), "text", "random", "first_rank")["value"] == 1


def test_intervals_and_differences(base: Path) -> None:
    right = [Question("text", name, (f"{name}/*",)) for name in NAMES[:4]]
    others = zip(NAMES[4:], [*NAMES[5:], NAMES[4]], strict=True)
    wrong = [Question("text", name, (f"{other}/*",)) for name, other in others]
    found = asked(base, *right, *wrong)
    row = score(found, "text", "sonorize", "hit@1")
    assert (row["value"], row["questions"], row["sounds"]) == (0.5, 8, 16)
    assert 0 < row["low"] < 0.5 < row["high"] < 1
    again = asked(base, *right, *wrong).scores  # seeded
    assert [list(map(str, row.values())) for row in again] == [
        list(map(str, row.values())) for row in found.scores
    ]
    [moment] = [
        r for r in found.differences if r["asked"] == "best moment" and r["metric"] == "mAP"
    ]
    assert (moment["against"], moment["difference"]) == ("meaning", 0)
    sure = score(asked(base, *right), "text", "sonorize", "hit@1")  # all alike: no interval of 0
    assert sure["value"] == 1
    assert np.isnan([sure["low"], sure["high"]]).all()


def test_captions_of_one_clip_are_no_news_of_others() -> None:
    """Ten questions of two answers have the interval of two questions, not that of ten."""
    few = [(Question("text", f"{n}", ()), frozenset({n // 5})) for n in range(10)]
    [places] = _together(few).values()
    assert places.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    values = np.array([1.0] * 5 + [0.0] * 5)
    assert _interval(values, np.nanmean, places, 0) == (0, 1)
    [alone] = _together([(q, frozenset({n})) for n, (q, _) in enumerate(few)]).values()
    low, high = _interval(values, np.nanmean, alone, 0)
    assert 0 < low < 0.5 < high < 1
    [ragged] = _together(few[:7]).values()
    assert ragged.tolist() == [[0, 1, 2, 3, 4], [5, 6, -1, -1, -1]]
    assert _interval(values[:7], np.nanmedian, ragged, 0) == (0, 1)


def test_nothing_relevant_at_all(base: Path) -> None:
    with pytest.raises(StudyError, match="Nothing in this library is relevant"):
        asked(base, Question("text", "unicorn", ("unicorn/*",)))


def test_a_moment_in_a_long_sound_is_found_by_best_moment(tmp_path: Path) -> None:
    """Ten seconds of hum with two of a bell: the clip as a whole is a hum."""
    import sounds

    for name, parts in (("long", [2, 2, 2, 2, 6]), ("short", [3]), ("bell", [6, 6, 2, 2])):
        wave = np.concatenate(
            [sounds.tone(2.0, 16_000, hertz=(40, 90, 180, 350, 700, 1400, 2800)[axis], peak=0.5)
             for axis in parts], axis=1,
        )  # fmt: skip
        (tmp_path / "sounds").mkdir(exist_ok=True)
        sounds.write(tmp_path / f"sounds/{name}.wav", wave, 16_000)
    build(tmp_path / "library", tmp_path / "sounds")
    with Library.open(tmp_path / "library") as library:
        found = ask_all(
            Searcher(library, ToyEncoder()), [Question("text", "cricket", ("long.wav",))]
        )
    ranks = {row["asked"]: row["first_rank"] for row in found.questions}
    assert ranks["best moment"] <= ranks["heard alone"]


# Collections


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_esc50(tmp_path: Path) -> None:
    touched(tmp_path, "meta/esc50.csv", "audio/1-1-A-0.wav", "audio/11-1-A-0.wav")
    (tmp_path / "meta/esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-1-A-0.wav,1,0,crying_baby,False,1,A\n11-1-A-0.wav,1,1,dog,False,1,A\n"
        "2-9-A-0.wav,1,1,dog,False,9,A\n"
    )
    name, questions = read_collection(tmp_path)
    assert name == "ESC-50"
    places = {"audio/1-1-A-0.wav": {1}, "audio/11-1-A-0.wav": {2}}
    found = {q.query: right for q, right in answers(questions, places)}
    assert found == {"crying baby": {1}, "dog": {2}}


def test_vggsound(tmp_path: Path) -> None:
    touched(tmp_path, "a_b-[c_000012.wav", "a_b-[c_000012.mp4", "other_000001.wav")
    (tmp_path / "vggsound.csv").write_text(
        'a_b-[c,12,"dog barking",test\nother,1,"dog barking",train\nlost,3,"cat purring",test\n'
    )
    name, (words, video) = read_collection(tmp_path)
    assert (name, words.query) == ("VGGSound", "dog barking")
    places = {"deep/a_b-[c_000012.wav": {1}, "other_000001.wav": {2}}
    assert [right for _, right in answers([words, video], places)] == [{1}, {1}]
    assert (video.kind, video.query) == ("frame", str(tmp_path / "a_b-[c_000012.mp4"))


def test_vggsound_by_the_list_of_its_repository(tmp_path: Path) -> None:
    touched(tmp_path, "v/0_8-g2rof7E_000049.mp4", "a/0_8-g2rof7E_000049.wav", "a/1MP3sQTk8wo.wav")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/test.csv").write_text(
        '0_8-g2rof7E_000049.mp4,"heart sounds, heartbeat"\n1MP3sQTk8wo_000000.mp4,dog barking\n'
    )
    name, questions = read_collection(tmp_path)
    assert (name, [(q.kind, q.name) for q in questions]) == (
        "VGGSound",
        [("text", "heart sounds, heartbeat"), ("text", "dog barking"),
         ("frame", "0_8-g2rof7E_000049.mp4")],
    )  # fmt: skip


def test_audiocaps(tmp_path: Path) -> None:
    touched(tmp_path, "audio/Yabc.wav", "audio/def_30.wav", "audio/77.wav")
    (tmp_path / "test.csv").write_text(
        "audiocap_id,youtube_id,start_time,caption\n"
        '1,abc,10,"A dog, barking"\n2,def,30,Rain\n77,ghi,0,Wind\n3,lost,0,Nothing\n'
    )
    name, questions = read_collection(tmp_path)
    assert name == "AudioCaps"
    places = {"audio/Yabc.wav": {1}, "audio/def_30.wav": {2}, "audio/77.wav": {3}}
    found = {q.query: right for q, right in answers(questions, places)}
    assert found == {"A dog, barking": {1}, "Rain": {2}, "Wind": {3}}


def test_clotho(tmp_path: Path) -> None:
    touched(tmp_path, "evaluation/Rain on (roof).wav")
    (tmp_path / "clotho_captions_evaluation.csv").write_text(
        "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
        "Rain on (roof).wav,one,two,three,four,five\nlost.wav,a,b,c,d,e\n"
    )
    name, questions = read_collection(tmp_path)
    assert name == "Clotho"
    assert [q.query for q in questions] == ["one", "two", "three", "four", "five"]
    assert answers(questions[:1], {"Rain on (roof).wav": {4}})[0][1] == {4}


def test_a_folder_that_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StudyError, match="is not ESC-50"):
        read_collection(tmp_path)
    (tmp_path / "esc50.csv").write_text("filename,category\nlost.wav,dog\n")
    with pytest.raises(StudyError, match="none of its sounds"):
        read_collection(tmp_path)
