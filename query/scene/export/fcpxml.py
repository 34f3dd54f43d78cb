"""FCPXML 1.10, for Final Cut Pro and Resolve."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from indexer.credits.texts import one_line
from indexer.errors import SceneError
from query import timecode
from query.scene.cues import Clip, CueSheet, Film
from query.scene.export import files, lay

VERSION = "1.10"
LARGEST = 2**31 - 1  # denominator of a time; it may be any fraction, so that rates may be any too


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .fcpxml: the picture, a lane below it for each track, a marker for each shot.

    Every time is an exact fraction of a second. Fades have the editor's own shape. Alternates are
    named in the note of their clip. Media are named by absolute URLs. Raises SceneError.
    """
    require_rate(sheet.film)
    root = _Document(sheet, out).root()
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    files.write_text(out, f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n')


def require_rate(film: Film) -> None:
    """Raises SceneError for a rate of which FCPXML cannot write the duration of a frame."""
    if (1 / film.rate).denominator > LARGEST:
        raise SceneError(
            f"FCPXML cannot count {timecode.named(film.rate)} frames a second exactly: write "
            "another format, or convert the video to a rate of film or television."
        )


def foreign(film: Film) -> str:
    """A sentence if Final Cut has no such rate; else ""."""
    taken = [rate for rate in timecode.RATES if timecode.nominal(rate) != 48]
    if film.rate in taken:
        return ""
    rates = ", ".join(map(timecode.named, taken))
    return (
        f"Final Cut Pro does not take {timecode.named(film.rate)} frames a second, only {rates}: "
        "convert the video first, or use another format."
    )


class _Document:
    def __init__(self, sheet: CueSheet, out: Path) -> None:
        self.sheet, self.film, self.out = sheet, sheet.film, out
        self.resources = Element("resources")
        self.assets: dict[str, str] = {}

    def root(self) -> Element:
        root = Element("fcpxml", version=VERSION)
        root.append(self.resources)
        name = lay.film_name(self.sheet)
        event = SubElement(SubElement(root, "library"), "event", name=name)
        sequence = SubElement(
            SubElement(event, "project", name=name), "sequence",
            format=self.format(), duration=self.frames(self.film.frames),
            tcStart=self.frames(self.film.start), tcFormat=self.counting,
            audioLayout="stereo", audioRate="48k",
        )  # fmt: skip
        picture = self.picture(SubElement(sequence, "spine"))
        for lane, track in enumerate(lay.tracks(self.sheet, whole=False), 1):
            for item in track.items:
                self.sound(picture, item, lane, track.name)
        for marker in lay.markers(self.sheet):
            self.marker(picture, marker)
        return root

    @property
    def counting(self) -> str:
        return "DF" if self.film.drop else "NDF"

    def frames(self, count: int) -> str:
        return spelled(self.film.at(count))

    def format(self) -> str:
        size = {"width": str(self.film.width), "height": str(self.film.height)}
        found = SubElement(
            self.resources, "format", id="r1", frameDuration=spelled(1 / self.film.rate)
        )
        found.attrib.update(size if self.film.width and self.film.height else {})
        return "r1"

    def picture(self, spine: Element) -> Element:
        """The film in the storyline; lanes and markers count from its own first frame."""
        film, name = self.film, lay.film_name(self.sheet)
        start, duration = self.frames(film.start), self.frames(film.frames)
        sound = {"hasAudio": "1", "audioSources": "1", "audioChannels": "2", "audioRate": "48000"}
        asset = self.asset(film.path, name, start, duration)
        asset.attrib.update({"hasVideo": "1", "videoSources": "1", "format": "r1"})
        asset.attrib.update(sound if film.sound else {})
        return SubElement(
            spine, "asset-clip", ref=asset.attrib["id"], offset=start, name=name, start=start,
            duration=duration, format="r1", tcFormat=self.counting, audioRole="dialogue",
        )  # fmt: skip

    def sound(self, picture: Element, item: lay.Item, lane: int, track: str) -> None:
        clip = item.clip
        begins = files.stamp(clip)
        offset = Fraction(round(item.offset * clip.sample_rate), clip.sample_rate)
        placed = SubElement(
            picture, "asset-clip", ref=self.clip(clip, begins), lane=str(-lane),
            offset=self.frames(self.film.start + item.start), name=lay.name(clip),
            start=spelled(begins + offset), duration=self.frames(item.frames),
            audioRole=f"effects.{track}",
        )  # fmt: skip
        SubElement(placed, "note").text = note(item)
        volume = SubElement(placed, "adjust-volume", amount=f"{item.cue.gain:.2f}dB")
        if item.fade_in or item.fade_out:
            amount = SubElement(volume, "param", name="amount")
            for tag, seconds in (("fadeIn", item.fade_in), ("fadeOut", item.fade_out)):
                if seconds:
                    SubElement(
                        amount, tag, duration=spelled(Fraction(round(seconds * 48000), 48000))
                    )

    def clip(self, clip: Clip, begins: Fraction) -> str:
        if clip.path not in self.assets:
            duration = sampled(clip.duration, clip.sample_rate)
            asset = self.asset(clip.path, lay.title(clip), spelled(begins), duration)
            asset.attrib.update(
                hasAudio="1", audioSources="1",
                audioChannels=str(clip.channels), audioRate=str(clip.sample_rate),
            )  # fmt: skip
            self.assets[clip.path] = asset.attrib["id"]
        return self.assets[clip.path]

    def asset(self, path: str, name: str, start: str, duration: str) -> Element:
        number = f"r{len(self.resources) + 1}"
        asset = SubElement(
            self.resources, "asset", id=number, name=name, start=start, duration=duration
        )
        SubElement(asset, "media-rep", kind="original-media", src=files.url(path, self.out, None))
        return asset

    def marker(self, picture: Element, marker: lay.Marker) -> None:
        """A shot without sound is something to do."""
        made = SubElement(
            picture, "marker", start=self.frames(self.film.start + marker.frame),
            duration=self.frames(1), value=marker.text,
        )  # fmt: skip
        if marker.shot.note:
            made.set("completed", "0")


def spelled(seconds: Fraction) -> str:
    """Seconds as FCPXML has them: "3600s", "1001/24000s"."""
    whole = seconds.denominator == 1
    return f"{seconds.numerator}s" if whole else f"{seconds.numerator}/{seconds.denominator}s"


def sampled(seconds: float, sample_rate: int) -> str:
    return spelled(Fraction(round(seconds * sample_rate), sample_rate))


def note(item: lay.Item) -> str:
    """What was asked, how well it fits, and what else there was."""
    cue = item.cue
    said = [one_line(cue.question), lay.fit(cue)]
    others = "; ".join(f"{lay.title(clip)} ({clip.path})" for clip, _ in cue.alternates)
    return one_line(" | ".join(filter(None, [*said, others and f"or: {others}"])))
