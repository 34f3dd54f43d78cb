"""What is built, what is imported when, and what the README promises."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest

from query.cli.main import sonorize

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GUIDES = ("evaluation", "films", "freesound", "generation", "page")
README = "\n\n".join(
    (ROOT / path).read_text("utf-8")
    for path in ("README.md", *(f"docs/{name}.md" for name in GUIDES))
)
HEAVY = (
    "torch faiss numpy sqlalchemy alembic scipy av soundfile soxr tokenizers safetensors fastapi"
    " uvicorn jinja2".split()
)

LONG = {"tests/indexer/test_imports.py": "every tool writes its table in another way"}
"""Files of more than 400 lines, each with the reason."""


def run(*command: str, cwd: Path = ROOT, **environ: str) -> str:
    """What a command that has to succeed writes to stdout."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(
    group: click.Group = sonorize, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out), str(ROOT))
    [path] = out.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_holds_the_two_packages_and_the_migrations_and_nothing_else(
    wheel: zipfile.ZipFile,
) -> None:
    def files(folder: str, inside: str) -> set[str]:
        return {
            inside + path.relative_to(ROOT / folder).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == (
        files("indexer", "indexer/")
        | files("query", "query/")
        | files("migrations", "indexer/migrations/")
    )
    assert "indexer/ucs_categories.tsv" in held
    assert "indexer/encoders/starter/imagenet.tsv" in held
    assert {"query/web/static/main.js", "query/web/templates/page.html"} <= held


@pytest.mark.slow
def test_the_wheel_says_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    said = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "Apache License" in wheel.read(said["licenses/LICENSE"]).decode()
    assert "sonorize = query.cli.main:main" in wheel.read(said["entry_points.txt"]).decode()


@pytest.mark.slow
def test_indexer_stands_without_query(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    shutil.rmtree(tmp_path / "query")
    optional = ["indexer.vectors.faiss_index"] if sys.platform == "darwin" else []
    code = f"""
import importlib, json, pkgutil, sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["query"] = None  # importing it fails
import indexer
names = [found.name for found in pkgutil.walk_packages(indexer.__path__, "indexer.")]
for name in names:
    if name not in {optional}:
        importlib.import_module(name)
from indexer.catalog.schema import migrations_folder
print(json.dumps([indexer.__file__, str(migrations_folder()), len(names)]))
"""
    file, migrations, count = json.loads(run(sys.executable, "-c", code, cwd=tmp_path))
    assert Path(file) == tmp_path / "indexer/__init__.py"
    assert Path(migrations) == tmp_path / "indexer/migrations"
    assert count > 40


# Imports


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    asked = [[], *(list(words) for words, _ in commands()), ["library"], ["models"]]
    code = f"""
import sys
from click.testing import CliRunner
from query.cli.main import sonorize
for words in {asked}:
    result = CliRunner().invoke(sonorize, [*words, "--help"])
    assert result.exit_code == 0 and "Usage:" in result.output, (words, result.output)
    heavy = sorted(set({HEAVY}) & set(sys.modules))
    assert not heavy, f"sonorize {{' '.join(words)}} --help imports {{', '.join(heavy)}}"
"""
    run(sys.executable, "-c", code)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["indexer", "query"])
def test_no_package_imports_anything_heavy_by_itself(package: str) -> None:
    inits = [path.parent.relative_to(ROOT) for path in sources(package) if path.stem == "__init__"]
    names = sorted(".".join(folder.parts) for folder in inits)
    code = f"""
import importlib, sys
for name in {names}:
    importlib.import_module(name)
    heavy = sorted(set({HEAVY}) & set(sys.modules))
    assert not heavy, f"import {{name}} imports {{', '.join(heavy)}}"
"""
    run(sys.executable, "-c", code)


def test_only_declared_packages_are_imported() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    chosen = (
        "cpu",
        "clap",
        "milvus",
        "pe-av",
        "blip",
        "coca",
        "generate",
        "ray",
        "timeline",
        "report",
        "web",
    )
    optional = [each for name in chosen for each in extras[name]]
    listed = [*project["dependencies"], *optional]
    declared = {_normal(re.split(r"[^\w.-]", line)[0]) for line in listed}
    providers = {"open_clip": ["open-clip-torch"], **metadata.packages_distributions()}
    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("indexer", "query", "migrations")
        for name in _imported(path)
        if name not in sys.stdlib_module_names and name not in ("indexer", "query")
        if declared.isdisjoint(map(_normal, providers.get(name) or [name]))
    }
    assert not strangers


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).split(".")[0]


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_another_package_named_indexer_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "indexer").mkdir()
    (tmp_path / "indexer/__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", "from query.cli.main import main; main()", "doctor"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    )  # fmt: skip
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("sonorize: another package is named indexer")


@pytest.mark.slow
def test_imports_only_go_downward() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    assert "0 broken" in run(sys.executable, "-c", code, "--no-cache")


@pytest.mark.parametrize("package", ["indexer", "query"])
def test_every_module_has_its_layer(package: str) -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = [layer for contract in contracts for layer in contract.get("layers", [])]
    placed = {name.strip() for layer in layers for name in re.split(r"[|:]", layer)}
    modules = {
        f"{package}.{path.stem}"
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    }
    assert modules <= placed


# The README


def spans(markdown: str) -> Iterator[str]:
    """Each line of code in it, and each piece of code within a line."""
    fence = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for block in fence.findall(markdown):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", fence.sub("", markdown))


def mentioned(span: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The commands that a piece of code names, `a|b` being two, with what follows them."""
    found = re.match(r"(?:\$ |.*\| *)?sonorize ([a-z][\w-]*)(.*)", span)
    if found is None:
        return
    name, rest = found.groups()
    command = sonorize.get_command(click.Context(sonorize), name)
    if not isinstance(command, click.Group):
        yield (name,), rest
        return
    inner = re.match(r" +([a-z][\w|-]*)(.*)", rest)
    assert inner, f"{span}: say which of the {name} commands"
    yield from (((name, part), inner[2]) for part in inner[1].split("|"))


def test_every_command_is_in_the_readme_and_every_command_there_exists() -> None:
    said = {words for span in spans(README) for words, _ in mentioned(span)}
    assert said == {words for words, _ in commands()}


def test_every_option_in_the_readme_exists() -> None:
    options = {
        words: {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        for words, command in commands()
    }
    unknown = {
        f"{' '.join(words)} {option}"
        for span in spans(README)
        for words, rest in mentioned(span)
        for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", rest.partition("#")[0])
        if option not in options[words] | {"--help", "-h"}
    }
    assert not unknown


def test_every_dev_command_in_the_readme_exists() -> None:
    offered = set(re.findall(r"^    \./dev (\w+)", (ROOT / "dev").read_text("utf-8"), re.MULTILINE))
    said = {name for span in spans(README) for name in re.findall(r"\./dev (\w+)", span)}
    assert {"demo", "test"} <= said <= offered


def test_every_command_has_help_with_an_example_and_says_what_its_options_do() -> None:
    for words, command in commands():
        assert f"sonorize {' '.join(words)}" in (command.help or ""), words  # an example
        silent = [
            each.name for each in command.params if isinstance(each, click.Option) and not each.help
        ]
        assert silent in ([], ["form"]), (words, silent)  # its choices say it


# Files


def test_no_file_is_long_without_a_reason() -> None:
    files = [*sources("indexer", "query", "migrations", "tests", "benchmarks"), ROOT / "dev"]
    long = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if len(path.read_text("utf-8").splitlines()) > 400
    }
    assert long == set(LONG)
