"""What Reaper calls the readers of files."""

from __future__ import annotations

SOURCES = {
    ".wav": "WAVE", ".w64": "WAVE", ".bwf": "WAVE", ".aif": "WAVE", ".aiff": "WAVE",
    ".flac": "FLAC", ".mp3": "MP3", ".ogg": "VORBIS", ".oga": "VORBIS", ".opus": "OPUS",
    ".wv": "WAVPACK",
}  # fmt: skip


def source_type(extension: str) -> str:
    """The word after `<SOURCE`; VIDEO, its own ffmpeg, for what has no reader of its own."""
    return SOURCES.get(extension.lower(), "VIDEO")
