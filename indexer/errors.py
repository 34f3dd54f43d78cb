"""Every error that sonorize raises on purpose.

    SonorizeError
    ├── LibraryError             a library cannot be opened or used as asked
    │   ├── LibraryNotFound
    │   ├── LibraryTooNew        written by a newer sonorize
    │   ├── LibraryBusy          another build is writing to it
    │   ├── LibraryReadOnly      one may read it, and is to change it
    │   └── LibraryAway          the server of its catalog or index does not answer
    ├── SourceError              a folder or service cannot be read
    │   ├── KeyMissing           there is no API key, or no login
    │   ├── KeyRefused           the service does not take the key, or the login
    │   ├── LimitReached         the day's requests are used up
    │   └── FetchFailed          one of its sounds cannot be had
    ├── TransferFailed           a file cannot be brought over HTTP
    ├── DiskFull                 what comes finds no room
    ├── AudioError               one sound cannot be read
    ├── PictureError             a frame or video cannot be read
    ├── EncoderError
    │   ├── UnknownEncoder
    │   ├── WeightsMissing       the model's files are not here yet
    │   ├── WeightsDamaged       a file is there and is not what it should be
    │   ├── EncoderMismatch      the library was built with another encoder
    │   └── ModalityMissing      this encoder has no side for pictures, words or sounds
    ├── IndexDamaged             an index file cannot be read (rebuilt from the catalog)
    ├── CreditsError             a licence cannot be understood
    ├── QueryError               a question cannot be understood
    │   └── Unheard              the model hears nothing in the sound that asks
    ├── GenerationError          a sound cannot be made as asked
    ├── SceneError               a cue sheet cannot be made, read or written
    └── StudyError               a study, or what it is to be judged by, cannot be understood

Each message is one sentence: what is wrong, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class SonorizeError(Exception):
    """Something the user can understand and act on; shown as one sentence."""


class LibraryError(SonorizeError):
    """A library cannot be opened or used as asked."""


class LibraryNotFound(LibraryError):
    """There is no library where one was looked for."""


class LibraryTooNew(LibraryError):
    """The catalog was written by a newer sonorize."""


class LibraryBusy(LibraryError):
    """Another build is writing to this library."""


class LibraryReadOnly(LibraryError):
    """One may only read this library, and it would have to be changed."""


class LibraryAway(LibraryError):
    """The server that holds the catalog, or the index, does not answer."""


class SourceError(SonorizeError):
    """A folder or a service cannot be read."""


class KeyMissing(SourceError):
    """There is no API key, or no login."""


class KeyRefused(SourceError):
    """The service does not take the key, or the login."""


class LimitReached(SourceError):
    """The day's requests are used up. `until`: when the next one is allowed, in UTC."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(
            "Freesound allows no more requests with this key today: run the same again after "
            f"{until:%Y-%m-%d %H:%M} UTC; what has come is kept."
        )


class FetchFailed(SourceError):
    """One sound of a service cannot be had. `permanent`: nor will it be at another time."""

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class TransferFailed(SonorizeError):
    """A file cannot be brought over HTTP. `reason`: why, in a few words.

    `away`: its server could not be reached at all.
    """

    def __init__(self, url: str, reason: str, away: bool) -> None:
        super().__init__(f"{url} could not be fetched ({reason}): run the same again to go on.")
        self.reason = reason
        self.away = away


class DiskFull(SonorizeError):
    """What comes finds no room on the disk."""


class AudioError(SonorizeError):
    """One sound cannot be read."""


class PictureError(SonorizeError):
    """A frame or a video cannot be read."""


class EncoderError(SonorizeError):
    """An encoder cannot be used as asked."""


class UnknownEncoder(EncoderError):
    """No encoder has this name."""


class WeightsMissing(EncoderError):
    """The model's files are not on this machine yet."""


class WeightsDamaged(EncoderError):
    """A model file is present and is not what it should be."""


class EncoderMismatch(EncoderError):
    """The library was built with another encoder."""


class ModalityMissing(EncoderError):
    """The encoder has no side for pictures, words or sounds."""


class IndexDamaged(SonorizeError):
    """An index file cannot be read; it is rebuilt from the catalog."""


class CreditsError(SonorizeError):
    """A licence cannot be understood."""


class QueryError(SonorizeError):
    """A question cannot be understood."""


class Unheard(QueryError):
    """The model hears nothing in the sound that asks."""


class GenerationError(SonorizeError):
    """A sound cannot be made as asked."""


class SceneError(SonorizeError):
    """A cue sheet cannot be made, read or written."""


class StudyError(SonorizeError):
    """A study, or what it is to be judged by, cannot be understood."""


def denied(error: PermissionError) -> str:
    """In a sentence: even to ask whether a file is there takes leave to enter its folder."""
    return (
        f"{error.filename or 'A file'} is closed to you ({error.strerror}): change its permissions "
        "or those of its folder, or name another."
    )


def typed(path: object) -> str:
    """A path as one would type it in a command that a sentence suggests."""
    return f'"{path}"' if " " in str(path) else str(path)
