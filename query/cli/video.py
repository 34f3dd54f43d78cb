"""`sonorize video`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from indexer.cli.common import Bars, confirm, say
from indexer.counting import counted
from query.cli import fill, options, reference
from query.cli import outs as outs_of
from query.cli.outs import FILMS, PROJECT

if TYPE_CHECKING:
    from indexer.library import Library
    from query.scene.cues import CueSheet, Film
    from query.scene.export.collect import CollectOptions
    from query.scene.mix import MixOptions, MixReport

SESSIONS = (".rpp", ".aaf", ".otio", ".fcpxml")  # hold or name alternates
OF_PROJECTS = frozenset(
    "file outs original loudness collect handles rate bits names use yes dry_run "
    "library_folders device".split()
)  # options; the others are for what is chosen anew
LOUDNESS = ("off", "r128", "a85", "netflix", "web-14", "web-16")


def of_shot(value: str) -> tuple[str, tuple[float, str]]:
    """SHOT=WORDS: a shot and its words, which may have a weight as those of --text."""
    shot, _, words = value.partition("=")
    if not shot.strip() or not words.strip():
        raise click.BadParameter(f"{value!r} is not SHOT=WORDS, such as 3=rain.")
    return shot.strip(), options.weighted(words)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    "outs",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="OUT",
    help="Where to, by extension; repeatable: .mp4 .mov .mkv .wav (with stems), .rpp .aaf "
    f".otio .fcpxml .edl, .csv, credits as .txt .md .html, a project as {PROJECT}.",
)
@click.option(
    "--original",
    type=click.Choice(["keep", "duck", "replace"]),
    default="keep",
    show_default=True,
    help="The film's own sound.",
)
@click.option(
    "--loudness",
    type=click.Choice(LOUDNESS),
    default="r128",
    show_default=True,
    help="Of the programme: -23 LUFS, -24, -27, -14, -16.",
)
@click.option("--no-align", is_flag=True, help="Do not move spots to meet the picture.")
@click.option(
    "--words",
    type=of_shot,
    multiple=True,
    metavar="SHOT=[W:]WORDS",
    help="Words for one shot, in place of --text: by its number, as --dry-run shows it, or by a "
    "timecode in it; repeatable.",
)
@click.option(
    "--start-tc", metavar="TC", help="Timecode of the first frame.  [default: the file's]"
)
@click.option(
    "--offset",
    metavar="TC",
    help="Added to the timecode of the first frame, as of a reel; -HH:MM:SS:FF is taken away.",
)
@click.option(
    "--collect",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write every cue as a broadcast WAV there too.",
)
@click.option(
    "--handles",
    type=options.Range(0, 60),
    default=2.0,
    show_default=True,
    metavar="S",
    help="With --collect: seconds before and after each cue.",
)
@click.option("--rate", type=int, default=48_000, show_default=True, help="With --collect: Hz.")
@click.option(
    "--bits",
    type=click.Choice(["16", "24", "32"]),
    default="24",
    show_default=True,
    help="With --collect: bits.",
)
@click.option(
    "--names",
    metavar="PATTERN",
    help="With --collect: such as {shot}_{CatID}_{FXName}_{SourceID}_{tc}.",
)
@click.option(
    "--use",
    type=click.Choice(["commercial"]),
    help="Refuse what may not be used so: sounds, and the model; say what it may depend on.",
)
@click.option("--yes", is_flag=True, help="Write over files that are there, without asking.")
@click.option("--dry-run", is_flag=True, help="Print the cue sheet, and write nothing.")
@fill.fill_options
@reference.reference_options
@options.steering_options("--text")
@options.metadata_weight_option
@options.library_options
def video(file: Path, outs: Sequence[Path], **given: Any) -> None:
    """Give a video its sound, and write it as a film and as a session for your editor.

    Each shot asks the library with its frames; words (--text, --away) are for every shot, --words
    for one. Shots of one place share an ambience, and distinct things get spots. Where nothing
    fits it stays silent, and says so. A project file keeps every choice: edit it, and give it as
    FILE to write again without the model. Cues that you lock in it stay when the film is made
    again.

    \b
    sonorize video film.mp4 --dry-run
    sonorize video film.mp4 -o out.mp4 -o out.rpp -o film.sonorize.json
    sonorize video film.mp4 -o out.mp4 --words 3="heavy rain" --words 00:01:10:00=thunder
    sonorize video film.sonorize.json -o out.mov --loudness web-16
    sonorize video film.mp4 -o out.aaf --collect sounds --license cc0 --use commercial
    sonorize video film.mp4 -o out.mp4 --fill-gaps generate --fill-model stable-audio-open

    Exit code 3: done, but a sound could not be read.
    """
    outs_of.require_short(file, *filter(None, [given["collect"]]))
    outs_of.require_known(outs)
    reference.require_pair(given)
    fill.require_whole(given)
    if not outs and not given["collect"] and not given["dry_run"]:
        raise click.UsageError("Say where to: -o out.mp4, -o out.rpp, --collect DIR, or --dry-run.")
    if given["collect"]:
        _collecting(given)
    there = [] if given["yes"] or given["dry_run"] else outs_of.there(outs, given["original"])
    if there:
        confirm(f"Write over {', '.join(map(str, there))}?")
    again = file.name.endswith(PROJECT)
    if again:
        _require_of_projects()
    with outs_of.stoppable(), closing(Bars()) as bars:
        sheet = _again(file, outs, given) if again else _made(file, outs, given, bars)
        bars.close()
        sheet = _with_mix(sheet, given)
        if given["use"] is not None:
            from query.scene.use import check_use

            held = any(out.suffix.lower() in SESSIONS for out in outs)
            for sentence in check_use(sheet, given["use"], held):
                say(sentence)
        if given["dry_run"]:
            _show(sheet)
            return
        notes = _write(sheet, outs, given, bars)
    _tell(sheet, notes)
    if notes:
        raise click.exceptions.Exit(3)


def _require_of_projects() -> None:
    """Raises UsageError for what would change nothing: a project is as it was chosen."""
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") == ParameterSource.COMMANDLINE
        if given and option.name not in OF_PROJECTS:
            raise click.UsageError(
                f"{option.opts[0]} is for a video: a project keeps what was chosen. Edit it, or "
                "give the video, with -o for the project."
            )


def _with_mix(sheet: CueSheet, given: dict[str, Any]) -> CueSheet:
    """The sheet with how it is mixed: as is said now, else as the project says."""
    source = click.get_current_context().get_parameter_source
    kept = sheet.settings.get("mix")
    mix = {name: given[name] for name in ("original", "loudness")}
    if isinstance(kept, dict):
        mix |= {
            name: str(kept[name])
            for name in mix.keys() & kept.keys()
            if source(name) != ParameterSource.COMMANDLINE
        }
    return replace(sheet, settings={**sheet.settings, "mix": mix})


def _again(file: Path, outs: Sequence[Path], given: dict[str, Any]) -> CueSheet:
    """A project as it is, its sounds found where they lie now."""
    from contextlib import ExitStack

    from indexer.cli.common import open_library
    from indexer.errors import LibraryNotFound, SceneError
    from query.scene import project, still_same

    sheet = project.load(file)
    away = still_same.gone(sheet.film)
    if away and any(out.suffix.lower() in FILMS for out in outs):
        raise SceneError(away)
    outs_of.require_fit(sheet.film, outs)
    with ExitStack() as stack:
        libraries = []
        for folder in given["library_folders"] or [None]:
            try:
                libraries.append(stack.enter_context(open_library(folder)))
            except LibraryNotFound:
                if folder is not None:
                    raise
        sheet, missing = project.relinked(sheet, libraries)
    if missing:
        raise SceneError(
            f"{missing[0].path} is not there, nor in a library that was asked"
            + (f" ({len(missing):,} sounds in all)" if len(missing) > 1 else "")
            + ": name the library that holds it with --library."
        )
    for note in still_same.changed(sheet):
        say(note)
    return sheet


def _made(file: Path, outs: Sequence[Path], given: dict[str, Any], bars: Bars) -> CueSheet:
    from indexer.errors import SceneError
    from query.scene.fill import found_only
    from query.scene.make import choose, film_of, look, with_words
    from query.scene.plan import Options

    film = film_of(file, given["start_tc"], given["offset"])
    outs_of.require_fit(film, outs)
    with options.searcher(given["library_folders"], given["device"]) as search:
        if not any(library.catalog.counts()["ready"] for library in search.libraries):
            raise SceneError(
                f"{search.libraries[0].folder} holds no sound yet: fill it with `sonorize "
                "build-index FOLDER`."
            )
        asked = Options(
            ask=options.asked(given),
            reference=reference.read(search, given),
            former=_former(outs, search.libraries),
        )
        seen = look(film, search, asked.ask, bars, align=not given["no_align"], note=say)
        asked = with_words(asked, given["words"], seen)
        first = found_only(asked, search) if given["fill_gaps"] else asked
        sheet = choose(seen, search, first, bars)
    return fill.filled(sheet, seen, asked, given, bars) if given["fill_gaps"] else sheet


def _former(outs: Sequence[Path], libraries: Sequence[Library]) -> CueSheet | None:
    """The project that is to be written anew: cues that are locked there stay."""
    from indexer.errors import SceneError
    from query.scene import project

    there = [out for out in outs if out.name.endswith(PROJECT) and out.is_file()]
    if not there:
        return None
    sheet, missing = project.relinked(project.load(there[0]), libraries)
    for cue in sheet.cues:
        if cue.locked and cue.clip in missing:
            raise SceneError(
                f"{cue.clip.path} of the locked cue {cue.id} is not there, nor in a library that "
                "was asked: name the library that holds it with --library, or unlock the cue."
            )
    return sheet


def _write(sheet: CueSheet, outs: Sequence[Path], given: dict[str, Any], bars: Bars) -> list[str]:
    """Writes all that was asked for; what could not be read on the way, a sentence each.

    A project comes first: whatever else fails can then be written from it.
    """
    from query.scene import project
    from query.scene.export import writer
    from query.scene.mix import MixOptions

    mix = MixOptions(**sheet.settings["mix"])
    notes: list[str] = []
    session, base = sheet, None
    for out in outs:
        if out.name.endswith(PROJECT):
            project.save(sheet, out)
            click.echo(out)
    if given["collect"] is not None:
        session, left_out = _collected(sheet, given, bars)
        base = given["collect"]
        notes += left_out
    for out in (out for out in outs if not out.name.endswith(PROJECT)):
        if out.suffix.lower() in (*FILMS, ".wav"):
            notes += _sound(sheet, out, mix, bars)
        else:
            writer(out)(session, out, base)
        bars.close()
        click.echo(out)
    return list(dict.fromkeys(notes))


def _sound(sheet: CueSheet, out: Path, mix: MixOptions, bars: Bars) -> list[str]:
    from query.scene.export.film import render_film
    from query.scene.export.stems import write_stems

    write: Callable[..., MixReport] = write_stems if out.suffix.lower() == ".wav" else render_film
    report = write(sheet, out, mix, bars)
    bars.close()
    say(f"{out.name}: {_heard(report)}")
    return [note for note in report.notes if "cannot be read" in note]


def _heard(report: MixReport) -> str:
    if report.loudness is None:
        return "silent"
    said = f"{report.loudness:.1f} LUFS, true peak {report.true_peak:.1f} dBTP"
    missed = f", {report.missed_by:.1f} LU under its target for the sake of its peaks"
    return said + (missed if report.missed_by else "") + "".join(f"; {n}" for n in report.notes)


def _collected(
    sheet: CueSheet, given: dict[str, Any], bars: Bars
) -> tuple[CueSheet, tuple[str, ...]]:
    """Cues as files of their own, and the sheet that uses these."""
    from query.scene.export.collect import collect, using

    collection = collect(sheet, given["collect"], _collecting(given), bars)
    bars.close()
    say(f"{counted(len(collection.files), 'cue')} collected in {given['collect']}.")
    return using(sheet, collection, given["rate"]), collection.notes


def _collecting(given: dict[str, Any]) -> CollectOptions:
    """Raises SceneError for what cannot be."""
    from query.scene.export.collect import CollectOptions

    names = {} if given["names"] is None else {"names": given["names"]}
    return CollectOptions(given["handles"], given["rate"], int(given["bits"]), **names)  # type: ignore[arg-type]


def _tell(sheet: CueSheet, notes: Sequence[str]) -> None:
    spots, ambience = len(sheet.layer("spot")), len(sheet.layer("ambience"))
    say(f"{counted(len(sheet.shots), 'shot')}: {counted(spots, 'spot')}, {ambience:,} of ambience.")
    for note in [*(shot.note for shot in sheet.shots if shot.note), *notes]:
        say(note)


def _show(sheet: CueSheet) -> None:
    """The cue sheet as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from query import timecode
    from query.tables import printable

    film: Film = sheet.film
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("in", "out", "layer", "shot", "sound", "score", "licence"):
        table.add_column(name, no_wrap=name in ("in", "out"), overflow="fold")
    for cue in sheet.cues:
        start, end = (
            timecode.spell(film.start + at, film.rate, film.drop) for at in (cue.start, cue.end)
        )
        table.add_row(
            start, end, cue.layer, str(cue.shot + 1), printable(cue.clip.title),
            f"{cue.clip.score:.3f} {cue.clip.strength}", cue.clip.licence or "unknown",
        )  # fmt: skip
    if sheet.cues:
        Console(width=None if sys.stdout.isatty() else 110).print(table)
    _tell(sheet, ())
