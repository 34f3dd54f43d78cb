"""A catalog of any size, made by SQL, and how long its questions take."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import text

from indexer.catalog.browse import Sort, counted, listed
from indexer.catalog.filters import Filters
from indexer.catalog.models import Sound
from indexer.catalog.store import Catalog

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = (
    "dog bark rain window wind forest door wood slam creak car engine idle pass horn train station "
    "crowd applause laugh footstep gravel snow ice crack glass break metal hit bell church clock "
    "tick phone ring typewriter key water drip river ocean wave shore gull bird song crow owl cat "
    "purr horse gallop cow sheep frog insect night cricket fire crackle explosion debris whoosh "
    "swing sword cloth rustle paper tear zip button click switch motor drill saw hammer nail chain "
    "rope stretch balloon pop bubble steam hiss air release machine factory printer kitchen pan fry"
).split()
LICENCES = ("", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")
COUNTED = (Sound.pack, Sound.licence, Sound.category)
DIMS = {"audio": 82, "metadata": 384}
SOUNDS = """
    INSERT INTO sound (id, content_hash, status, reason, title, description, tags, category,
        subcategory, author, designer, manufacturer, pack, microphone, location, notes, take,
        recorded, licence, licence_url, url, raw, take_group, duration, sample_rate, channels,
        channel_layout)
    VALUES (:id, :hash, 'ready', '', :title, '', :tags, :category, '', :author, '', '', :pack, '',
        '', '', '', '', :licence, '', '', '{}', :take_group, :duration, 48000, 2, 'stereo')
