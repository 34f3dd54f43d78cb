"""A disk that is soon full."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int = 100) -> Iterator[Path]:
    """A disk of so many kB at `folder`; the test is skipped where none can be mounted."""
    folder.mkdir()
    mount = shutil.which("mount")
    command = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    if mount is None or subprocess.run([mount, *command], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def make_room(folder: Path) -> None:
    """Space for 10 MB more."""
    subprocess.run(["mount", "-o", "remount,size=10m", folder], check=True)
