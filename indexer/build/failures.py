"""Files that cannot be read: for good, or only now."""

from __future__ import annotations

import errno
from pathlib import Path

VANISHED = "it vanished while the library was built"
_DRIVE = {
    errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNRESET, errno.EMFILE, errno.ENFILE,
}  # fmt: skip


def is_there(path: Path) -> bool:
    """False too for a drive that cannot even say."""
    try:
        return path.exists()
    except OSError:
        return False


def is_of_the_drive(error: BaseException) -> bool:
    """Whether a failure tells of the drive or the network, not the file: it may pass."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, OSError) and told.errno in _DRIVE:
            return True
        told = told.__cause__
    return False
