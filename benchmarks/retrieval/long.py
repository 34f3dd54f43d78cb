"""Clip mean or best moment: the same questions, of long files that hold what is asked for.

    python benchmarks/retrieval/long.py --data DIR [--encoder starter] [--each 8]

DIR is what fetch.py made. Its sounds are laid end to end, in an order drawn by a seed, into files
without a name that says anything (DIR/long-EACH); a file is relevant that holds a relevant sound.
Nothing is written about them, so that only what is heard counts. Differences are best moment less
clip mean, question by question, with 95 % intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from run import open_library, questions

from indexer import settings
from indexer.audio.decode import read
from indexer.audio.resample import resample
from indexer.audio.write import wav_writer
from indexer.encoders import registry
from indexer.encoders.protocol import Setup
from indexer.sources.folder import FolderSource
from query.evaluation.retrieval.asking import ask_all
from query.search import Searcher

RATE, PAUSE, SEED = 48_000, 0.5, 0


def lay(sounds: Path, into: Path, each: int) -> dict[str, list[str]]:
    """File → the sounds in it, as paths below `sounds`; those that are there are kept."""
    names = [item.relative_path for item in FolderSource(sounds).items()]
    order = [names[at] for at in np.random.default_rng(SEED).permutation(len(names))]
    made = {}
    for at in range(0, len(order), each):
        path = into / f"{at // each:04}.wav"
        made[path.name] = order[at : at + each]
        if not path.is_file():
            into.mkdir(exist_ok=True)
            write(path, [sounds / name for name in made[path.name]])
    return made


def write(path: Path, parts: Sequence[Path]) -> None:
    with wav_writer(path, RATE, 1) as file:
        for part in parts:
            for block in resample([read(part)], RATE):
                file.write(block.samples.mean(axis=0, keepdims=True))
            file.write(np.zeros((1, round(PAUSE * RATE)), np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--each", type=int, default=8, help="sounds in a file")
    given = parser.parse_args()
    data = given.data.resolve()
    files = data / f"long-{given.each}"
    made = lay(data / "library", files, given.each)
    setup = Setup(precision="float32")
    encoder = registry.load(given.encoder, models_dir=settings.load().models, setup=setup)
    asked = [
        replace(question, relevant=tuple(
            file for file, held in made.items()
            if any(fnmatchcase(name, want) for name in held for want in question.relevant)
        ))
        for question in questions(data)
    ]  # fmt: skip
    with open_library(data / f"long-{given.each}-index", files, encoder) as library:
        found = ask_all(Searcher(library, encoder), asked)
    print(f"{len(made)} files of {given.each} sounds, {encoder.name}")
    for row in found.scores:
        if row["asked"] in ("sonorize", "best moment", "random") and row["metric"] == "mAP":
            print(f"{row['kind']:<6} {row['asked']:<12} mAP {row['value']:.3f}")
    for row in found.differences:
        if row["asked"] == "best moment":
            ends = f"{row['low']:+.3f} to {row['high']:+.3f}"
            print(f"{row['kind']:<6} {row['metric']:<7} {row['difference']:+.3f}  ({ends})")


if __name__ == "__main__":
    main()
