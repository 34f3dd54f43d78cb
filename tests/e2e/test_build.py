"""build-index: what a library holds afterwards, and what a second build finds to do."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import libraries
import pytest
import sounds
from libraries import At, CountingEncoder, build, contents, differences, files, run, seq, snapshot
from libraries import tone as tone_file
from sqlalchemy import select

from indexer.build.report import STAGES, BuildReport
from indexer.catalog.models import Analysis, Embedding, Sound, Space, Window
from indexer.library import Library

HOUR = 3_600_000_000_000
KEYS = ["added", "skipped", "failed", "removed", "sounds", "windows", "copies", "passed_over",
        "seconds"]  # fmt: skip


class Built:
    """Awkward sounds and one of 20 s, and the library made of them."""

    def __init__(self, base: Path) -> None:
        self.sounds = base / "sounds"
        self.sounds.mkdir()
        self.made = sounds.readable(self.sounds)
        self.long = tone_file(self.sounds / "long.wav", 3, 20.0)
        self.library = base / "library"
        self.before = snapshot(self.sounds)
        self.partial: dict[str, int] = {}
        self.report = build(self.library, self.sounds, progress=At("rest of long", self.look))

    def look(self) -> None:
        with Library.open(self.library) as library:
            self.partial = library.catalog.counts()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven sounds, so that one of them may go, and a library of them."""
    made = tmp_path_factory.mktemp("master")
    for number in range(11):
        tone_file(made / "sounds" / f"{number // 6}" / f"thing {number:02}.wav", number % 8,
                  0.1 + 0.01 * number)  # fmt: skip
    build(made / "library", made / "sounds")
    return made


@pytest.fixture
def folder(tmp_path: Path, master: Path) -> Path:
    return shutil.copytree(master / "sounds", tmp_path / "sounds")


@pytest.fixture
def library(tmp_path: Path, master: Path, folder: Path) -> Path:
    """A library of the folder's sounds as they are."""
    copy = libraries.copied(master / "library", tmp_path / "library")
    with Library.open(copy) as opened:
        opened.catalog.move_root(1, os.fspath(folder))
    return copy


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


def fresh(library: Path, *folders: Path) -> None:
    """The library equals one made anew from the same folders, but for what is missing."""
    anew = library.with_name("anew")
    build(anew, *folders)
    assert differences(contents(anew), contents(library)) == ([], 1.0)
    shutil.rmtree(anew)


def figures(report: BuildReport) -> tuple[int, int, int, int]:
    return report.added, report.skipped, report.failed, report.removed


def retag(path: Path, **tags: str) -> None:
    aside = path.with_name("aside" + path.suffix)
    sounds.retagged(path, aside, tags)
    aside.replace(path)
    touch(path)


