"""`sonorize library credits`."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.cli.common import library_option, open_library, say
from indexer.counting import counted
from indexer.errors import LibraryError, UnknownEncoder

if TYPE_CHECKING:
    from indexer.credits.texts import Credit
    from indexer.library import Library

_ID = re.compile(r"#?([0-9]{1,18})")


def _ids(context: click.Context, option: click.Parameter, said: tuple[str, ...]) -> list[str]:
    """Each id as it was said, "12" or "#12"."""
    ids = [part for text in said for each in text.split(",") if (part := each.strip())]
    for each in ids:
        if not _ID.fullmatch(each):
            raise click.BadParameter(f"{each!r} is no id: write numbers, like 12,15.")
    return ids


@click.command("credits")
@click.argument("named", metavar="[-]", required=False, type=click.Choice(["-"]))
@library_option
@click.option(
    "--ids",
    multiple=True,
    metavar="N,N…",
    callback=_ids,
    help="Only these sounds, by the ids of hits; repeat or use commas.",
)
@click.option("--pack", "packs", multiple=True, help="Only this pack; repeatable.")
@click.option("--source", "sources", multiple=True, help="Only this kind of source or root.")
@click.option(
    "--license",
    "licences",
    multiple=True,
    metavar="NAME",
    help="Only these licences: cc0, by, by-nc, … or SPDX ids; repeat or use commas.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "html"]),
    default="text",
    show_default=True,
    help="json: one object a line.",
)
def credits_command(
    named: str | None,
    library_folder: Path | None,
    ids: list[str],
    packs: tuple[str, ...],
    sources: tuple[str, ...],
    licences: tuple[str, ...],
    form: str,
) -> None:
    """Print who is to be credited for the sounds of a library, as Freesound words it.

    With - only for the sounds whose ids or paths are read from stdin, one a line, such as the
    files of a session. What is to be found out first (no licence, no commercial use, a remix)
    is said on stderr.

    \b
    sonorize library credits > CREDITS.txt
    sonorize library credits --license by,by-nc --format html
    sonorize library credits --ids 12,15 --format markdown
    sonorize query-by-frame street.jpg --format json | jq -r .path | sonorize library credits -
    """
    from indexer.catalog.credited import credits_of
    from indexer.catalog.filters import Filters
    from indexer.credits.licences import wanted

    filters = Filters(licences=wanted(licences), sources=sources, packs=packs)
    lines = [*ids, *([line.rstrip("\n") for line in sys.stdin] if named else [])]
    with open_library(library_folder) as opened:
        chosen, strangers = _chosen(opened, lines) if ids or named else (None, [])
        count = _write(credits_of(opened.catalog.engine, filters, chosen), form)
        if not count and not named and not strangers:
            raise LibraryError(
                "No sound of this library is among those: see `sonorize library status`."
            )
        _say_model(opened)
    for each in strangers:
        say(f"Not in this library: {each!r}")
    if strangers:
        raise click.exceptions.Exit(3)


def _chosen(opened: Library, lines: Iterable[str]) -> tuple[set[int], list[str]]:
    """The sounds that ids and paths mean, and the lines that mean none."""
    from indexer.catalog.credited import existing, lying_at

    said = list(dict.fromkeys(line for line in lines if line.strip()))
    numbers = {line: int(number[1]) for line in said if (number := _ID.fullmatch(line))}
    there = existing(opened.catalog.engine, numbers.values())
    found = {line: number for line, number in numbers.items() if number in there}
    found |= lying_at(opened.catalog.engine, [line for line in said if line not in numbers])
    return set(found.values()), [line for line in said if line not in found]


def _write(credits: Iterable[Credit], form: str) -> int:  # noqa: A002
    """Writes the credits, and what to heed of them; returns how many they are."""
    from indexer.credits import texts

    forms: dict[str, Callable[[Credit], str]] = {
        "text": texts.text,
        "markdown": lambda credit: f"- {texts.markdown(credit)}",
        "html": lambda credit: f"<li>{texts.as_html(credit)}</li>",
        "json": lambda credit: json.dumps(texts.fields(credit)),
    }
    heed, count = _Heed(), 0
    for credit in credits:
        if form == "html" and not count:
            print("<ul>")
        print(forms[form](credit))
        heed.add(credit)
        count += 1
    if form == "html" and count:
        print("</ul>")
    sys.stdout.flush()  # before what stderr says next
    heed.say()
    return count


class _Heed:
    """What is to be heeded before sounds are published."""

    def __init__(self) -> None:
        self._unknown = self._nobody = 0
        self._restricted: Counter[str] = Counter()
        self._conditions: Counter[tuple[str, str]] = Counter()
        self._remixes: list[str] = []

    def add(self, credit: Credit) -> None:
        from indexer.credits.licences import condition, label, non_commercial
        from indexer.credits.texts import one_line

        count = len(credit.sounds)
        self._unknown += count if not credit.licence else 0
        self._nobody += count if not (credit.licence or credit.author) else 0
        if non_commercial(credit.licence):
            self._restricted[one_line(label(credit.licence))] += count
        if terms := condition(credit.licence):
            self._conditions[one_line(label(credit.licence)), terms] += count
        if credit.remix:
            self._remixes.append(
                f"{one_line(credit.name)}: a remix: credit its sources too, see {credit.url}"
            )

    def say(self) -> None:
        for remix in self._remixes:
            say(remix)
        if self._restricted:
            each = ", ".join(f"{count:,} {name}" for name, count in self._restricted.items())
            say(f"Not free for all commercial use: {each}.")
        for (name, terms), count in self._conditions.items():
            say(f"{counted(count, 'sound')} under {name}: commercial use {terms}.")
        if self._unknown:
            besides = f" ({self._nobody:,} of them no author either)" if self._nobody else ""
            lacking = counted(self._unknown, "sound", "says/say")
            say(f"{lacking} no licence{besides}: find out before you publish them.")


def _say_model(opened: Library) -> None:
    """The model's licence is no affair of the sounds' credits, but one that sells them asks."""
    from indexer.credits.licences import non_commercial
    from indexer.encoders import registry

    with suppress(UnknownEncoder):
        licence = registry.entry(opened.config.encoder).licence
        if non_commercial(licence):
            say(
                f"Apart from the sounds: this library was heard with {opened.config.encoder}, "
                f"a model under {licence}, not for commercial use."
            )
