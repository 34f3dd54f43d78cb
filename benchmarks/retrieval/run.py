"""Asks a library the questions of questions.toml and scores the answers.

    python benchmarks/retrieval/run.py --data DIR [--library DIR] [--encoder starter]

DIR is what fetch.py made. The library is built in DIR/library-index unless it is there.
hit@k: at least one relevant sound among the first k. mAP: mean average precision over the whole
ranking. Takes are not collapsed. `heard alone` ranks by what is heard (w = 0).
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from indexer import settings
from indexer.build.run import build_index
from indexer.encoders import registry
from indexer.encoders.protocol import Setup
from indexer.library import Config, Library
from indexer.sources.folder import FolderSource
from query.evaluation.retrieval.asking import ask_all
from query.evaluation.retrieval.questions import Question
from query.search import Searcher

HERE = Path(__file__).parent
METRICS = ("hit@1", "hit@10", "mAP")


def questions(data: Path) -> Iterator[Question]:
    """Those that can be asked with what is in `data`."""
    read = tomllib.loads((HERE / "questions.toml").read_text(encoding="utf-8"))
    extra = (data / "library" / "media").is_dir()
    for each in (*read["photo"], *read["words"]):
        if each.get("needs") == "extra" and not extra:
            continue
        relevant = tuple(each["relevant"])
        if "photo" in each:
            yield Question("frame", str(data / "photos" / each["photo"]), relevant, each["photo"])
        else:
            yield Question("text", each["words"], relevant)


def open_library(folder: Path, sounds: Path, encoder: Any) -> Library:
    library = Library.create(folder, Config(encoder=encoder.name))
    build_index(library, [FolderSource(sounds)], encoder)
    return library


def show(scores: Sequence[Mapping[str, Any]], encoder: str, form: str) -> None:
    lines: dict[str, dict[str, float]] = {}
    for row in scores:
        if row["metric"] in METRICS:
            name = f"{row['kind']}, {row['asked']}"
            lines.setdefault(name, {"n": row["questions"]})[row["metric"]] = row["value"]
    for name, means in lines.items():
        if form == "json":
            print(json.dumps({"name": name, "encoder": encoder, **means}))
        else:
            figures = "  ".join(f"{key} {means[key]:.2f}" for key in METRICS)
            print(f"{name:<36} n {means['n']}  {figures}")


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
    folder = given.library or data / "library-index"
    with open_library(folder, data / "library", encoder) as library:
        asked = ask_all(Searcher(library, encoder), list(questions(data)))
    show(asked.scores, encoder.name, given.format)
    for row in asked.questions if given.wrong else []:
        if row["asked"] == "sonorize" and not row["hit@1"]:
            print(f"    {row['query']}: {row['first']}")


if __name__ == "__main__":
    main()
