"""An OpenTimelineIO timeline, for Resolve and whatever else reads that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexer.credits.texts import one_line
from query.scene.cues import Clip, CueSheet
from query.scene.export import files, lay


def write(sheet: CueSheet, out: Path, base: Path | None = None) -> None:
    """The sheet as .otio: a video track, audio tracks for each layer, a marker for each shot.

    All times are frames at the film's rate, in media counted from their own timecode; where a cue
    begins in its clip may be a fraction of one. OpenTimelineIO has no place for gain, fades,
    questions and alternates: they are in each clip's metadata, under "sonorize".
    Raises SceneError.
    """
    made = _Timeline(files.timeline("opentimelineio", "An .otio"), sheet, out, base)
    files.write_text(out, made.timeline().to_json_string(indent=2) + "\n")


class _Timeline:
    def __init__(self, otio: Any, sheet: CueSheet, out: Path, base: Path | None) -> None:
        self.otio, self.sheet, self.out, self.base = otio, sheet, out, base
        self.rate = float(sheet.film.rate)

    def timeline(self) -> Any:
        sheet = self.sheet
        made = self.otio.schema.Timeline(
            lay.film_name(sheet), global_start_time=self.time(sheet.film.start)
        )
        made.metadata["sonorize"] = {
            "encoder": sheet.encoder,
            "model_licence": sheet.model_licence,
            "rate": str(sheet.film.rate),
            "drop": sheet.film.drop,
        }
        made.tracks.append(self.picture())
        made.tracks.extend(self.track(track) for track in lay.tracks(sheet, whole=False))
        made.tracks.markers.extend(map(self.marker, lay.markers(sheet)))
        return made

    def time(self, frames: float) -> Any:
        return self.otio.opentime.RationalTime(frames, self.rate)

    def range(self, start: float, frames: float) -> Any:
        return self.otio.opentime.TimeRange(self.time(start), self.time(frames))

    def picture(self) -> Any:
        film = self.sheet.film
        media = self.media(film.path, self.range(film.start, film.frames))
        track = self.otio.schema.Track("Picture", kind=self.otio.schema.TrackKind.Video)
        name = lay.film_name(self.sheet)
        track.append(self.otio.schema.Clip(name, media, self.range(film.start, film.frames)))
        return track

    def track(self, laid: lay.Track) -> Any:
        track = self.otio.schema.Track(laid.name, kind=self.otio.schema.TrackKind.Audio)
        at = 0
        for item in laid.items:
            if item.start > at:
                track.append(self.otio.schema.Gap(source_range=self.range(0, item.start - at)))
            track.append(self.clip(item))
            at = item.end
        return track

    def clip(self, item: lay.Item) -> Any:
        clip, cue = item.clip, item.cue
        begins = float(files.stamp(clip)) * self.rate
        return self.otio.schema.Clip(
            lay.name(clip),
            self.media(clip.path, self.range(begins, clip.duration * self.rate)),
            self.range(begins + item.offset * self.rate, item.frames),
            metadata={
                "sonorize": {
                    "cue": cue.id, "layer": cue.layer, "question": one_line(cue.question),
                    "gain_db": cue.gain, "fade_in": item.fade_in, "fade_out": item.fade_out,
                    "locked": cue.locked, **self.facts(clip),
                    "alternates": [
                        self.facts(other) | {"offset": offset} for other, offset in cue.alternates
                    ],
                }
            },
        )  # fmt: skip

    def facts(self, clip: Clip) -> dict[str, Any]:
        return {
            "title": lay.title(clip), "media": files.url(clip.path, self.out, self.base),
            "identity": clip.identity, "score": clip.score, "strength": clip.strength,
            "licence": clip.licence, "author": one_line(clip.author),
        }  # fmt: skip

    def media(self, path: str, available: Any) -> Any:
        return self.otio.schema.ExternalReference(
            files.url(path, self.out, self.base), available_range=available
        )

    def marker(self, marker: lay.Marker) -> Any:
        return self.otio.schema.Marker(
            marker.text,
            self.range(marker.frame, 1),
            color=self.otio.schema.MarkerColor.RED if marker.shot.note else "GREEN",
        )
