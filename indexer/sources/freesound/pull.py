"""From terms to wanted sounds, and from these to files: each step goes on where it stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from indexer.errors import FetchFailed, LimitReached
from indexer.sources.freesound import sounds

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.catalog.freesound import Freesound, NewLicence
    from indexer.progress import Progress
    from indexer.sources.freesound.client import Page
    from indexer.sources.freesound.source import FreesoundSource
    from indexer.sources.freesound.terms import Term, Wishes

PAGE = 150  # results that one request brings, at most
AT_ONCE = 2  # previews
OVERLAP = timedelta(days=30)
"""A sound is found once it was moderated, which is days after its date."""


@dataclass(slots=True)
class Pulled:
    """What the terms came to.

    chosen: ids, term after term, in Freesound's order. left_out: results before the last chosen
    one, by licence. short: terms with fewer sounds than wanted, and how many they have.
    pages: answers that were needed. until: when Freesound answers again, if its limit was met.
    licences, gone: what a refresh found changed, and not found any more. looked: terms whose new
    sounds are among the chosen; kept as looked for when these are wanted, not before.
    """

    chosen: list[int] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    short: list[tuple[Term, int]] = field(default_factory=list)
    pages: int = 0
    until: datetime | None = None
    licences: list[NewLicence] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    looked: list[int] = field(default_factory=list)


class Asked(Protocol):
    """What answers; see `client.Client.search`."""

    def search(self, query: str, **how: Any) -> Page | None: ...


class Puller:
    """Asks Freesound, and keeps every answer as it comes."""

    def __init__(
        self, kept: Freesound, client: Asked, wishes: Wishes, first: Page | None = None
    ) -> None:
        """`first`: the answer to the first question, if it was put already."""
        self._kept = kept
        self._client = client
        self._wishes = wishes
        self._first = first
        self.pulled = Pulled()

    def ask(self, terms: Sequence[Term], progress: Progress) -> Pulled:
        """Chooses the sounds of the terms; at the day's limit, of those that were answered."""
        progress.stage("Asking Freesound", sum(map(self._wants_answers, terms)), "terms")
        with self._until_the_limit():
            for term in terms:
                progress.advance(self._wants_answers(term))
                self._ask(term)
        self.pulled.chosen = list(dict.fromkeys(self.pulled.chosen))
        return self.pulled

    def refresh(self, terms: Sequence[Term], progress: Progress) -> Pulled:
        """Reads again what Freesound says of the wanted sounds, and looks for new ones."""
        ids = sorted(self._kept.revisions())
        progress.stage("Asking Freesound again", len(ids) + len(terms), "sounds and terms")
        with self._until_the_limit():
            for start in range(0, len(ids), PAGE):
                self._read_again(ids[start : start + PAGE])
                progress.advance(len(ids[start : start + PAGE]))
            for term in terms:
                self._look_for_new(term)
                progress.advance()
        self.pulled.chosen = list(dict.fromkeys(self.pulled.chosen))
        return self.pulled

    @contextmanager
    def _until_the_limit(self) -> Iterator[None]:
        try:
            yield
        except LimitReached as limit:
            self.pulled.until = limit.until

    def _ask(self, term: Term) -> None:
        """Pages until enough sounds have an allowed licence, or no page is left."""
        try:
            while self._wants_answers(term):
                known = self._kept.term(*self._asked(term))
                page = known.pages + 1 if known else 1
                self._take(term, page, self._search(*self._asked(term), page))
        finally:  # what a limit left of a term is worth having
            chosen, left_out = self._choose(term)
            self.pulled.chosen += chosen
            self.pulled.left_out += left_out
        if len(chosen) < self._wanted(term):
            self.pulled.short.append((term, len(chosen)))

    def _asked(self, term: Term) -> tuple[str, str, str]:
        return term.query, self._wishes.filter(term), self._wishes.sort

    def _wanted(self, term: Term) -> int:
        return term.count or self._wishes.per_term

    def _wants_answers(self, term: Term) -> bool:
        known = self._kept.term(*self._asked(term))
        if known is None:
            return True
        return not known.exhausted and len(self._choose(term)[0]) < self._wanted(term)

    def _choose(self, term: Term) -> tuple[list[int], Counter[str]]:
        """Of what is known: the sounds wanted, and the licences of what stands before the last."""
        chosen: list[int] = []
        left_out: Counter[str] = Counter()
        known = self._kept.term(*self._asked(term))
        for key, address in self._kept.ranked(known.id) if known else ():
            if len(chosen) == self._wanted(term):
                break
            licence = sounds.licence({"license": address})
            if self._wishes.allows(licence):
                chosen.append(key)
            else:
                left_out[licence or address or "unknown"] += 1
        return chosen, left_out

    def _take(self, term: Term, number: int, page: Page | None) -> None:
        self.pulled.licences += self._kept.record_page(
            self._asked(term),
            page.results if page else [],
            first=(number - 1) * PAGE + 1,
            count=page.count if page else (number - 1) * PAGE,
            last=page is None or page.last,
        )

    def _search(self, query: str, filtered: str, sort: str, page: int = 1) -> Page | None:
        self.pulled.pages += 1
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return _page(self._client, query, filtered, sort, page)

    def _read_again(self, ids: Sequence[int]) -> None:
        page = self._search("", f"id:({' OR '.join(map(str, ids))})", "score")
        found = [said for said in page.results if said] if page else []
        self.pulled.licences += self._kept.record_sounds(found)
        gone = sorted(set(ids) - {said["id"] for said in found})
        self._kept.record_gone(gone)
        self.pulled.gone += gone

    def _look_for_new(self, term: Term) -> None:
        """Sounds dated since the last look, and a month before it; as many as the term wants.

        Those that the term found when it was asked are not new. One never asked is asked now.
        """
        query, filtered, _ = self._asked(term)
        known = self._kept.term(*self._asked(term))
        if known is None:
            self._ask(term)
            return
        since = f"created:[{known.asked - OVERLAP:%Y-%m-%dT%H:%M:%SZ} TO *]"
        held = self._kept.revisions().keys() | {key for key, _ in self._kept.ranked(known.id)}
        fresh: list[int] = []
        number, last = 1, False
        while not last and len(fresh) < self._wanted(term):
            page = self._search(query, f"{filtered} {since}".strip(), "created_desc", number)
            found = [said for said in page.results if said] if page else []
            self.pulled.licences += self._kept.record_sounds(found)
            fresh += [
                said["id"]
                for said in found
                if said["id"] not in held and self._wishes.allows(sounds.licence(said))
            ]
            number, last = number + 1, page is None or page.last
        self.pulled.chosen += fresh[: self._wanted(term)]
        self.pulled.looked.append(known.id)


