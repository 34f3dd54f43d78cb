"""The process in which files are read for the encoder: a job comes in, what is heard goes out.

Events of `indexer.build.hearing` as pickles, from stdin and to stdout; it ends with its stdin.
"""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from indexer.build.hearing import hear

READY = "ready"  # said once, before the first job


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sound has this hash? The answer comes on stdin."""

    content_hash: str


@dataclass(frozen=True, slots=True)
class Raised:
    """What is no fault of a file; it ends the build."""

    error: BaseException


def main() -> None:
    into = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between
    # the parent has ended where it neither writes nor reads any more
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        _say(READY, into)
        while True:
            _hear(pickle.load(sys.stdin.buffer), into)


def _hear(asked: Any, into: Any) -> None:
    def find(content_hash: str) -> Any:
        _say(Asked(content_hash), into)
        return pickle.load(sys.stdin.buffer)

    job, wanted = asked
    try:
        for event in hear(job, wanted, find):
            _say(event, into)
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:
        try:
            _say(Raised(error), into)
        except Exception:  # it cannot be pickled
            _say(Raised(RuntimeError(repr(error))), into)
    else:
        _say(None, into)


def _say(what: Any, into: Any) -> None:
    into.write(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))  # whole or not at all
    into.flush()
