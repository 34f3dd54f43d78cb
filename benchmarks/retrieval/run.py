"""Asks a library the questions of questions.toml and scores the answers.

    python benchmarks/retrieval/run.py --data DIR [--library DIR] [--encoder starter]

DIR is what fetch.py made. The library is built in DIR/library-index unless it is there.
hit@k: at least one relevant sound among the first k. mAP: mean average precision over the whole
ranking. Takes are not collapsed. `audio part` ranks by what is heard alone (w = 0).
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from indexer import settings
from indexer.build.run import build_index
from indexer.encoders import registry
from indexer.encoders.protocol import Setup
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource
from query.ask import Ask
from query.search import Searcher
from query.video import read_pictures

HERE = Path(__file__).parent
ALL = Ask(k=100_000, all_takes=True, cut=False)
Ranker = Callable[[dict[str, Any]], list[str]]


def questions(kind: str, data: Path) -> list[dict[str, Any]]:
    """The questions of one kind that can be asked with what is in `data`."""
    read = tomllib.loads((HERE / "questions.toml").read_text(encoding="utf-8"))
    extra = (data / "library" / "media").is_dir()
    return [question for question in read[kind] if extra or question.get("needs") != "extra"]


def scores(ranked: Sequence[str], relevant: set[str]) -> tuple[float, float, float]:
    """hit@1, hit@10, average precision of one ranking."""
    found = np.array([path in relevant for path in ranked], dtype=float)
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    average = float((precision * found).sum() / len(relevant))
    return float(found[:1].any()), float(found[:10].any()), average


def evaluate(
    asked: list[dict[str, Any]], sounds: list[str], rank: Ranker
) -> tuple[dict[str, float], list[str]]:
    """Means over the questions, and those whose first answer is wrong."""
    rows, wrong = [], []
    for question in asked:
        relevant = {
            path
            for path in sounds
            if any(fnmatchcase(path, pattern) for pattern in question["relevant"])
        }
        ranked = rank(question)
        rows.append(scores(ranked, relevant))
        if not rows[-1][0]:
            name = question.get("photo") or question["words"]
            wrong.append(f"{name}: {', '.join(Path(path).name for path in ranked[:3])}")
    means = np.mean(rows, axis=0)
    return dict(zip(("hit@1", "hit@10", "mAP"), map(float, means), strict=True)), wrong


def open_library(folder: Path, sounds: Path, encoder: Any) -> Library:
    library = Library.create(folder, Config(encoder=encoder.name))
    build_index(library, [FolderSource(sounds)], encoder)
    return library


def rankers(search: Searcher, data: Path, sounds: list[str]) -> dict[str, tuple[str, Ranker]]:
    """Name → (kind of question, how it is answered)."""
    below = data / "library"

    def paths(hits: Sequence[Any]) -> list[str]:
        return [str(Path(hit.path).relative_to(below)) for hit in hits]

    def photo(ask: Ask) -> Ranker:
        return lambda q: paths(search.by_pictures(read_pictures(data / "photos" / q["photo"]), ask))

    def label(question: dict[str, Any]) -> list[str]:
        (picture,) = read_pictures(data / "photos" / question["photo"])
        described = search.encoder.describe_image(picture)  # type: ignore[union-attr]
        return paths(search.by_exact_words(described[0][0], ALL))

    heard = replace(ALL, metadata_weight=0.0)
    rng = np.random.default_rng(0)
    return {
        "photo": ("photo", photo(ALL)),
        "photo, audio part": ("photo", photo(heard)),
        "photo, BM25 of the picture's label": ("photo", label),
        "photo, random": ("photo", lambda _: list(rng.permutation(sounds))),
        "words": ("words", lambda q: paths(search.by_words(q["words"], ALL))),
        "words, meaning alone": ("words", lambda q: paths(search.by_meaning(q["words"], ALL))),
        "words, audio part": ("words", lambda q: paths(search.by_meaning(q["words"], heard))),
        "words, BM25": ("words", lambda q: paths(search.by_exact_words(q["words"], ALL))),
        "words, random": ("words", lambda _: list(rng.permutation(sounds))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--wrong", action="store_true", help="list questions answered wrongly")
    given = parser.parse_args()
    data = given.data.resolve()
    encoder = registry.load(
        given.encoder, models_dir=settings.load().models, setup=Setup(precision="float32")
    )
    sounds = [item.relative_path for item in FolderSource(data / "library").items()]
    with open_library(
        given.library or data / "library-index", data / "library", encoder
    ) as library:
        for name, (kind, rank) in rankers(Searcher(library, encoder), data, sounds).items():
            asked = questions(kind, data)
            means, wrong = evaluate(asked, sounds, rank)
            if given.format == "json":
                print(json.dumps({"name": name, "encoder": encoder.name, "n": len(asked), **means}))
            else:
                figures = "  ".join(f"{key} {value:.2f}" for key, value in means.items())
                print(f"{name:<36} n {len(asked)}  {figures}")
            for line in wrong if given.wrong and name in ("photo", "words") else []:
                print(f"    {line}")


if __name__ == "__main__":
    main()
