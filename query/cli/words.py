"""`sonorize query-by-text`."""

from __future__ import annotations

from typing import Any

import click

from query.cli import options


@click.command(
    "query-by-text",
    epilog="WORDS as - reads one question a line from stdin and writes a line of JSON for each.",
)
@click.argument("words", nargs=-1, required=True)
@click.option("--only", type=click.Choice(["meaning", "exact"]),
              help="One way of searching alone; exact needs no model.")  # fmt: skip
@options.steering_options("--away")
@options.metadata_weight_option
@options.query_options
def query_by_text(words: tuple[str, ...], only: str | None, **given: Any) -> None:
    """Rank the library's sounds for words: by what they mean and by the exact words together.

    Exact search knows "phrases", AND, OR, NOT, prefix*, and field:value for the fields title,
    description, tags, category, author, designer, manufacturer, pack, path, notes, licence.

    \b
    sonorize query-by-text "horse galloping"
    sonorize query-by-text 'door AND NOT creak' --license cc0
    sonorize query-by-text street --away voices
    sonorize query-by-text 'pack:"Night Walks" rain*' --only exact
    """
    ask = options.asked(given)
    if only == "exact" and given["away"]:
        raise click.UsageError("--away is a matter of meaning: write NOT for exact words.")
    with options.searcher(
        given["library_folders"], given["device"], model=_wants_model(only, given)
    ) as search:
        find = {
            None: search.by_words, "meaning": search.by_meaning, "exact": search.by_exact_words,
        }[only]  # fmt: skip
        options.answer(" ".join(words), lambda question: find(question, ask), given)


def _wants_model(only: str | None, given: dict[str, Any]) -> bool:
    """False for exact search, and, with a word to the user, while the model is not here."""
    from indexer import settings
    from indexer.cli.common import library_folder, say
    from indexer.encoders import registry, weights
    from indexer.library import read_config

    if only == "exact":
        return False
    folder = library_folder(next(iter(given["library_folders"]), None))
    name = read_config(folder).encoder
    if only == "meaning" or given["away"]:
        return True
    registry.entry(name, "encoder")  # or there is none of this name
    if weights.status(name, settings.load().models).state != "ready":
        say(f"Exact words only: for meaning too, run `sonorize models fetch {name}`.")
        return False
    return True
