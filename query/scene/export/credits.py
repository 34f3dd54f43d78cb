"""Credits of the sounds under a film: NAME.credits.txt, or whatever name ends in .txt, .md, .html.

The words are those of `sonorize library credits`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from indexer.credits import texts
from indexer.credits.licences import label
from query.scene.cues import Clip, CueSheet
from query.scene.export import files, lay


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The credits, as the extension of `out` says. Raises SceneError.

    Each sound that is heard once: alternates are not. What to heed stands under it.
    """
    form = {".md": _markdown, ".html": _html}.get(out.suffix.lower(), _text)
    files.write_text(out, "\n".join([*form(sheet), ""]))


def clips(sheet: CueSheet) -> list[Clip]:
    """Those that are heard, each once, in the order in which they first are."""
    heard = (cue.clip for cue in sorted(sheet.cues, key=lambda cue: (cue.start, cue.id)))
    return list({clip.identity or clip.path: clip for clip in heard}.values())


def heed(clip: Clip) -> str:
    """What its licence does not say: "lossy preview; generative AI: not allowed"."""
    said = [
        "lossy preview, not the original" if clip.preview else "",
        "a remix: its sources have authors of their own" if clip.remix else "",
        f"made from the sound of {texts.one_line(clip.made_from)}" if clip.made_from else "",
        f"generative AI: {texts.one_line(clip.gen_ai)}" if clip.gen_ai else "",
        "" if clip.licence else "find out the licence before it is published",
    ]
    return "; ".join(filter(None, said))


def model(sheet: CueSheet) -> str:
    """What ranked the sounds, and under which licence."""
    licence = label(sheet.model_licence) or "unknown"
    return texts.one_line(
        f"Chosen with {sheet.encoder or 'an unknown encoder'}, licence {licence}."
    )


def _none(sheet: CueSheet) -> Iterator[str]:
    """A line where there is nobody to credit: an empty list looks like a mistake."""
    if not sheet.cues:
        yield "No sound of a library is used in this film: there is nobody to credit."


def _credit(clip: Clip) -> texts.Credit:
    licence = (clip.licence, clip.licence_url)
    return texts.credit(0, lay.title(clip), clip.author, clip.url, *licence)


def _text(sheet: CueSheet) -> Iterator[str]:
    yield f"Sounds in {lay.film_name(sheet)}"
    yield ""
    yield from _none(sheet)
    for clip in clips(sheet):
        yield texts.text(_credit(clip))
        if heed(clip):
            yield f"    {heed(clip)}"
    yield ""
    yield model(sheet)


def _markdown(sheet: CueSheet) -> Iterator[str]:
    yield f"# Sounds in {texts.unmarked(lay.film_name(sheet))}"
    yield ""
    yield from _none(sheet)
    for clip in clips(sheet):
        said = texts.unmarked(heed(clip))
        yield f"- {texts.markdown(_credit(clip))}" + (f" ({said})" if said else "")
    yield ""
    yield texts.unmarked(model(sheet))


def _html(sheet: CueSheet) -> Iterator[str]:
    title = _ascii(f"Sounds in {lay.film_name(sheet)}")
    yield f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>'
    yield from (f"<li>{_ascii(said)}</li>" for said in _none(sheet))
    for clip in clips(sheet):
        said = f"<br>{_ascii(heed(clip))}" if heed(clip) else ""
        yield f"<li>{texts.as_html(_credit(clip))}{said}</li>"
    yield f"</ul>\n<p>{_ascii(model(sheet))}</p>"


def _ascii(words: str) -> str:
    return html.escape(words).encode("ascii", "xmlcharrefreplace").decode()
