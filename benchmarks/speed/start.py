"""From the shell's Return to the first answer, each time a new process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure, medians

from indexer import settings
from indexer.encoders import weights

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from libraries import make_sounds

if TYPE_CHECKING:
    from collections.abc import Iterator

SONORIZE = "from query.cli.main import main; main()"
FILES = 20


def figures(rounds: int) -> Iterator[Figure]:
    """The ceiling is Python with the libraries that the answer cannot do without."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_sounds(base / "sounds", FILES)
        name = "starter" if ready() else "toy"
        library = base / "library"
        sonorize("build-index", base / "sounds", "--encoder", name, "--library", library)
        asked = ("query-by-text", "thing", "--library", library)
        jobs = {
            "python": partial(python, "pass"),
            "tables": partial(python, "import sqlalchemy.orm, numpy"),
            "torch": partial(python, "import sqlalchemy.orm, numpy, torch"),
            "help": partial(sonorize, "--help"),
            "exact": partial(sonorize, *asked, "--only", "exact"),
            "meaning": partial(sonorize, *asked),
        }
        took = medians(jobs, rounds)
    yield Figure("sonorize --help", 0, took["help"], took["python"])
    yield Figure("query-by-text, exact words, files", FILES, took["exact"], took["tables"])
    if name == "starter":
        yield Figure("query-by-text, starter, files", FILES, took["meaning"], took["torch"])


def ready() -> bool:
    return weights.status("starter", settings.load().models).state == "ready"


def sonorize(*arguments: object) -> None:
    python(SONORIZE, *arguments)


def python(code: str, *arguments: object) -> None:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):  # 3: some of the files are meant to be unreadable
        raise SystemExit(done.stderr)
