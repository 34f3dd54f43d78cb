"""Options of `sonorize video` for shots that the library has nothing for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from indexer.cli.common import say
from indexer.counting import counted
from query.cli import options
from query.cli.generate import require_licence, say_peak

if TYPE_CHECKING:
    from indexer.cli.common import Bars
    from query.generation.scheme import Models
    from query.scene.cues import CueSheet
    from query.scene.make import Look
    from query.scene.plan import Options

_OPTIONS = [
    click.option("--fill-gaps", type=click.Choice(["generate"]),
                 help="Make sounds for the shots that the library has nothing for."),
    click.option("--fill-model",
                 type=click.Choice(["audioldm", "audioldm2", "stable-audio-open"]),
                 help="With --fill-gaps: what makes them; its licence is theirs."),
    click.option("--fill-clips", type=click.IntRange(1, 1000), metavar="N",
                 help="With --fill-gaps: sounds at most.  [default: 8]"),
    click.option("--fill-minutes", type=options.Range(0), metavar="M",
                 help="With --fill-gaps: minutes after which no other is begun.  [default: 10]"),
]  # fmt: skip


def fill_options(command: options.F) -> options.F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def require_whole(given: Mapping[str, Any]) -> None:
    """Raises UsageError for half of what filling needs, what `require_licence` does, and what a
    model that is not here does; before any work."""
    model = given["fill_model"]
    if given["fill_gaps"] is None:
        for name in ("fill_model", "fill_clips", "fill_minutes"):
            if given[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} is for --fill-gaps generate.")
        return
    if model is None:
        raise click.UsageError("--fill-gaps needs --fill-model: no model is chosen for you.")
    require_licence(model, given, "--fill-model")
    models = _models(given)
    models.load_generator()
    models.load_captioner()


def filled(
    sheet: CueSheet, seen: Look, asked: Options, given: Mapping[str, Any], bars: Bars
) -> CueSheet:
    """The sheet with sounds for its gaps, as far as the budget reaches; says what was done. A dry
    run makes none."""
    from query.scene.fill import Budget, fill, gaps

    silent = gaps(sheet)
    if not silent:
        return sheet
    if given["dry_run"]:
        shots = counted(len(silent), "shot")
        say(f"{shots} without a sound, to be filled by {given['fill_model']}.")
        return sheet
    searching = partial(options.searcher, given["library_folders"], given["device"], quiet=True)
    with searching() as search:
        folder = search.libraries[0].sounds("generated")
    default = Budget()
    budget = Budget(
        given["fill_clips"] or default.clips,
        default.minutes if given["fill_minutes"] is None else given["fill_minutes"],
    )
    found = fill(sheet, seen, asked, _models(given), searching, folder, budget, bars)
    bars.close()
    refused = sum(bool(clip.clip.facts.refused) for clip in found.clips)
    unfit = f", {refused:,} not fit to be used" if refused else ""
    over = f" The budget is used up ({counted(budget.clips, 'sound')}, {budget.minutes:g} minutes)."
    say(
        f"{counted(len(found.gaps), 'shot')} without a sound: "
        f"{counted(len(found.clips), 'sound')} by {given['fill_model']}{unfit}, "
        f"{found.filled:,} filled.{over if found.over else ''}"
    )
    say_peak()
    return found.sheet


def _models(given: Mapping[str, Any]) -> Models:
    from indexer import settings
    from query.generation.scheme import Models

    found = settings.load()
    device = given["device"] or found.device
    return Models(given["fill_model"], found.models, device=device)
