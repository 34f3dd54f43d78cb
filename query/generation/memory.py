"""One model after the other: what a model held is let go, and how much was held at most is told."""

from __future__ import annotations

import gc
import sys


def release() -> None:
    """Gives back what models held that nothing refers to any more."""
    gc.collect()
    if torch := sys.modules.get("torch"):
        torch.cuda.empty_cache()  # does nothing where there is none


def peak() -> int | None:
    """Bytes that this process held at most so far; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
