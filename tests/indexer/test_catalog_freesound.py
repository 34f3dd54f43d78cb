from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from indexer.catalog.models import FreesoundRank
from indexer.catalog.session import reading
from indexer.catalog.store import Catalog

BY = "https://creativecommons.org/licenses/by/4.0/"
ZERO = "http://creativecommons.org/publicdomain/zero/1.0/"
TERM = ("rain", "is_explicit:false", "score")


def said(key: int, score: float = 4.0, **more: Any) -> dict[str, Any]:
    return {"id": key, "name": f"{key}.wav", "license": BY, "score": score, **more}


@pytest.fixture
def catalog(tmp_path: Path):
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    yield catalog
    catalog.close()


def ranks(catalog: Catalog) -> list[tuple[int, int, int]]:
    query = select(FreesoundRank.sound_id, FreesoundRank.rank, FreesoundRank.tie)
    with reading(catalog.engine) as connection:
        return [tuple(row) for row in connection.execute(query.order_by(FreesoundRank.rank))]


def test_the_order_is_kept_with_its_ties_over_pages(catalog: Catalog) -> None:
    kept = catalog.freesound
    kept.record_page(TERM, [said(7), None, said(8), said(3, 3.0)], first=1, count=7, last=False)
    kept.record_page(TERM, [said(5, 3.0), said(8, 3.0), said(1, 2.0)], first=5, count=7, last=True)
    assert ranks(catalog) == [(7, 1, 1), (8, 3, 1), (3, 4, 2), (5, 5, 2), (1, 7, 3)]
    assert kept.ranked(1) == [(key, BY) for key in (7, 8, 3, 5, 1)]
    term = kept.term(*TERM)
    assert term is not None
    assert (term.pages, term.count, term.exhausted) == (2, 7, True)


def test_in_another_order_than_by_score_nothing_is_tied(catalog: Catalog) -> None:
    term = ("rain", "", "downloads_desc")
    catalog.freesound.record_page(term, [said(7), said(8)], first=1, count=2, last=True)
    assert ranks(catalog) == [(7, 1, 1), (8, 2, 2)]


def test_popularity_is_that_of_the_moment(catalog: Catalog) -> None:
    sound = said(7, num_downloads=12, avg_rating=4.5, num_ratings=3)
    catalog.freesound.record_page(TERM, [sound], first=1, count=1, last=True)
    catalog.freesound.record_sounds([{**sound, "num_downloads": 99}])
    with reading(catalog.engine) as connection:
        row = connection.execute(select(FreesoundRank)).one()
    assert (row.downloads, row.rating, row.ratings) == (12, 4.5, 3)


def test_a_revision_counts_what_is_said_of_the_sound_not_its_popularity(catalog: Catalog) -> None:
    kept = catalog.freesound
    kept.record_sounds([said(7)])
    kept.record_sounds([said(7, 3.0, num_downloads=5, avg_rating=1.0)])
    assert kept.kept([7])[7].revision == 1
    kept.record_sounds([said(7, name="other.wav")])
    assert kept.kept([7])[7].revision == 2


def test_a_licence_that_changes_is_told_and_the_former_remembered(catalog: Catalog) -> None:
    kept = catalog.freesound
    assert kept.record_sounds([said(7), said(8)]) == []
    changed = kept.record_sounds([said(7, license=ZERO), said(8)])
    assert [tuple(each) for each in changed] == [(7, "7.wav", BY, ZERO)]
    assert [address for address, _ in kept.kept([7])[7].licences] == [BY, ZERO]
    assert kept.record_sounds([said(7, license=ZERO)]) == []


def test_only_wanted_sounds_have_revisions_and_a_want_counts_once(catalog: Catalog) -> None:
    kept = catalog.freesound
    kept.record_sounds([said(7), said(8)])
    assert (kept.want([7]), kept.want([7, 8]), kept.want([])) == (1, 1, 0)
    assert kept.revisions() == {7: 1, 8: 1}


def test_what_is_gone_is_not_chosen_again_until_it_is_back(catalog: Catalog) -> None:
    kept = catalog.freesound
    kept.record_page(TERM, [said(7), said(8)], first=1, count=2, last=True)
    kept.record_gone([7])
    assert kept.ranked(1) == [(8, BY)]
    kept.record_sounds([said(7)])
    assert kept.ranked(1) == [(7, BY), (8, BY)]


def test_a_page_is_kept_whole_or_not_at_all(catalog: Catalog) -> None:
    with pytest.raises(KeyError):
        catalog.freesound.record_page(TERM, [said(7), {"name": "x"}], first=1, count=2, last=True)
    assert catalog.freesound.term(*TERM) is None
    assert catalog.freesound.kept([7]) == {}
