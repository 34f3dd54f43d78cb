"""Freesound's search, one request at a time.

The API (https://freesound.org/docs/api/) takes the key as a header. Its pages are asked for by
number: the addresses of further pages in its answers lose a `+` in the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

from indexer.errors import KeyRefused, SourceError
from indexer.sources.freesound import key as keys
from indexer.sources.freesound import sounds, web
from indexer.sources.freesound.budget import Budget, limit_in

LARGEST_PAGE = 150
PASSING = re.compile("overloaded|failed to connect|could not be reached", re.IGNORECASE)
REFUSALS = 10  # of one request, for a full minute


@dataclass(frozen=True, slots=True)
class Page:
    """count: of all sounds found. results: None is a sound that is gone, or that cannot be kept.
    last: no page follows.
    """

    count: int
    results: list[dict[str, Any] | None]
    last: bool


class Client:
    """Use it in a `with` block. It does not show the key, nor send it anywhere but to `address`.

    waits: seconds before each new try where a trouble may pass, and up to half as much more.
    Raises SourceError if the address is neither https nor on this machine, and KeyRefused if the
    key has not the form of one.
    """

    def __init__(
        self, address: str, key: str, budget: Budget, *, waits: tuple[float, ...] = (1, 5, 15)
    ) -> None:
        self._key = keys.checked(key)
        self._http = web.opened(address, {"Authorization": f"Token {self._key}"})
        self._budget = budget
        self._waits = waits
        self._reached = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def search(
        self,
        query: str,
        *,
        filter: str = "",  # noqa: A002 - as the API calls it
        sort: str = "score",
        page: int = 1,
        page_size: int = LARGEST_PAGE,
        fields: str = sounds.FIELDS,
    ) -> Page | None:
        """One page (from 1) of the sounds that have all words of the query; None past the end.

        A `%` in the query is sent so that it survives the server's second decoding.
        Raises KeyRefused, LimitReached, or SourceError for what does not pass by itself.
        """
        size = min(page_size, LARGEST_PAGE)
        asked = {
            "query": query.replace("%", "%25"), "filter": filter, "sort": sort, "page": str(page),
            "page_size": str(size), "fields": fields,
        }  # fmt: skip
        if not filter:
            del asked["filter"]  # empty, it is an error there
        answer = web.settled(
            lambda: self._ask(asked), self._passing_trouble, self._waits, self._budget.sleep,
            self._reached,
        )  # fmt: skip
        self._reached = True
        found = _found(answer)
        if found is None:
            if answer.status == 404 and answer.data and page > 1:
                return None
            raise self._error(answer, query)
        count, results = found["count"], found["results"]
        last = not results or not found.get("next") or page * size >= count
        return Page(count, [sounds.kept(one) for one in results], last)

    def _ask(self, params: dict[str, str]) -> web.Answer:
        """Within the limits, those included that the server names."""
        for _ in range(REFUSALS):
            self._budget.take()
            answer = web.ask(self._http, "GET", "/apiv2/search/", params=params)
            if answer.status != 429:
                return answer
            said = answer.said(self._key)
            self._budget.refused(*limit_in(said))
        raise SourceError(
            f"Freesound refuses every request ({said}): run the same again later, and see whether "
            "something else uses this key."
        )

    def _passing_trouble(self, answer: web.Answer) -> str:
        """What may be over soon; "" for an answer that would be the same again."""
        status, said = answer.status, answer.lost
        if status == 200:
            said = "" if _found(answer) else "a page instead of data"
        elif status in (400, 500):
            said = answer.said(self._key)
            if not PASSING.search(said) and (status == 400 or answer.data is not None):
                said = ""
        elif status in (502, 503, 504):
            said = str(status)
        return said

    def _error(self, answer: web.Answer, query: str) -> SourceError:
        said = answer.said(self._key)
        if answer.status == 401:
            return KeyRefused(
                f"Freesound does not take this API key ({said}): look it up at {keys.PAGE} and "
                f"give it with `sonorize freesound login`, or in {keys.VARIABLE} if it is there."
            )
        if 300 <= answer.status < 400:
            return SourceError(
                "Freesound's answer leads elsewhere, where the key must not go: see whether this "
                "network wants a login first, or correct SONORIZE_FREESOUND_URL."
            )
        if answer.status == 400:
            return SourceError(
                f"Freesound does not understand the search {query!r} ({said}): change its words "
                "or its filter."
            )
        return SourceError(
            f"Freesound did not answer the search {query!r} ({said}): run the same again later."
        )


def _found(answer: web.Answer) -> dict[str, Any] | None:
    """A page of results, if it is one."""
    found = answer.data if answer.status == 200 else None
    if not isinstance(found, dict):
        return None
    count = found.get("count")
    whole = type(count) is int and 0 <= count < 2**31 and isinstance(found.get("results"), list)
    return found if whole else None
