"""The part of `sonorize build-index` that asks Freesound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

import click

from indexer.cli.common import Bars, say
from indexer.cli.freesound import api_key
from indexer.counting import counted

if TYPE_CHECKING:
    from indexer.build.report import BuildReport
    from indexer.library import Library
    from indexer.sources.freesound.client import Client, Page
    from indexer.sources.freesound.pull import Pulled
    from indexer.sources.freesound.source import FreesoundSource
    from indexer.sources.freesound.terms import Term, Wishes

F = TypeVar("F", bound=Callable[..., Any])
PREFIX = "freesound:"
SHOWN = 20  # lines of a kind
NOTICED = 4.0  # s
SORTS = (
    "score", "downloads_desc", "rating_desc", "created_desc", "created_asc", "duration_asc",
    "duration_desc",
)  # fmt: skip
NOTICE = (
    "Freesound's API may be used for non-commercial purposes, unless you agreed otherwise with "
    "Freesound (https://freesound.org/help/tos_api/). What you may do with a sound is said by its "
    "own licence: `sonorize library credits` lists them."
)


def freesound_options(command: F) -> F:
    """The options that say which sounds of Freesound are wanted."""
    seconds = click.FloatRange(min=0)
    for option in (
        click.option("--refresh", is_flag=True,
                     help="freesound: read again what is said of its sounds, find new ones."),
        click.option("--explicit", is_flag=True, help="freesound: explicit sounds too."),
        click.option("--quality", type=click.Choice(["hq", "lq"]), default="hq",
                     help="freesound: previews of about 192 or 80 kbit/s.  [default: hq]"),
        click.option("--sort", type=click.Choice(SORTS), default="score",
                     help="freesound: whose order counts.  [default: score]"),
        click.option("--category", default="", metavar="NAME[/SUB]",
                     help='freesound: only this one, such as "Sound effects/Animals".'),
        click.option("--max-duration", type=seconds, metavar="S", help="freesound: at most."),
        click.option("--min-duration", type=seconds, metavar="S", help="freesound: at least."),
        click.option("--license", "licences", multiple=True, metavar="NAME",
                     help="freesound: only these: cc0, by, by-nc, …; repeat or use commas.  "
                     "[default: cc0,by]"),
        click.option("--per-term", type=click.IntRange(min=1), default=20, metavar="N",
                     help="freesound: sounds of each term.  [default: 20]"),
    ):  # fmt: skip
        command = option(command)
    return command


class LazyClient:
    """Looks for a key only when Freesound has to be asked."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._stack = ExitStack()

    def search(self, query: str, **how: Any) -> Page | None:
        if self._client is None:
            self._client = self._stack.enter_context(open_client())
        return self._client.search(query, **how)

    def close(self) -> None:
        self._stack.close()


@dataclass(slots=True)
class Fetched:
    """failures: (address, reason) of sounds whose preview could not be had in this run."""

    source: FreesoundSource
    pulled: Pulled
    failures: list[tuple[str, str]]

    def close(self, report: BuildReport) -> None:
        """Adds to the report of the build what went wrong before it."""
        for address, reason in self.failures:
            report.fail(address, reason)
        if self.pulled.until is not None:
            report.notes.append(
                f"Freesound answers no more today: run the same again after "
                f"{self.pulled.until:%Y-%m-%d %H:%M} UTC to go on."
            )


@dataclass(slots=True)
class Pull:
    """A run's dealings with Freesound."""

    terms: Sequence[Term]
    wishes: Wishes
    client: LazyClient
    refresh: bool
    first: Page | None = None

    def begin(self) -> None:
        """Puts the first question, where there is no library yet: a key that is not taken or
        a filter that is not understood leaves none behind."""
        from indexer.sources.freesound.pull import first_page

        self.first = first_page(self.client, self.terms[0], self.wishes)

    def run(self, library: Library, bars: Bars, given: dict[str, Any]) -> Fetched:
        """Asks and fetches; what came of the terms is said before sounds are fetched."""
        from indexer.sources.freesound.files import Previews
        from indexer.sources.freesound.originals import relink
        from indexer.sources.freesound.pull import Puller, fetch_previews, lacking
        from indexer.sources.freesound.source import PREVIEWS

        kept = library.catalog.freesound
        source = source_of(library)
        puller = Puller(kept, self.client, self.wishes, self.first)
        with library.lock():
            library.catalog.settle(source.kind, source.location)
            relink(library.catalog, source)
            try:
                pulled = (puller.refresh if self.refresh else puller.ask)(self.terms, bars)
            finally:  # it is kept, so no later run would find it
                bars.close()
                tell_changes(puller.pulled)
            if given["dry_run"]:
                say(ahead(library, source, pulled, self.wishes))
                return Fetched(source, pulled, [])
            fresh = kept.want(pulled.chosen)
            for term_id in pulled.looked:
                kept.looked_again(term_id)
            tell(pulled, fresh)
            ids = lacking(kept, source, retry_failed=given["retry_failed"])
            with Previews() as previews:
                folder = source.path(PREVIEWS)
                fetched = fetch_previews(
                    kept, ids, lambda said: previews.fetch(said, self.wishes.quality, folder),
                    previews.stop, bars,
                )  # fmt: skip
                failures = [
                    (f"https://freesound.org/s/{key}/", str(failure))
                    for key, failure in fetched
                    if failure
                ]
            bars.close()
        return Fetched(source, pulled, failures)


