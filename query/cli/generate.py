"""`sonorize generate`."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import Bars, say, say_failures
from indexer.counting import counted
from query.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

    from query.captions.write import Caption
    from query.generation.protocol import Generator, Order
    from query.generation.scheme import Models, Open, Wanted
    from query.generation.triples import Triple
    from query.ranking import Hit
    from query.search import Searcher

_MADE = [
    click.option("--at", metavar="TIME", help="Time in a video, as in query-by-frame."),
    click.option("--model", required=True,
                 type=click.Choice(["audioldm", "audioldm2", "stable-audio-open"]),
                 help="What makes the sounds; its licence is theirs."),
    click.option("--via", type=click.Choice(["captions", "audio", "both"]), default="captions",
                 show_default=True, help="audio: from how the sounds found sound, without words "
                 "(audioldm). both: and compared."),
    click.option("--caption", "words", multiple=True, metavar="WORDS",
                 help="Make sounds of these words instead of captions; repeatable."),
    click.option("--captions", "count", type=click.IntRange(1, 100), default=5, show_default=True,
                 help="How many captions."),
    click.option("--variations", type=click.IntRange(1, 100), default=1, show_default=True,
                 help="Sounds of each caption."),
    click.option("--captioner", type=click.Choice(["blip", "coca"]), default="blip",
                 show_default=True, help="What writes the captions."),
    click.option("--decode", "method", type=click.Choice(["sample", "beam"]), default="sample",
                 show_default=True, help="Captions drawn by chance, or the likeliest."),
    click.option("--beams", type=click.IntRange(1, 100), default=5, show_default=True,
                 help="With --decode beam: how many are looked at."),
    click.option("--top-k", type=click.IntRange(0), default=50, show_default=True,
                 help="Draw from so many likeliest words; 0 for all."),
    click.option("--top-p", type=options.Range(0, 1), default=0.9, show_default=True,
                 help="Draw from the likeliest that have this chance together."),
    click.option("--temperature", type=options.Range(0.01, 100), default=1.0, show_default=True,
                 help="More is more by chance."),
    click.option("--seconds", type=options.Range(0.1, 60), default=10.0, show_default=True,
                 help="Of each sound."),
    click.option("--steps", type=click.IntRange(1, 1000), help="More take longer.  "
                 "[default: the model's own]"),
    click.option("--guidance", type=options.Range(0, 100),
                 help="How closely words are followed.  [default: the model's own]"),
    click.option("--negative", default="", metavar="WORDS", help="What not to hear."),
    click.option("--seed", type=click.IntRange(0, 2**32), default=0, show_default=True,
                 help="The first one; variations count on from it."),
    click.option("--best", type=click.IntRange(1), default=10, show_default=True,
                 help="How many sounds of the ranking, found and generated."),
    click.option("--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
                 help="Where the sounds are kept.  [default: in the library]"),
    click.option("--dry-run", is_flag=True, help="Show the captions, and what would be made."),
    click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
                 show_default=True, help="json: one object a line."),
]  # fmt: skip


def _options(command: options.F) -> options.F:
    for option in reversed(_MADE):
        command = option(command)
    return command


@click.command()
@click.argument("frame", type=click.Path(path_type=Path), metavar="FRAME|VIDEO")
@_options
@options.metadata_weight_option
@options.library_options
def generate(frame: Path, at: str | None, **given: Any) -> None:
    """Make sounds for a picture or a video, from captions of it, and rank them with the library.

    Captions are written, judged by the library's own model, and stripped of what cannot be heard;
    sounds are made from them, checked, kept with all that made them, and taken into the library.
    What was made once is not made again, and a run that was stopped goes on where it was. A video
    without --at is seen in 9 frames spread over it.

    \b
    sonorize generate street.jpg --model audioldm2 --dry-run
    sonorize generate street.jpg --model audioldm2 --caption "rain on a tin roof" --variations 4
    sonorize generate film.mov --at 00:01:30 --model stable-audio-open --seconds 20
    sonorize generate frame.png --model audioldm --captions 20
    sonorize generate frame.png --model audioldm --captions 1 --decode beam --variations 20
    sonorize generate frame.png --model audioldm --via both --variations 4

    Exit code 3: done, but some sounds were not fit to be used.
    """
    from indexer.errors import GenerationError
    from query.generation import scheme
    from query.video import read_pictures

    pictures = read_pictures(frame, at)
    wanted, models = _wanted(given), _models(given)
    searching = partial(options.searcher, given["library_folders"], given["device"], quiet=True)
    folder, hits = _before(pictures, searching, given)
    generator = models.load_generator()
    wanted = replace(wanted, settings=generator.completed(wanted.settings))
    with closing(Bars()) as bars:
        found: list[Caption] = []
        if given["via"] != "audio":
            [found] = scheme.described([pictures], wanted, models, searching, bars)
        ordered = [*scheme.orders(found, wanted), *_by_ear(hits, found, wanted, models, generator)]
        bars.close()
        if given["dry_run"]:
            _show_captions(found, ordered, generator, folder)
            return
        _say_terms(generator.name)
        stopped: BaseException | None = None
        try:
            triples = scheme.sounded(ordered, generator, folder, bars)
        except (KeyboardInterrupt, GenerationError) as error:
            stopped = error.with_traceback(None)  # whose frames would hold the model
        bars.close()
        del generator
        _release()
        if stopped is not None:
            _keep(folder, given, bars)
            raise stopped
        refused = _say_made(triples, folder)
        with options.searcher(given["library_folders"], given["device"]) as search:
            _rank(pictures, triples, search, folder, given, bars)
    say_peak()
    if refused:
        raise click.exceptions.Exit(3)


def _before(
    pictures: Sequence[Image], searching: Open, given: dict[str, Any]
) -> tuple[Path, list[Hit]]:
    """Where sounds are kept, and those that are listened to if there is to be a way without words.

    All that can be refused is refused here, before any work.
    """
    from indexer import settings
    from indexer.encoders import weights
    from query.generation import by_ear, scheme
    from query.generation.registry import require_vector

    require_licence(given["model"], given)
    _require_seconds(given)
    hits: list[Hit] = []
    if given["via"] != "captions":
        require_vector(given["model"])
        weights.require(by_ear.NAME, settings.load().models / by_ear.NAME)
        if given["via"] == "audio" and given["words"]:
            raise click.UsageError("--caption is for captions: leave it out, or use --via both.")
    with searching() as search:
        assert search.encoder is not None
        if "image" not in search.encoder.modalities:
            search.encoder.embed_images([])  # says why not
        if given["via"] != "captions":
            ask = replace(options.asked(given), k=by_ear.DEEP, cut=False)
            asked = search.by_pictures(pictures, scheme.found_only(ask, search))
            hits = by_ear.permitted(asked, search)
        folder: Path = given["into"] or search.libraries[0].sounds("generated")
    return folder.absolute(), hits


def require_licence(model: str, given: Mapping[str, Any], option: str = "--model") -> None:
    """Raises GenerationError for a model whose sounds --license or --use would leave out."""
    from indexer.credits.licences import among, non_commercial, wanted
    from indexer.encoders import registry
    from indexer.errors import GenerationError

    licence = registry.entry(model).licence
    kept = wanted(given["licences"])
    refused = bool(kept) and not among(licence, kept)
    if refused or (given.get("use") == "commercial" and non_commercial(licence)):
        raise GenerationError(
            f"Sounds of {model} are under {licence}, which --{'license' if refused else 'use'} "
            f"leaves out: take another {option}, or leave that option out."
        )


def _require_seconds(given: Mapping[str, Any]) -> None:
    """Raises UsageError for sounds that --min-duration or --max-duration would leave out."""
    low, high = given["min_duration"] or 0.0, given["max_duration"]
    if given["seconds"] < low or (high is not None and given["seconds"] > high):
        option = "--min-duration" if given["seconds"] < low else "--max-duration"
        raise click.UsageError(
            f"{option} leaves out sounds of {given['seconds']:g} s: choose --seconds to fit."
        )


def _by_ear(
    hits: Sequence[Hit],
    found: Sequence[Caption],
    wanted: Wanted,
    models: Models,
    generator: Generator,
) -> list[tuple[Caption, Order]]:
    """What is to be made from sounds; it is compared by the best caption, if there is one."""
    from query.captions.write import Caption
    from query.generation import by_ear

    if not hits:
        return []
    heard = by_ear.hear(hits, models.folder, models.device)
    _release()
    by_ear.require_one_space(generator, heard)
    say(f"Listened to {', '.join(hit.title for hit in hits)}.")
    best = found[0] if found else Caption("", "")
    return [(best, each) for each in heard.orders(wanted.variations, wanted.seed, wanted.settings)]


def _wanted(given: dict[str, Any]) -> Wanted:
    from query.captions.protocol import Decoding
    from query.generation.protocol import Settings
    from query.generation.scheme import Wanted

    words = tuple(" ".join(_letters(said).split()) for said in given["words"])
    if not all(words):
        raise click.UsageError("--caption has no words: say what is to be heard.")
    return Wanted(
        words=words,
        decoding=Decoding(
            count=given["count"],
            method=given["method"],
            beams=given["beams"],
            top_k=given["top_k"],
            top_p=given["top_p"],
            temperature=given["temperature"],
            seed=given["seed"],
        ),
        variations=given["variations"],
        seed=given["seed"],
        settings=Settings(
            given["seconds"], given["steps"], given["guidance"], _letters(given["negative"]).strip()
        ),
    )


def _letters(words: str) -> str:
    """Without bytes that are no letters, which no model reads."""
    return words.encode("utf-8", "replace").decode()


def _models(given: dict[str, Any]) -> Models:
    from indexer import settings
    from query.generation.scheme import Models

    found = settings.load()
    return Models(given["model"], found.models, given["captioner"], given["device"] or found.device)


def _rank(
    pictures: Sequence[Image],
    triples: Sequence[Triple],
    search: Searcher,
    folder: Path,
    given: dict[str, Any],
    bars: Bars,
) -> None:
    """Takes the sounds into the first library, keeps how they agree, and shows the best of all."""
    from query import tables
    from query.generation.scheme import with_made
    from query.generation.triples import measure

    library = search.libraries[0]
    _take_in(search, folder, bars)
    fit = [each for each in triples if not each.clip.facts.refused]
    _compare(fit, measure(fit, pictures, search, library))
    ask = with_made(replace(options.asked(given), k=given["best"]))
    hits = search.by_pictures(pictures, ask)
    tables.show(hits, given["form"], several=len(given["library_folders"]) > 1)


def _take_in(search: Searcher, folder: Path, bars: Bars) -> None:
    from indexer.build.run import build_index
    from indexer.sources.generated import GeneratedSource

    library = search.libraries[0]
    assert search.encoder is not None
    report = build_index(library, [GeneratedSource(folder)], search.encoder, progress=bars)
    bars.close()
    say_failures(report, "`sonorize library status` lists them")


def _keep(folder: Path, given: dict[str, Any], bars: Bars) -> None:
    """What a run that was stopped has finished is in the library before it ends."""
    if any(folder.glob("*.wav")):
        say(f"Taking what is finished in {folder} into the library.")
        with options.searcher(given["library_folders"], given["device"], quiet=True) as search:
            _take_in(search, folder, bars)


def _compare(triples: Sequence[Triple], measured: Sequence[dict[str, Any]]) -> None:
    """Says how the two ways agree with the frame by Eq. 1, where both were gone."""
    from statistics import mean

    ways: dict[str, list[tuple[float, float]]] = {"captions": [], "audio": []}
    for triple, entry in zip(triples, measured, strict=True):
        if entry["inconsistency"] is not None:
            way = "audio" if triple.clip.facts.condition else "captions"
            ways[way].append((abs(entry["inconsistency"]), entry["d_image_audio"]))
    if all(ways.values()):
        told = "; ".join(
            f"{way} {mean(inc for inc, _ in all_):.3f} ({mean(d for _, d in all_):.3f})"
            for way, all_ in ways.items()
        )
        say(f"Mean |inconsistency| by Eq. 1, 0 being best (and mean d(image, audio)): {told}.")


def _show_captions(
    found: Sequence[Caption], ordered: Sequence[Any], generator: Generator, folder: Path
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from query.generation.clips import lacking
    from query.tables import WIDTH, printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", justify="right")
    for name in ("caption", "prompt"):
        table.add_column(name, overflow="fold")
    for caption in found:
        score = "" if caption.score is None else f"{caption.score:.3f}"
        table.add_row(score, printable(caption.text), printable(caption.prompt))
    Console(width=WIDTH, markup=False, highlight=False).print(table)
    todo = lacking([order for _, order in ordered], generator, folder)
    _say_terms(generator.name)
    say(f"{counted(todo, 'sound')} to make, {len(ordered) - todo:,} there already.")


def _say_terms(name: str) -> None:
    from indexer.encoders import registry

    entry = registry.entry(name)
    say(f"{name}: {entry.licence}: {entry.notice}.")


def _say_made(triples: Sequence[Triple], folder: Path) -> int:
    """Says what was made, and returns how many sounds were refused."""
    known = sum(each.clip.known for each in triples)
    reasons = Counter(each.clip.facts.refused for each in triples if each.clip.facts.refused)
    refused = reasons.total()
    there = f", {known:,} of them there already" if known else ""
    say(f"{counted(len(triples) - refused, 'sound')} in {folder}{there}.")
    if refused:
        said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        say(f"{refused:,} not fit to be used ({said}): try another --seed, or more --steps.")
    return refused


def _release() -> None:
    from query.generation.memory import release

    release()


def say_peak() -> None:
    """How much memory this process held at most."""
    from indexer.encoders.progress import in_words
    from query.generation.memory import peak

    if most := peak():
        say(f"Memory: {in_words(most)} at most, one model after another.")
