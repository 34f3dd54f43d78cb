"""Threads beside the encoder's: it comes first."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

STEPS = 10  # of niceness: a tenth of its share, where there is no other core


def give_way() -> None:
    """Lets this thread run where the main one leaves room; where the system knows only processes,
    or refuses, nothing happens.

    Of two cores the scheduler else takes the encoder's as soon as the other: it waited for a tenth
    of its time.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a container may
            own = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + STEPS)