"""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n)"
FOLLOWING = (
    "INSERT INTO file (id, sound_id, root_id, relative_path, size, mtime_ns, state)"
    " SELECT id, id, 1, pack || '/' || title || ' ' || id || '.wav', 1000 + id, 1700000000000000000"
    " + id, 'present' FROM sound",
    "INSERT INTO sound_text (rowid, title, description, tags, category, author, pack, path, notes)"
    " SELECT id, title, '', tags, category, author, pack, pack || ' ' || title, '' FROM sound",
    'INSERT INTO window (id, sound_id, start, "end") SELECT id, id, 0, 2 FROM sound',
    "INSERT INTO analysis (sound_id, version, loudness, silence, peaks, onsets, invalid_samples)"
    " SELECT id, 1, -10 - abs(random()) % 50000 / 1e3, 0, zeroblob(400), '[]', 0 FROM sound",
    "INSERT INTO embedding (space_id, sound_id, window_id, vector)"
    " SELECT 1, id, NULL, CAST(hex(randomblob(82)) AS BLOB) FROM sound",
    "INSERT INTO embedding (space_id, sound_id, window_id, vector)"
    " SELECT 1, id, id, CAST(hex(randomblob(82)) AS BLOB) FROM sound",
    "INSERT INTO embedding (space_id, sound_id, window_id, vector)"
    " SELECT 2, id, NULL, CAST(hex(randomblob(384)) AS BLOB) FROM sound",
    "INSERT INTO change (sound_id, token) SELECT id, 'made' FROM sound",
)


def make(path: Path, n: int) -> Catalog:
    """A catalog of n sounds, each with a file, words, a window and vectors of the starter's width.

    Random digits stand for vectors, as bytes that make no NaN: nobody reads what they mean.
    """
    catalog = Catalog(f"sqlite:///{path}")
    catalog.root("folder", "/sounds")
    for part, dim in DIMS.items():
        catalog.embeddings.space("starter", part, "made", dim)
    rng = random.Random(n)
    with catalog.engine.connect() as connection:
        for start in range(1, n + 1, 10_000):
            rows = [_sound(i, rng) for i in range(start, min(start + 10_000, n + 1))]
            connection.execute(text(SOUNDS), rows)
        for statement in FOLLOWING:
            connection.execute(text(statement))
        connection.commit()
    built = catalog.start_build(source="made", encoder="starter")
    catalog.finish_build(built, {"seq": catalog.embeddings.last()})
    return catalog


def _sound(i: int, rng: random.Random) -> dict[str, Any]:
    # squared: some words are much rarer than others
    words = [WORDS[int(len(WORDS) * rng.random() ** 2)] for _ in range(3)]
    return {
        "id": i,
        "hash": f"{i:064x}",
        "title": " ".join(words[:2]) + (f" unique{i}" if i % 1000 == 0 else ""),
        "tags": f'["{words[2]}", "made"]',
        "category": words[0].upper(),
        "author": f"author {i % 997}",
        "pack": f"pack {i // 500}",
        "licence": rng.choice(LICENCES),
        "take_group": f"1/pack {i // 500}/{words[0]} {i // 3}",
        "duration": round(0.2 + 20 * rng.random() ** 3, 4),
    }


def questions(catalog: Catalog, n: int) -> dict[str, Callable[[], object]]:
    """What is asked of a catalog; each takes as long in a large one as in a small one."""
    some = list(range(1, n, max(1, n // 100)))[:100]
    groups = [row.columns["take_group"] for row in catalog.sounds(some).values()]
    places = [f"pack {i}/none {i}.wav" for i in range(5_000)]
    rare = f"unique{n // 2000 * 1000 or 1000}"
    return {
        "100 sounds": lambda: catalog.sounds(some),
        "100 clips": lambda: catalog.embeddings.clips(1, some),
        "windows of 100": lambda: catalog.embeddings.windows(1, some),
        "measured 100": lambda: catalog.measured(some),
        "takes of 100": lambda: catalog.take_counts(groups),
        "by hash": lambda: catalog.with_hash(f"{n // 2:064x}"),
        "no change": lambda: catalog.embeddings.changes(n),
        "token": lambda: catalog.embeddings.token(n),
        "fingerprints": lambda: catalog.embeddings.fingerprints("starter", "audio"),
        "roots": lambda: catalog.roots(),
        "last built": lambda: catalog.last_built(),
        "rare word": lambda: catalog.search_text(rare, 1000),
        "one pack": lambda: catalog.allowed(Filters(packs=("Pack 3",))),
        "durations, nothing new": lambda: catalog.durations(n),
        "nothing to do": lambda: catalog.todo([1], ["named", "partial"]),
        "no orphans": lambda: catalog.drop_orphans(),
        "source of all": lambda: catalog.narrowed(Filters(sources=("folder",))),
        "5,000 files by path": lambda: catalog.lookups(1).find(places),
        "prune nothing": lambda: catalog.prune([1]),
    }


def growing(catalog: Catalog, n: int) -> dict[str, Callable[[], object]]:
    """What reads all sounds, or all that match: a time for each sound."""
    return {
        "known files": lambda: catalog.known(1),
        "lacking": lambda: catalog.embeddings.lacking(1),
        "roots, counted": lambda: catalog.counted_roots(),
        "counts": lambda: catalog.counts(),
        "copies": lambda: catalog.copies(),
        "common word": lambda: catalog.search_text("dog", 1000),
        "two words": lambda: catalog.search_text("dog rain", 1000),
        "any word": lambda: catalog.search_text("dog OR rain", 1000),
        **{
            f"list by {sort}, middle": partial(
                listed, catalog.engine, Filters(), sort, offset=n // 2
            )
            for sort in get_args(Sort)
        },
        "choices": lambda: [counted(catalog.engine, column) for column in COUNTED],
        "hear again": lambda: catalog.hear_again([1]),
        "licence": lambda: catalog.allowed(Filters(licences=("cc0",))),
        "short": lambda: catalog.allowed(Filters(max_duration=0.21)),
        "category": lambda: catalog.allowed(Filters(categories=("dog",))),
        "rare tag": lambda: catalog.allowed(Filters(tags=("fry",))),
        "tag": lambda: catalog.allowed(Filters(tags=("dog",))),
        "source": lambda: catalog.allowed(Filters(sources=("folder",))),
        "heard": lambda: catalog.embeddings.heard("starter"),
        "encoders": lambda: catalog.embeddings.encoders(),
    }