def touch(path: Path, by: int = HOUR // 2) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + by))


def test_every_file_is_taken_in(built: Built) -> None:
    count = len(built.made) + 1
    assert figures(built.report) == (count, 0, 0, 0)
    assert set(files(built.library)) == {
        os.fspath(path.relative_to(built.sounds))
        for path in (built.long, *(each.path for each in built.made))
    }
    with Library.open(built.library) as library:
        counts = library.catalog.counts()
    assert built.report.sounds == counts["ready"]
    assert counts["named"] + counts["partial"] + counts["failed"] == 0
    assert built.report.windows == counts["windows"]


def test_each_is_as_long_and_wide_as_it_is(built: Built) -> None:
    places = files(built.library)
    with Library.open(built.library) as library:
        found = library.catalog.sounds([sound_id for sound_id, _ in places.values()])
    for made in built.made:
        columns = found[places[made.path.name][0]].columns
        assert columns["duration"] == pytest.approx(made.seconds, abs=0.06), made
        assert columns["channels"] == made.channels, made
        assert columns["sample_rate"] == made.sample_rate, made
        assert columns["content_hash"], made
        assert bool(columns["reason"]) == (made.note or made.invalid_samples > 0), made
    assert "11 samples" in found[places["holes.wav"][0]].columns["reason"]


def test_windows_cover_each_sound(built: Built) -> None:
    with Library.open(built.library) as library, library.catalog.engine.connect() as connection:
        rows = connection.execute(
            select(Sound.id, Sound.duration, Window.start, Window.end)
            .join(Window, Window.sound_id == Sound.id, isouter=True)
            .order_by(Sound.id, Window.start)
        ).all()
        measured = set(connection.execute(select(Analysis.sound_id)).scalars())
    spans: dict[int, list[tuple[float, float]]] = {}
    lengths = {row.id: row.duration for row in rows}
    for row in rows:
        if row.start is not None:
            spans.setdefault(row.id, []).append((row.start, row.end))
    assert measured == set(lengths)
    for sound_id, duration in lengths.items():
        if duration < 0.001:
            assert sound_id not in spans  # one sample is nothing at 16 kHz
            continue
        ends = [0.0, *(end for _, end in spans[sound_id])]
        assert all(s <= e for (s, _), e in zip(spans[sound_id], ends, strict=False))
        assert ends[-1] == pytest.approx(duration, abs=0.001)


def test_a_long_file_is_heard_in_part_first(built: Built) -> None:
    assert built.partial["partial"] == 1
    assert built.partial["windows"] == built.report.windows - 10 + 3
    sound_id, _ = files(built.library)["long.wav"]
    with Library.open(built.library) as library, library.catalog.engine.connect() as connection:
        spans = connection.execute(
            select(Window.start, Window.end).where(Window.sound_id == sound_id)
        ).all()
    assert sorted(map(tuple, spans)) == [(2.0 * n, 2.0 * n + 2.0) for n in range(10)]


def test_the_sounds_are_only_read(built: Built) -> None:
    build(built.library, built.sounds)
    assert run("query-by-sound", built.long, "--library", built.library).code == 0
    assert snapshot(built.sounds) == built.before


def test_a_second_build_has_nothing_to_do(built: Built) -> None:
    before, encoder = seq(built.library), CountingEncoder()
    report = build(built.library, built.sounds, encoder=encoder)
    assert figures(report) == (0, len(built.made) + 1, 0, 0)
    assert (report.sounds, report.windows) == (built.report.sounds, built.report.windows)
    assert (encoder.heard, encoder.read) == (0, 0)
    assert seq(built.library) == before


def test_clocks_in_another_zone_change_nothing(library: Path, folder: Path) -> None:
    for number, path in enumerate(sorted(folder.rglob("*.wav"))):
        touch(path, (number - 5) * HOUR + 1_500_000_000)
    before = seq(library)
    assert figures(build(library, folder)) == (0, 11, 0, 0)
    assert seq(library) == before


def test_a_touched_file_is_read_again_and_not_heard(library: Path, folder: Path) -> None:
    before = vectors(library)
    touch(folder / "0/thing 03.wav")
    encoder = CountingEncoder()
    assert figures(build(library, folder, encoder=encoder)) == (1, 10, 0, 0)
    assert encoder.heard == 0
    assert vectors(library) == before
    assert figures(build(library, folder)) == (0, 11, 0, 0)
    fresh(library, folder)


def test_takes_that_sound_alike_stay_together_when_one_is_touched(
    new: Path, tmp_path: Path
) -> None:
    for name in ("wood.wav", "stone.wav"):
        tone_file(tmp_path / "sounds" / name, 2, 0.5, peak=0.5 if name[0] == "w" else 0.3)
    build(new, tmp_path / "sounds")
    assert contents(new)["takes"] == [["stone.wav", "wood.wav"]]
    touch(tmp_path / "sounds/wood.wav")
    build(new, tmp_path / "sounds")
    assert contents(new)["takes"] == [["stone.wav", "wood.wav"]]


@pytest.mark.parametrize("ending", [".flac", ".wav", ".mp3", ".ogg"])
def test_new_tags_are_read_and_the_sound_is_not_heard_again(
    library: Path, folder: Path, ending: str
) -> None:
    path = sounds.write(folder / f"it{ending}", sounds.tone(1.3, 44_100), 44_100)
    build(library, folder)
    sound_id, _ = files(library)[path.name]
    before = vectors(library, "audio")
    retag(path, title="Thunder", genre="weather")
    encoder = CountingEncoder()
    assert figures(build(library, folder, encoder=encoder)) == (1, 11, 0, 0)
    assert (encoder.heard, encoder.read) == (0, 1)
    assert vectors(library, "audio") == before
    assert files(library)[path.name][0] == sound_id
    done = run("query-by-text", "thunder", "--library", library, "--format", "json", "-k", 1)
    assert json.loads(done.out)["id"] == sound_id
    fresh(library, folder)


def test_another_sound_at_the_same_place_is_another_sound(library: Path, folder: Path) -> None:
    sound_id, _ = files(library)["0/thing 03.wav"]
    touch(tone_file(folder / "0/thing 03.wav", 7, 0.13))
    encoder = CountingEncoder()
    assert figures(build(library, folder, encoder=encoder)) == (1, 10, 0, 0)
    assert encoder.heard == 1
    assert files(library)["0/thing 03.wav"][0] > sound_id
    fresh(library, folder)


@pytest.mark.parametrize(
    "now",
    [b"", b"no sound at all", sounds.wav(sounds.tone(0.1))[:44]],
    ids=["empty", "words", "head"],
)
def test_a_file_that_broke_is_reported_and_stops_nothing(
    library: Path, folder: Path, now: bytes
) -> None:
    (folder / "0/thing 03.wav").write_bytes(now)
    touch(folder / "0/thing 03.wav")
    assert figures(build(library, folder)) == (0, 10, 1, 0)
    with Library.open(library) as opened:
        assert opened.catalog.counts()["failed"] == 1
    fresh(library, folder)


@pytest.mark.parametrize("what", ["0/thing 03.wav", "0"])
def test_what_moved_is_recognised(library: Path, folder: Path, what: str) -> None:
    before = files(library)
    (folder / what).rename(folder / "moved.wav" if "wav" in what else folder / "x")
    encoder = CountingEncoder()
    report = build(library, folder, encoder=encoder)
    assert encoder.heard == 0
    assert report.notes == []
    assert sorted(sound_id for sound_id, _ in files(library).values()) == sorted(
        sound_id for sound_id, _ in before.values()
    )
    assert {state for _, state in files(library).values()} == {"present"}
    assert figures(report)[0] + figures(report)[1] == 11
    fresh(library, folder)


def test_a_new_name_is_a_new_meaning(library: Path, folder: Path) -> None:
    path = tone_file(folder / "rain.wav", 1, 0.9)
    build(library, folder)
    path.rename(folder / "bird.wav")
    build(library, folder)
    with Library.open(library) as opened:
        (hit,) = opened.catalog.search_text("bird", 9)
        assert opened.catalog.search_text("rain", 9) == []
        space = opened.catalog.embeddings.space  # its metadata part is that of "bird"
        key = space("toy", "metadata", CountingEncoder().fingerprint("metadata"), 8)
        _, rows = opened.catalog.embeddings.clips(key, [hit[0]])
    assert rows.argmax() == 5
    assert figures(build(library, folder)) == (0, 12, 0, 0)


@pytest.mark.parametrize("order", [("a dog.wav", "z rain.wav"), ("z rain.wav", "a dog.wav")])
def test_copies_are_one_sound_with_the_words_of_the_first_path(
    library: Path, folder: Path, order: tuple[str, str]
) -> None:
    tone_file(folder / order[0], 4, 0.8)
    if order[0] < order[1]:  # both at once, else one after the other
        shutil.copy(folder / order[0], folder / order[1])
    build(library, folder)
    shutil.copy(folder / order[0], folder / order[1])
    build(library, folder)
    places = files(library)
    assert places["a dog.wav"] == places["z rain.wav"]
    with Library.open(library) as opened:
        (found,) = opened.catalog.sounds([places["a dog.wav"][0]]).values()
        assert found.columns["title"] == "a dog"
        assert found.path.name == "a dog.wav"
        assert opened.catalog.search_text("rain", 9)  # it can be found by either name
    before = seq(library)
    touch(folder / "z rain.wav")
    build(library, folder)
    assert seq(library) == before
    fresh(library, folder)


def test_one_folder_named_twice_is_read_once(new: Path, folder: Path) -> None:
    (folder / "bad.wav").write_bytes(b"")
    report = build(new, folder, folder / "0" / "..", folder)
    assert figures(report) == (11, 0, 1, 0)
    assert len(contents(new)["files"]) == 12


def test_folders_within_each_other_share_their_sounds(new: Path, folder: Path) -> None:
    (folder / "0/bad.wav").write_bytes(b"")
    report = build(new, folder, folder / "0")
    assert figures(report) == (17, 0, 2, 0)
    assert report.sounds == 11
    assert figures(build(new, folder / "0", folder)) == (0, 19, 0, 0)
    touch(tone_file(folder / "0/thing 03.wav", 7, 0.13))
    assert figures(build(new, folder / "0", folder)) == (2, 17, 0, 0)


def test_a_dry_run_leaves_nothing_behind(new: Path, folder: Path, tmp_path: Path) -> None:
    done = run("build-index", folder, "--encoder", "toy", "--dry-run", "--library", new)
    assert (done.code, done.out) == (0, "")
    assert "11 files to read" in done.err
    assert not new.exists()
    build(new, folder / "0")
    (tmp_path / "other").mkdir()
    before = contents(new), snapshot(folder)
    done = run("build-index", folder, tmp_path / "other", "--dry-run", "--library", new)
    assert "11 files to read" in done.err
    with Library.open(new) as opened:
        assert [root.location for root in opened.catalog.roots()] == [os.fspath(folder / "0")]
    assert (contents(new), snapshot(folder)) == before


def test_the_report_that_scripts_read(new: Path, folder: Path) -> None:
    (folder / "bad.wav").write_bytes(b"words")
    command = ["build-index", folder, "--library", new, "--format", "json"]
    done = run(*command, "--encoder", "toy")
    report = json.loads(done.out)
    assert done.code == 3
    assert list(report) == KEYS
    assert list(report["seconds"]) == list(STAGES)
    assert all(value >= 0 for value in report["seconds"].values())
    del report["seconds"]
    assert report == {"added": 11, "skipped": 0, "failed": 1, "removed": 0, "sounds": 11,
                      "windows": 11, "copies": 0, "passed_over": 0}  # fmt: skip
    assert "12 files to read" in done.err
    assert f"failed: {folder / 'bad.wav'}: 'bad.wav' is not a sound file" in done.err
    done = run(*command)
    assert done.code == 0  # what failed before is no failure of this run
    assert json.loads(done.out)["skipped"] == 12
    assert "12 files unchanged, nothing new to read." in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Missing argument"),
        (["{sounds}", "--encoder", "toy", "--whole"], 2, "--whole says what --prune may forget"),
        (["{sounds}", "--encoder", "toy", "--windows", "some"], 2, "is not one of 'all'"),
        (["{sounds}/nowhere", "--encoder", "toy"], 1, "There is no folder"),
        (["nowhere:rain", "--encoder", "toy"], 1, "no kind of source"),
        (["{sounds}", "--encoder", "noise"], 1, "choose one of starter,"),
        (
            ["{sounds}", "--encoder", "toy", "--library", "{sounds}/0/thing 00.wav/x"],
            1,
            "No library",
        ),
    ],
)
def test_what_cannot_be_built_is_said_in_one_sentence(
    folder: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run("build-index", *(text.format(sounds=folder) for text in arguments))
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err
    assert code == 2 or done.err.count("\n") == 1


def vectors(library: Path, part: str = "") -> list[tuple[int, int, bytes]]:
    """(id, sound id, vector) of a part."""
    query = select(Embedding.id, Embedding.sound_id, Embedding.vector).join(Space)
    if part:
        query = query.where(Space.part == part)
    with Library.open(library) as opened, opened.catalog.engine.connect() as connection:
        return [(row.id, row.sound_id, row.vector) for row in connection.execute(query)]
