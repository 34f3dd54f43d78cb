"""Index files that nothing is read from any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from libraries import build, configured, make_sounds, run

from indexer.vectors import registry


@pytest.mark.parametrize("former", ["state", "kind"])
def test_damage_to_a_file_that_is_read_no_more_harms_nobody(tmp_path: Path, former: str) -> None:
    library, sounds = tmp_path / "library", tmp_path / "sounds"
    make_sounds(sounds, 8)
    build(library, sounds)
    [stale] = (library / "index").glob("clips-*")
    if former == "kind":
        if "faiss" not in registry.available():
            pytest.skip("there is one kind of file here")
        configured(library, index="exact" if stale.suffix == ".faiss" else "faiss")
    else:
        make_sounds(sounds / "more", 1)
    build(library, sounds)
    stale.write_bytes(stale.read_bytes()[:-1])
    done = run("library", "check", "--library", library)
    assert (done.code, done.out.count("\n")) == (0, 2), done.out + done.err
    assert f"{stale} is damaged, but no question is answered from it" in done.out
    assert f"{stale} is damaged" in run("doctor", "--library", library).out
    assert run("library", "rebuild", "--library", library).code == 0
    assert not stale.exists()
    done = run("library", "check", "--library", library)
    assert (done.code, done.out.count("\n")) == (0, 1), done.out + done.err
