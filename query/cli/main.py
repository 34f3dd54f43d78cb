"""`sonorize`: the commands of both packages. Each command's module is imported when it is used."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

import click

COMMANDS = {
    "build-index": "indexer.cli.build:build_index_command",
    "query-by-frame": "query.cli.frame:query_by_frame",
    "query-by-text": "query.cli.words:query_by_text",
    "query-by-sound": "query.cli.sound:query_by_sound",
    "video": "query.cli.video:video",
    "generate": "query.cli.generate:generate",
    "serve": "query.cli.serve:serve",
    "frames": "query.cli.frames:frames",
    "evaluate": "query.cli.evaluate.group:evaluate",
    "evaluate inconsistency": "query.cli.evaluate.inconsistency:inconsistency",
    "evaluate slerp": "query.cli.evaluate.slerp:slerp",
    "evaluate mos": "query.cli.evaluate.mos:mos",
    "evaluate correlate": "query.cli.evaluate.correlate:correlate",
    "evaluate power": "query.cli.evaluate.power:power",
    "evaluate freesound": "query.cli.evaluate.freesound:freesound",
    "evaluate quality": "query.cli.evaluate.quality:quality",
    "evaluate replay": "query.cli.evaluate.replay:replay",
    "evaluate freeze": "query.cli.evaluate.freeze:freeze",
    "evaluate retrieval": "query.cli.evaluate.retrieval:retrieval",
    "library": "indexer.cli.library:library",
    "library credits": "indexer.cli.credits:credits_command",
    "library gap": "query.cli.gap:gap",
    "freesound": "indexer.cli.freesound:freesound",
    "freesound originals": "indexer.cli.originals:originals",
    "models": "indexer.cli.models:models",
    "demo": "query.cli.demo:demo",
    "doctor": "indexer.cli.doctor:doctor",
}
"""Command → where it is, in the order of the help; "GROUP NAME" joins a group."""


ONLY_ASK = ("query-by-frame", "query-by-text", "query-by-sound", "doctor")
"""Commands that record nothing."""


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [words for words in COMMANDS if " " not in words]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command = _imported(name)
        for words in COMMANDS:
            if words.startswith(f"{name} ") and isinstance(command, click.Group):
                command.add_command(_imported(words))
        return command


def _imported(words: str) -> click.Command:
    module, _, attribute = COMMANDS[words].partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sonorize")
def sonorize() -> None:
    """A picture in, the right sound out of your own sound library.

    \b
    sonorize demo                              see it work
    sonorize build-index ~/Sounds              make a library
    sonorize query-by-frame frame.jpg          ask it with a picture
    sonorize query-by-text "door creak"        or with words
    sonorize serve                             or in the browser
    """


def main() -> None:
    """Runs the command line; errors raised on purpose are shown as one sentence, exit code 1.

    Where stdout's reader goes away, click ends it with 1, in silence.
    """
    _require_own_names()
    _take_any_file_name()
    from indexer.errors import SonorizeError, denied

    try:
        sys.exit(sonorize(standalone_mode=False))
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except SonorizeError as error:
        click.echo(f"sonorize: {error}", err=True)
        sys.exit(1)
    except PermissionError as error:
        click.echo(f"sonorize: {denied(error)}", err=True)
        sys.exit(1)
    except click.Abort as abort:  # click makes one of Ctrl-C too
        if not isinstance(abort.__cause__, KeyboardInterrupt):
            click.echo("sonorize: nothing was done.", err=True)
            sys.exit(1)
        recorded = "; what was recorded is kept, run it again to go on"
        asked = sys.argv[1] in ONLY_ASK
        click.echo(f"sonorize: stopped{'' if asked else recorded}.", err=True)
        sys.exit(130)


def _take_any_file_name() -> None:
    """Bytes that are no letters come in from stdin as they are, and go out as escapes."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)


def _require_own_names() -> None:
    """Ends with a sentence if another distribution's package stands where ours should."""
    for name in ("indexer", "query"):
        found = find_spec(name)
        if found is None or found.origin != str(Path(__file__).parents[2] / name / "__init__.py"):
            sys.exit(
                f"sonorize: another package is named {name} ({found and found.origin}): install "
                "sonorize into an environment of its own, with uv tool install or pipx."
            )
