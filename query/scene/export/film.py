"""The film with its sound: the picture as it is, packet by packet, and the mix beside it.

The picture keeps its times, rotation, colour, pixel shape and timecode, as far as the container
holds them. The mix is the only sound: what of the film's own is wanted is in it. Other tracks are
left behind.
"""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import SceneError
from indexer.progress import Progress
from query import timecode
from query.scene.cues import CueSheet, Film
from query.scene.export.files import aside
from query.scene.export.sound import CODINGS, keep_apart, write_sound
from query.scene.mix import Mix, MixOptions, MixReport
from query.scene.own import first_shown
from query.video.reading import open_picture

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

_CONTAINERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "timecode"}
_QUICKTIME = "mov,mp4,m4a,3gp,3g2,mj2"  # FFmpeg's one name for these containers


def render_film(
    sheet: CueSheet, out: Path, mix: MixOptions | None = None, progress: Progress | None = None
) -> MixReport:
    """Write `out`: the film with its mix, as AAC in .mp4, 24-bit PCM in .mov, FLAC in .mkv.

    It is written aside and renamed, and never over the film or a clip.
    Raises SceneError, and PictureError for a film that cannot be read.
    """
    suffix = out.suffix.lower()
    if suffix not in CODINGS:
        raise SceneError(f"{out.name} is no film: write one of {' '.join(CODINGS)}.")
    keep_apart(sheet, out)
    require_picture(sheet.film, out)
    programme = Mix(sheet, mix)
    report = programme.measured(progress)
    with aside(out) as path:
        sound = path.with_name(f"{path.name}.sound")
        try:
            report = write_sound(programme, report, sound, CODINGS[suffix], progress)
            _join(sheet.film, sound, path, progress or Progress())
        finally:
            sound.unlink(missing_ok=True)
        return replace(report, notes=(*report.notes, *_lasts(path, sheet.film)))


def require_picture(film: Film, out: Path) -> None:
    """Raises SceneError if the container takes no such picture; before the long work."""
    import av

    with (
        open_picture(Path(film.path)) as (_, stream),
        av.open(io.BytesIO(), "w", format=_format(out)) as container,
    ):
        _add_picture(container, stream, film, out)
        try:
            container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise _refused(stream, out) from error


def _format(out: Path) -> str:
    return CODINGS[out.suffix.lower()].container


def _add_picture(container: OutputContainer, stream: Any, film: Film, out: Path) -> Any:
    try:
        copy: Any = container.add_stream_from_template(stream, opaque=True)
    except ValueError as error:
        raise _refused(stream, out) from error
    copy.codec_context.framerate = film.rate
    copy.codec_context.codec_tag = _tag(stream, out)
    if timecode.supported(film.rate) and (film.start or _has_timecode(stream.container)):
        copy.metadata["timecode"] = timecode.spell(film.start, film.rate, film.drop)
    return copy


def _refused(stream: Any, out: Path) -> SceneError:
    others = " or ".join(suffix for suffix in CODINGS if suffix != out.suffix.lower())
    return SceneError(
        f"{out.name} cannot hold a picture in {stream.codec_context.name}: write {others}."
    )


def _tag(stream: Any, out: Path) -> Any:
    """What QuickTime calls the codec: it tells kinds of ProRes, and Apple plays no hev1."""
    tag = stream.codec_context.codec_tag
    if _format(out) == "mov" and stream.container.format.name == _QUICKTIME:
        return tag
    if _format(out) != "matroska" and stream.codec_context.name == "hevc" and tag != "hev1":
        return "hvc1"
    return "\0\0\0\0"


def _has_timecode(container: InputContainer) -> bool:
    said = [container.metadata, *(stream.metadata for stream in container.streams)]
    return any(key.lower() == "timecode" for metadata in said for key in metadata)


def _join(film: Film, sound: Path, path: Path, progress: Progress) -> None:
    import av

    shown = first_shown(Path(film.path))
    progress.stage("Writing the film", float(film.seconds), "s")
    with (
        open_picture(Path(film.path)) as (source, stream),
        av.open(sound) as heard,
        av.open(path, "w", format=_format(path)) as container,
    ):
        picture = _add_picture(container, stream, film, path)
        track = container.add_stream_from_template(heard.streams.audio[0], opaque=True)
        container.metadata.update(_said(source))
        both = heapq.merge(
            _packets(source, stream, picture, shown),
            _packets(heard, heard.streams.audio[0], track, Fraction(0)),
            key=lambda item: item[0],
        )
        reached = 0.0
        try:
            for time, packet in both:
                container.mux(packet)
                progress.advance(max(0.0, float(time) - reached))
                reached = max(reached, float(time))
        except (av.FFmpegError, ValueError) as error:
            raise SceneError(
                f"The picture of {film.path} cannot be copied ({error}): convert it to H.264 first."
            ) from error
        progress.advance(max(0.0, float(film.seconds) - reached))


def _said(source: InputContainer) -> dict[str, str]:
    return {
        key: value for key, value in source.metadata.items() if key.lower() not in _CONTAINERS_OWN
    }


def _packets(
    source: InputContainer, stream: Any, to: Any, shown: Fraction
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """Packets for the stream `to`, with the time at which each is due; the first frame is at 0."""
    late = round(shown / stream.time_base)
    for packet in _due(packet for packet in source.demux(stream) if packet.size):
        packet.dts -= late
        if packet.pts is not None:
            packet.pts -= late
        packet.stream = to
        yield packet.dts * stream.time_base, packet


def _due(packets: Iterable[Any]) -> Iterator[Any]:
    """All with a decoding time: Matroska has none, and FFmpeg only guesses it after some."""
    waiting: list[Any] = []
    for packet in packets:
        if packet.dts is None:
            waiting.append(packet)
            continue
        for before, held in zip(range(len(waiting), 0, -1), waiting, strict=True):
            held.dts = packet.dts - before * (held.duration or 1)
            yield held
        waiting.clear()
        yield packet
    for held in waiting:
        if held.pts is None:
            raise ValueError("its packets have no times")
        held.dts = held.pts
        yield held


def _lasts(path: Path, film: Film) -> Iterator[str]:
    """A sentence if the file is longer or shorter than the film, by more than a frame."""
    import av

    with av.open(path) as container:
        found = Fraction(container.duration or 0, av.time_base)
    if abs(found - film.seconds) > 1 / film.rate:
        yield f"The file lasts {float(found):.2f} s, the film {float(film.seconds):.2f} s."
