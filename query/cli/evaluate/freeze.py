"""`sonorize evaluate freeze`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from indexer.counting import counted


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def freeze(file: Path) -> None:
    """Fix a study.toml or a questions.csv with all the files it names, before measuring.

    Their hashes are kept in FILE.frozen.json. What is measured on exactly that is said to be
    frozen, else exploratory; freezing a changed file makes a new version. A library's clips ("#12")
    have no file to fix: name theirs.

    \b
    sonorize evaluate freeze study.toml
    sonorize evaluate freeze questions.csv
    """
    from query.evaluation import freeze as freezing

    version, new = freezing.freeze(file, named(file))
    done = "frozen as" if new else "is frozen already, as"
    click.echo(
        f"{file} {done} version {version.version} ({version.frozen}), with "
        f"{counted(len(version.items), 'file')}."
    )


def named(file: Path) -> Mapping[str, Path]:
    """The files that a study or a list of questions names. Raises StudyError, for clips too."""
    from indexer.errors import StudyError
    from query.evaluation import freeze as freezing

    if file.suffix.lower() == ".csv":
        from query.evaluation.retrieval.questions import read_questions

        paths = [each.query for each in read_questions(file) if each.kind != "text"]
        return freezing.by_name(paths, file.absolute().parent)
    from query.evaluation.study import read_study

    study = read_study(file)
    if clip := next((each for each in map(str, study.files) if each.startswith("#")), None):
        raise StudyError(
            f"{file} names clip {clip} of a library, which may be another tomorrow: name its file "
            "instead, and freeze."
        )
    return freezing.by_name(study.files, study.path.parent)