def asked(sources: Sequence[str], given: Mapping[str, Any]) -> Pull | None:
    """What the `freesound:` sources and their options say; None without such a source."""
    from indexer.credits.licences import wanted
    from indexer.sources.freesound.terms import Wishes, parse_terms

    said = [text.removeprefix(PREFIX) for text in sources if text.startswith(PREFIX)]
    if not said:
        return None
    terms = list(dict.fromkeys(term for text in said for term in parse_terms(text)))
    for term in filter(lambda term: term.stop_words, terms):
        say(
            f"{term.query!r}: Freesound wants every word, and finds "
            f"{', '.join(map(repr, term.stop_words))} in tags only: leave it out, or put the "
            "phrase into quotation marks."
        )
    least, most = given["min_duration"], given["max_duration"]
    if least is not None and most is not None and least > most:
        raise click.UsageError(
            "No sound is longer than --min-duration and no longer than "
            "--max-duration: change one of them."
        )
    wishes = Wishes(
        per_term=given["per_term"],
        licences=wanted(given["licences"]) or Wishes().licences,
        min_duration=least,
        max_duration=most,
        category=given["category"],
        sort=given["sort"],
        explicit=given["explicit"],
        quality=given["quality"],
    )
    return Pull(terms, wishes, LazyClient(), given["refresh"])


def refuse_without(context: click.Context) -> None:
    """Raises UsageError for an option of Freesound where no such source is named."""
    for option in freesound_options(click.command("")(lambda: None)).params:
        source = context.get_parameter_source(option.name or "")
        if source == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f'{option.opts[0]} is for freesound:"WORDS".')


def source_of(library: Library) -> FreesoundSource:
    from indexer.sources.freesound.source import FreesoundSource

    return FreesoundSource(library.sounds("freesound"), library.catalog.freesound)


def open_client() -> Client:
    """With the user's key; says once what Freesound's API may be used for. Raises KeyMissing."""
    from indexer import settings
    from indexer.sources.freesound import key as keys
    from indexer.sources.freesound.budget import Budget
    from indexer.sources.freesound.client import Client

    found = settings.load()
    key = api_key(found.config)
    if key.place == keys.TYPED:
        say("It is used now and not kept: `sonorize freesound login --key-only` keeps one.")
    shown = found.state / "freesound-notice"
    if not shown.exists():
        say(NOTICE)
        with suppress(OSError):  # the budget, which lies there too, says it in words
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.touch()
    return Client(found.freesound, key.text, Budget(found.state, key.text, sleep=wait))


def wait(seconds: float) -> None:
    """A wait that a person would notice is said: for a full minute, or for a trouble to pass."""
    if seconds >= NOTICED:
        say(f"Waiting {seconds:.0f} s for Freesound …")
    sleep(seconds)


def tell(pulled: Pulled, fresh: int) -> None:
    """What the terms came to."""
    chosen = counted(len(pulled.chosen), "sound")
    say(f"Freesound: {chosen} chosen, {fresh:,} of them new{_left(pulled)}.")
    for term, count in pulled.short[:SHOWN]:
        most = counted(count, "sound")
        say(f"{term.query!r}: no more than {most} with these words, filters and licences.")


def tell_changes(pulled: Pulled) -> None:
    """What a refresh found, every licence of it."""
    for each in pulled.licences:
        say(f"{each.name} ({each.id}) is under another licence now: {each.before} -> {each.now}")
    if pulled.gone:
        say(
            f"{counted(len(pulled.gone), 'sound')} no more on Freesound, still in this library: "
            + ", ".join(map(str, pulled.gone[:SHOWN]))
        )


def ahead(library: Library, source: FreesoundSource, pulled: Pulled, wishes: Wishes) -> str:
    """What a run without --dry-run would fetch."""
    from indexer.sources.freesound import sounds
    from indexer.sources.freesound.pull import bytes_of

    known = library.catalog.freesound.kept(pulled.chosen)
    licences = Counter(sounds.licence(each.said) for each in known.values())
    wanted = [each for key, each in known.items() if key not in source.here()]
    size = sum(bytes_of(each.said, wishes.quality) for each in wanted)
    megabytes = max(1, round(size / 1e6)) if wanted else 0
    return (
        f"Freesound: {counted(len(known), 'sound')} ({_by_licence(licences)}){_left(pulled)}; "
        f"{counted(pulled.pages, 'request')} made to know this{_beyond(pulled)}; "
        f"{counted(len(wanted), 'preview')} to fetch, about {megabytes:,} MB."
    )


def _beyond(pulled: Pulled) -> str:
    if pulled.until is None:
        return ""
    return f", more needed after {pulled.until:%Y-%m-%d %H:%M} UTC: that is all for today"


def _left(pulled: Pulled) -> str:
    return f"; left out: {_by_licence(pulled.left_out)}" if pulled.left_out else ""


def _by_licence(licences: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in licences.most_common())
