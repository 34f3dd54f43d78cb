"""Hearing on a cluster: the same library comes of it, whoever is killed on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from libraries import At, CountingEncoder, build, contents, copied, differences, make_sounds, run

from indexer.build import cluster, shards
from indexer.build.cluster import Worker
from indexer.build.hearing import Job
from indexer.build.report import BuildReport, Options
from indexer.build.run import build_index
from indexer.catalog.entries import Same
from indexer.encoders.toy import ToyEncoder
from indexer.errors import LibraryError
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

FILES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cluster") / "sounds"
    make_sounds(made, FILES)
    return made


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    build(folder.with_name("undisturbed"), folder)
    return contents(folder.with_name("undisturbed"))


def jobs_of(library: Library, folder: Path) -> list[Job]:
    """What is to be heard; the library has its names, and nothing was heard."""

    def stop() -> None:
        raise KeyboardInterrupt

    named = At("Reading names", stop, advanced=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.build.words.FIRST", FILES)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, [FolderSource(folder)], ToyEncoder(), progress=named)
    todo = library.catalog.todo([1], ["named", "partial"])
    return [Job(each.sound_id, folder / each.relative_path) for each in todo]


def worker(library: Library) -> Worker:
    known = shards.folder(library) / "known.npy"
    known.parent.mkdir(parents=True, exist_ok=True)
    np.save(known, library.catalog.hashes())
    return Worker("toy", "all", shards.made_for(library, ToyEncoder()), known)


def test_shards_that_a_killed_build_left_are_recorded_and_not_heard_again(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    encoder = CountingEncoder()
    with Library.create(tmp_path / "library", Config("toy")) as library:
        jobs = jobs_of(library, folder)
        hearing = worker(library)
        names = [hearing.hear(jobs[:15]), hearing.hear(jobs[15:30])]
        whole = shards.folder(library) / names[1]
        again = whole.with_name("again.npz")  # recorded twice, it leaves the same rows
        again.write_bytes(whole.read_bytes())
        whole.with_name("cut.npz").write_bytes(whole.read_bytes()[:-100])
        whole.with_name("begun.npz.part").write_bytes(b"")
        report = build_index(library, [FolderSource(folder)], encoder)
        assert list(shards.folder(library).iterdir()) == []
    assert 0 < encoder.heard < report.windows / 2
    assert differences(undisturbed, contents(tmp_path / "library")) == ([], 1.0)


def test_a_shard_of_another_model_or_place_is_not_recorded(folder: Path, tmp_path: Path) -> None:
    with Library.create(tmp_path / "library", Config("toy")) as library:
        jobs = jobs_of(library, folder)
        name = worker(library).hear(jobs[:3])
        path = shards.folder(library) / name
        shard = shards.read(path)
        assert shard is not None
        part, space, _ = shard.made_for[0]
        shard.made_for[0] = part, space, "other weights"
        shards.write(path, shard)
        moved = [Job(job.sound_id, tmp_path / "elsewhere.wav") for job in jobs[3:6]]
        worker(library).hear(moved)
        encoder = CountingEncoder()
        report = build_index(library, [FolderSource(folder)], encoder)
    assert encoder.heard >= report.windows
    assert report.failed == 0  # what could not be heard elsewhere is no failure here


def test_a_shard_that_storage_lost_or_harmed_is_said_to_be_no_record(tmp_path: Path) -> None:
    with Library.create(tmp_path / "library", Config("toy")) as library:
        path = tmp_path / "a.npz"
        shards.write(path, shards.Shard([], {}))
        whole = path.read_bytes()
        path.unlink()
        version = whole.index(b"PK\x01\x02") + 6
        newer = whole[:version] + b"\xff" + whole[version + 1 :]
        for harmed in (None, b"", b"PK", whole[:-1], newer):
            if harmed is not None:
                path.write_bytes(harmed)
            assert not shards.record(library, ToyEncoder(), path, BuildReport())
            assert not path.exists()


def test_a_machine_that_cannot_take_part_says_why(folder: Path, tmp_path: Path) -> None:
    with Library.create(tmp_path / "library", Config("toy")) as library:
        hearing = worker(library)
        known = shards.folder(library) / "known.npy"
        sound = Job(1, next(folder.rglob("*.wav")))
        assert hearing.lacks(sound) == ""
        away = Job(1, tmp_path / "away.wav")
        assert f"cannot read {away.path}: put it on storage" in hearing.lacks(away)
        other = Worker("toy", "all", [("audio", 1, "other weights")], known)
        assert "has another toy model, or another sonorize" in other.lacks(sound)
        unknown = Worker("imagebind", "all", [], known)
        assert "cannot run the imagebind model: " in unknown.lacks(sound)
        known.unlink()
        assert f"does not see the library in {library.folder}" in hearing.lacks(sound)


def test_a_recording_that_is_known_is_not_heard_by_a_worker(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copied(folder, copy)
    with Library.create(tmp_path / "library", Config("toy")) as library:
        before = build_index(library, [FolderSource(folder)], ToyEncoder())
        jobs_of(library, copy)
        todo = library.catalog.todo([2], ["named"])
        hearing = worker(library)
        name = hearing.hear([Job(each.sound_id, copy / each.relative_path) for each in todo])
        shard = shards.read(shards.folder(library) / name)
        assert shard is not None
        assert {type(each) for each in shard.entries} == {Same}
        encoder = CountingEncoder()
        after = build_index(library, [FolderSource(copy)], encoder)
    assert encoder.heard == 0
    assert (after.sounds, after.windows) == (before.sounds, before.windows)


def test_without_ray_it_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = run("build-index", folder, "--encoder", "toy", "--ray", "local",
               "--library", tmp_path / "library")  # fmt: skip
    assert done.code == 1
    assert "run pip install 'sonorize[ray]'" in done.err
    assert not (tmp_path / "library").exists()


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="the extra ray is not installed")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:70000", "nowhere"])
def test_where_no_cluster_is_it_says_so_at_once(address: str) -> None:
    with (
        pytest.raises(LibraryError, match=f"no Ray cluster at {address} .*: start one, or use"),
        cluster.connected(address),
    ):
        raise AssertionError


KILLING = """
import json, os, signal, sys, threading, time
from pathlib import Path
from indexer.build import cluster
from indexer.build.report import Options
from indexer.build.run import build_index
from indexer.encoders.toy import ToyEncoder
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

