"""`sonorize query-by-sound`."""

from __future__ import annotations

from typing import Any

import click

from query.cli import options


@click.command(
    "query-by-sound",
    epilog="FILE as - reads one path a line from stdin and writes a line of JSON for each.",
)
@click.argument("file")
@options.steering_options("--text", "--away")
@options.query_options
def query_by_sound(file: str, **given: Any) -> None:
    """Rank the library's sounds by how much they sound like a file, or like one of them ('#12').

    \b
    sonorize query-by-sound step.wav -k 20
    sonorize query-by-sound step.wav --text snow
    sonorize query-by-sound '#12'
    """
    ask = options.asked(given)
    with options.searcher(given["library_folders"], given["device"]) as search:
        options.answer(file, lambda named: search.by_sound(named, ask), given)