def first_page(client: Asked, term: Term, wishes: Wishes) -> Page | None:
    """The answer that `Puller.ask` wants first, where nothing was asked before."""
    return _page(client, term.query, wishes.filter(term), wishes.sort, 1)


def _page(client: Asked, query: str, filtered: str, sort: str, page: int) -> Page | None:
    return client.search(
        query, filter=filtered, sort=sort, page=page, page_size=PAGE, fields=sounds.FIELDS
    )


def lacking(kept: Freesound, source: FreesoundSource, *, retry_failed: bool) -> list[int]:
    """Wanted sounds whose audio is not here, and that were not found unfit before."""
    missing = sorted(kept.revisions().keys() - source.here().keys())
    if retry_failed:
        return missing
    return [key for key, each in kept.kept(missing).items() if not each.reason]


def fetch_previews(
    kept: Freesound,
    ids: Sequence[int],
    fetch: Callable[[Mapping[str, Any]], Path],
    stop: Callable[[], None],
    progress: Progress,
) -> Iterator[tuple[int, FetchFailed | None]]:
    """Two at a time; each sound with what went wrong. What never can be had is kept as failed.

    stop: called where all has to end early, so that no fetch goes on waiting.
    """
    progress.stage("Fetching previews", len(ids), "sounds")
    for key, failure in _two_at_a_time(lambda key: fetch(kept.kept([key])[key].said), stop, ids):
        permanent = str(failure) if failure and failure.permanent else ""
        kept.record_reason(key, permanent)
        progress.advance()
        yield key, failure


def _two_at_a_time(
    work: Callable[[int], object], stop: Callable[[], None], ids: Sequence[int]
) -> Iterator[tuple[int, FetchFailed | None]]:
    """Anything but FetchFailed ends it, when those that run have come to their end."""
    ahead = iter(ids)
    with ThreadPoolExecutor(AT_ONCE) as pool, ExitStack() as early:
        early.callback(stop)
        running: dict[Future[object], int] = {
            pool.submit(work, key): key for key in islice(ahead, AT_ONCE)
        }
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                key = running.pop(future)
                if error is not None and not isinstance(error, FetchFailed):
                    raise error
                running |= {pool.submit(work, more): more for more in islice(ahead, 1)}
                yield key, error


def bytes_of(said: Mapping[str, Any], quality: str) -> int:
    """About what a preview takes."""
    return round(float(said.get("duration") or 0) * sounds.KBPS[quality] * 1000 / 8)