cluster.FILES = 2
began, killed, machine = set(), [], {"num_cpus": 4}  # two workers

def hearing():
    # this process's own workers that are hearing now
    parents, found = {}, set()
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "stat").read_text().rpartition(")")[2].split()
            title = (each / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(each.name)] = int(words[1])
        if title.startswith(b"ray::Worker.hear"):
            found.add(int(each.name))
    def mine(pid):
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()
    return {pid for pid in found if mine(pid)}

def kill_one():
    while not killed:
        began.update(hearing())
        if len(began) == 2:
            victim = next(iter(hearing()), None)
            if victim:
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
        time.sleep(0.002)

folder, library = map(Path, sys.argv[1:])
with cluster.connected("local", **machine), Library.create(library, Config("toy")) as opened:
    threading.Thread(target=kill_one, daemon=True).start()
    report = build_index(opened, [FolderSource(folder)], ToyEncoder(), Options(ray="local"))
print(json.dumps([len(began), len(killed), report.figures()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="the extra ray is not installed")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found in /proc")
def test_of_two_workers_one_is_killed_and_nothing_is_lost(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    command = [sys.executable, "-c", KILLING, os.fspath(folder), os.fspath(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    workers, killed, figures = json.loads(done.stdout.splitlines()[-1])
    assert (workers, killed) == (2, 1)
    assert figures["added"] + figures["failed"] == FILES
    assert differences(undisturbed, contents(library)) == ([], 1.0)
    with Library.open(library) as opened:
        assert opened.catalog.counts() == {"named": 0, "partial": 0, "ready": figures["sounds"],
                                           "failed": 1,
                                           "windows": figures["windows"]}  # fmt: skip
        assert opened.catalog.copies() == figures["copies"]


DYING = """
import ctypes, json, sys
from pathlib import Path
from indexer.build import cluster, hearing
from indexer.build.report import Options
from indexer.build.run import build_index
from indexer.encoders.toy import ToyEncoder
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource

class Frail(cluster.Worker):
    def hear(self, jobs):
        hear = hearing._hear
        def dies(job, *more, **named):
            if job.path.name == "thing 007.wav":
                ctypes.string_at(0)  # a segmentation fault, as of a decoder
            return hear(job, *more, **named)
        hearing._hear = dies
        return super().hear(jobs)

folder, library = map(Path, sys.argv[1:])
cluster.Worker, cluster.FILES = Frail, 10
with Library.create(library, Config("toy")) as opened:
    for _ in range(2):
        report = build_index(opened, [FolderSource(folder)], ToyEncoder(), Options(ray="local"))
        print(json.dumps([report.failures, report.figures()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="the extra ray is not installed")
def test_of_a_file_that_kills_who_hears_it_the_others_are_heard(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    library = tmp_path / "library"
    [deadly] = folder.rglob("thing 007.wav")
    command = [sys.executable, "-c", DYING, os.fspath(folder), os.fspath(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "raylet" not in done.stdout
    first, again = map(json.loads, done.stdout.splitlines())
    assert [why for where, why in first[0] if where == str(deadly)] == [cluster.KILLS]
    assert (first[1]["added"], first[1]["failed"]) == (FILES - 2, 2)  # one is broken anyway
    assert (again[0], again[1]["skipped"]) == ([], FILES)
    with Library.open(library) as opened:  # heard when it is asked to be
        build_index(opened, [FolderSource(folder)], ToyEncoder(), Options(retry_failed=True))
    assert differences(undisturbed, contents(library)) == ([], 1.0)
