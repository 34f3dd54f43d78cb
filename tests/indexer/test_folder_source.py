import os
import threading
import time
from pathlib import Path

import pytest
from libraries import build, tone

from indexer.errors import SourceError
from indexer.sources.folder import FolderSource, parse_source


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def listed(folder: Path) -> list[str]:
    return [item.relative_path for item in FolderSource(folder).items()]


def test_lists_sounds_in_path_order_and_passes_over_the_rest(tmp_path: Path) -> None:
    for name in ("b.wav", "a/z.FLAC", "a/note.txt", "._b.wav", ".DS_Store", ".cache/c.wav", "c"):
        touch(tmp_path / name)
    source = FolderSource(tmp_path)
    for _ in range(2):
        assert [item.relative_path for item in source.items()] == ["a/z.FLAC", "b.wav"]
        assert source.passed_over == 2  # hidden files are nobody's affair


def test_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.wav")
    touch(tmp_path / "elsewhere" / "b.wav")
    (tmp_path / "in" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.wav").symlink_to(tmp_path / "in" / "self.wav")
    (tmp_path / "in" / "broken.wav").symlink_to(tmp_path / "nothing.wav")
    source = FolderSource(tmp_path / "in")
    assert [item.relative_path for item in source.items()] == ["a.wav", "there/b.wav"]
    assert len(source.notes) == 2  # the two links that lead nowhere


def test_what_a_library_keeps_itself_is_no_sound_of_the_user(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 3)
    build(tmp_path / "library", tmp_path)
    kept = ["cache/0.flac", "sounds/freesound/1.mp3", "sounds/generated/2.wav", "index/x"]
    for name in (*kept, "sounds/b.wav", "c.wav"):
        touch(tmp_path / "library" / name)
        touch(tmp_path / "other" / name)
    (tmp_path / "other/library.toml").write_text('[package]\nname = "another program\'s"\n')
    source = FolderSource(tmp_path)
    found = [item.relative_path for item in source.items()]
    assert found == [
        "a.wav", "library/c.wav", "library/sounds/b.wav",
        "other/c.wav", "other/cache/0.flac", "other/sounds/b.wav",
        "other/sounds/freesound/1.mp3", "other/sounds/generated/2.wav",
    ]  # fmt: skip
    assert source.notes == [
        f"{tmp_path}/library is a library: 3 sounds are passed over that it keeps itself."
    ]


def test_a_pipe_named_wav_is_no_sound(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert listed(tmp_path) == []


def test_sizes_and_times_are_those_of_the_file(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav")
    os.utime(tmp_path / "a.wav", ns=(0, 123_456_789_000))
    (item,) = FolderSource(tmp_path).items()
    assert (item.size, item.mtime_ns) == (1, 123_456_789_000)


def test_a_missing_folder_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no folder"):
        list(FolderSource(tmp_path / "no").items())


@pytest.mark.parametrize(
    ("text", "ending"), [("folder:/a/b", "/a/b"), ("/a/b", "/a/b"), ("/a/c:d", "/a/c:d")]
)
def test_sources_as_people_name_them(text: str, ending: str) -> None:
    assert parse_source(text).location == ending


def test_an_unknown_kind_of_source_is_refused() -> None:
    with pytest.raises(SourceError, match="no kind of source named nowhere"):
        parse_source("nowhere:rain")


def test_late_looks_are_made_at_once_and_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network drive, from whichever file on."""
    names = [f"{number:02}.wav" for number in range(20)]
    for name in names:
        touch(tmp_path / name)
    (tmp_path / "07.wav").unlink()
    (tmp_path / "07.wav").symlink_to(tmp_path / "nothing")
    there = [name for name in names if name != "07.wav"]
    look, threads = FolderSource.look, set()
    for first in ("00.wav", "10.wav", "19.wav"):

        def late(
            self: FolderSource, entry: os.DirEntry[str], first: str = first
        ) -> tuple[int, int] | None:
            threads.add(threading.get_ident())
            if entry.name >= first:
                time.sleep(0.005)
            return look(self, entry)

        monkeypatch.setattr(FolderSource, "look", late)
        assert listed(tmp_path) == there
    assert len(threads) > 4
