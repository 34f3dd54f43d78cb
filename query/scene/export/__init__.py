"""What other programs read: a cue sheet as a session, a timeline, a table or credits.

Every writer has the signature (sheet, out, base=None). Paths of clips in `sheet` are absolute.
`base`: a folder that travels with `out`; what lies within it is named relative to `out` where the
format allows that. Each writes aside and renames, and raises SceneError.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from indexer.errors import SceneError
from query.scene.cues import CueSheet

Writer = Callable[[CueSheet, Path, Path | None], None]

EXPORTS = {
    ".rpp": "query.scene.export.reaper:write",
    ".otio": "query.scene.export.otio:write",
    ".fcpxml": "query.scene.export.fcpxml:write",
    ".edl": "query.scene.export.edl:write",
    ".aaf": "query.scene.export.aaf:write",
    ".csv": "query.scene.export.sheet:write",
    ".txt": "query.scene.export.credits:write",
    ".md": "query.scene.export.credits:write",
    ".html": "query.scene.export.credits:write",
}
"""Extension → module:function, imported when it is used."""


def writer(out: Path) -> Writer:
    """The writer for this file name. Raises SceneError if no format has its extension."""
    if out.suffix.lower() not in EXPORTS:
        raise SceneError(
            f"{out.name} has no extension known here: write one of .mp4 .mov .mkv .wav "
            f"{' '.join(EXPORTS)} .sonorize.json."
        )
    module, _, name = EXPORTS[out.suffix.lower()].partition(":")
    found: Writer = getattr(import_module(module), name)
    return found
