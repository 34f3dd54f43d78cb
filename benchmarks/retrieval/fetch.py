"""Rebuild the sound library and the photographs of the retrieval benchmark.

Needs Debian 12's apt-get and dpkg-deb and Python 3.11 or later with pip; nothing else.
Writes DIR/library and DIR/photos, keeps the packages in DIR/downloads, then checks every label.
"""

import argparse
import fnmatch
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).with_name("questions.toml")
AUDIO = {".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"}
IMAGES = {".jpg", ".png"}

# Debian 12's version, and the folder whose sounds are taken, keeping paths below it.
SOUNDS = {
    "wesnoth-1.16-data": ("1:1.16.9-1", "usr/share/games/wesnoth/1.16"),
    "minetest-data": ("5.6.1+dfsg+~1.9.0mt8+dfsg-2", "usr/share/games/minetest/games"),
    "flare-game": ("1.14-1", "usr/share/games/flare/mods"),
}

# Music of more than a minute. The folder's wind_ambient.ogg is an effect and stays.
MUSIC = {
    f"flare-game/fantasycore/music/{name}_theme.ogg"
    for name in (
        *("battle", "boss", "cave", "dungeon", "forest", "magical"),
        *("overworld", "safe_room", "title", "town", "unrest"),
    )
}

# Version, folder, and the photographs: name here -> path below the folder. A path with a colon
# is FILE.rcc:NAME, a picture inside a Qt resource file.
PHOTOS = {
    "tuxpaint-stamps-default": (
        "2022.06.04-1",
        "usr/share/tuxpaint/stamps",
        {
            "beetle.png": "vehicles/auto/beetle.png",
            "blackbird.png": "animals/birds/blackbird.png",
            "bradley.png": "military/vehicles/bradley.png",
            "chineseJunk.png": "vehicles/ship/chineseJunk.png",
            "crow.png": "animals/birds/crow.png",
            "drum_tomtom_floor.png": "hobbies/music/percussion/drum_tomtom_floor.png",
            "euro_100.png": "symbols/money/euro/coins/100.png",
            "explosion.png": "naturalforces/explosion.png",
            "fire.png": "naturalforces/fire.png",
            "glass.png": "household/dishes/glass.png",
            "grasshopper.png": "animals/insects/grasshopper.png",
            "hammer.png": "household/tools/hammer.png",
            "horse.png": "animals/mammals/equines/horse.png",
            "spade.png": "household/tools/spade.png",
            "stethoscope.png": "medical/stethoscope.png",
            "trumpet.png": "hobbies/music/brass/trumpet.png",
            "wildboar.png": "animals/mammals/wildboar.png",
            "wrench.png": "household/tools/wrench.png",
        },
    ),
    "gcompris-qt-data": (
        "3.1-2",
        "usr/share/gcompris-qt/rcc",
        {
            "africa.webp": "explore_world_music.rcc:africa.webp",
            "dam1.webp": "categorization.rcc:dam1.webp",
            "dog.webp": "explore_farm_animals.rcc:dog.webp",
            "flying_fox.webp": "erase.rcc:flying_fox.webp",
            "igloo.webp": "categorization.rcc:igloo.webp",
            "owl.webp": "explore_farm_animals.rcc:owl.webp",
            "reimsCathedral.webp": "explore_monuments.rcc:reimsCathedral.webp",
            "windmill3.webp": "categorization.rcc:windmill3.webp",
        },
    ),
    "darknet": (
        "0.0.0+git20180914.61c9d02e-2+b4",
        "usr/share/darknet/data",
        {"horses.jpg": "horses.jpg", "kite.jpg": "kite.jpg"},
    ),
    "mate-backgrounds": (
        "1.26.0-1",
        "usr/share/backgrounds/mate/nature",
        {name: name for name in ("Aqua.jpg", "RainDrops.jpg", "Storm.jpg")},
    ),
    "plasma-workspace-wallpapers": (
        "4:5.27.5-2",
        "usr/share/wallpapers",
        {
            f"{name}.jpg": f"{name}/contents/images/1920x1080.jpg"
            for name in ("ColdRipple", "Kite", "Path")
        },
    ),
    "lomiri-wallpapers-16.04": (
        "20.04.0-2",
        "usr/share/backgrounds",
        {"life_by_Aitzol_Berasategi.jpg": "life_by_Aitzol_Berasategi.jpg"},
    ),
    "lomiri-wallpapers-20.04": (
        "20.04.0-2",
        "usr/share/backgrounds",
        {"Kleiber_by_Lukas_Baubkus.jpg": "Kleiber_by_Lukas_Baubkus.jpg"},
    ),
}
WHEEL = "scikit-image"
WHEEL_VERSION = "0.26.0"
WHEEL_PHOTOS = ("astronaut.png", "coins.png", "grass.png", "gravel.png", "page.png")


def run(command: list[str], cwd: Path, failed: str) -> None:
    """Run a command in `cwd`; exit with its last error line and `failed` if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        sys.exit(f"{failed}\n  {command[0]} said: {said}")


def download(package: str, version: str, downloads: Path) -> Path:
    """The package's .deb in `downloads`, fetched unless it is there."""
    if not list(downloads.glob(f"{package}_*.deb")):
        print(f"downloading {package}", flush=True)
        advice = f"Could not download {package}. Run 'apt-get update' once, then try again."
        run(["apt-get", "download", package], downloads, advice)
    deb = next(downloads.glob(f"{package}_*.deb"))
    command = ["dpkg-deb", "-f", str(deb), "Version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if found != version:
        print(f"  note: {package} is {found}; the labels were written for {version}")
    return deb


@contextmanager
def unpacked(deb: Path, into: Path) -> Iterator[Path]:
    """A folder inside `into` that holds the files of `deb` while the block runs."""
    with tempfile.TemporaryDirectory(dir=into) as folder:
        run(["dpkg-deb", "-x", str(deb), folder], into, f"Could not unpack {deb.name}.")
        yield Path(folder)


def rcc_files(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file of a Qt resource file, stored plain or by zlib."""
    version, tree, contents, names = struct.unpack_from(">4I", data, 4)
    entry = 14 if version < 2 else 22
    folders = [0]
    while folders:
        count, first = struct.unpack_from(">2I", data, tree + folders.pop() * entry + 6)
        for node in range(first, first + count):
            at = tree + node * entry
            name_at, flags = struct.unpack_from(">IH", data, at)
            if flags & 2:
                folders.append(node)
                continue
            length = struct.unpack_from(">H", data, names + name_at)[0]
            name = data[names + name_at + 6 :][: 2 * length].decode("utf-16-be")
            start = contents + struct.unpack_from(">I", data, at + 10)[0]
            size = struct.unpack_from(">I", data, start)[0]
            content = data[start + 4 : start + 4 + size]
            yield name, zlib.decompress(content[4:]) if flags & 1 else content


def copy_sounds(package_root: Path, library: Path, package: str) -> None:
    """Copy the package's sounds into library/PACKAGE, leaving out MUSIC."""
    for source in sorted(package_root.rglob("*")):
        name = f"{package}/{source.relative_to(package_root).as_posix()}"
        if source.suffix.lower() in AUDIO and name not in MUSIC:
            target = library / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def copy_photos(package_root: Path, photos: Path, wanted: dict[str, str]) -> None:
    """Copy `wanted` (name -> path, or FILE.rcc:NAME) below the root into `photos`."""
    photos.mkdir(parents=True, exist_ok=True)
    for name, path in wanted.items():
        archive, colon, inside = path.partition(":")
        if colon:
            content = dict(rcc_files((package_root / archive).read_bytes()))[inside]
            (photos / name).write_bytes(content)
        else:
            shutil.copyfile(package_root / path, photos / name)


def fetch_packages(into: Path, downloads: Path) -> None:
    """Sounds and photographs of the Debian packages."""
    for package, (version, root) in SOUNDS.items():
        with unpacked(download(package, version, downloads), into) as folder:
            copy_sounds(folder / root, into / "library", package)
    for package, (version, root, wanted) in PHOTOS.items():
        with unpacked(download(package, version, downloads), into) as folder:
            copy_photos(folder / root, into / "photos" / package, wanted)


def fetch_wheel(into: Path, downloads: Path) -> None:
    """Photographs of the scikit-image wheel, the same wheel whatever Python runs this."""
    if not list(downloads.glob("scikit_image-*.whl")):
        print(f"downloading {WHEEL} {WHEEL_VERSION}", flush=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        pip += ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"]
        advice = f"Could not download {WHEEL}. Is pip installed (Debian: python3-pip)?"
        run([*pip, f"{WHEEL}=={WHEEL_VERSION}"], downloads, advice)
    photos = into / "photos" / WHEEL
    photos.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(next(downloads.glob("scikit_image-*.whl"))) as wheel:
        for name in WHEEL_PHOTOS:
            (photos / name).write_bytes(wheel.read(f"skimage/data/{name}"))


def copy_extra(extra: Path, into: Path) -> None:
    """Copy own sounds and photographs into library/media and photos/media."""
    for suffixes, target in ((AUDIO, into / "library/media"), (IMAGES, into / "photos/media")):
        target.mkdir(parents=True, exist_ok=True)
        for source in sorted(extra.iterdir()):
            if source.suffix.lower() in suffixes:
                shutil.copyfile(source, target / source.name)


def problems(question: dict[str, Any], photos: Path, sounds: list[str], extra: bool) -> list[str]:
    """What the rebuilt folders lack for one question."""
    name = question.get("photo") or question["words"]
    lacks = []
    if "photo" in question and not (photos / name).is_file():
        lacks.append(f"{name}: no such photograph")
    for glob in question["relevant"]:
        optional = glob.startswith("media/") and not extra
        if not optional and not fnmatch.filter(sounds, glob):
            lacks.append(f"{name}: no sound matches {glob}")
    return lacks


def check(into: Path, extra: bool) -> list[str]:
    """Print the counts of the rebuilt folders; return what they lack."""
    questions = tomllib.loads(QUESTIONS.read_text("utf-8"))
    library, lacks = into / "library", []
    sounds = [f.relative_to(library).as_posix() for f in library.rglob("*") if f.is_file()]
    print(f"{len(sounds)} sounds, without {len(MUSIC)} music tracks over 60 s")
    for kind in ("photo", "words"):
        asked = [q for q in questions[kind] if extra or q.get("needs") != "extra"]
        left = len(questions[kind]) - len(asked)
        print(f"{len(asked)} questions by {kind}" + (f", {left} left out" if left else ""))
        for question in asked:
            lacks += problems(question, into / "photos", sounds, extra)
    return lacks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="folder to fill")
    parser.add_argument("--extra", type=Path, metavar="DIR", help="folder of own files")
    args = parser.parse_args()
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: this script takes its files from Debian's packages.")
    if args.extra and not args.extra.is_dir():
        sys.exit(f"{args.extra} is not a folder: leave --extra out, or name the folder.")
    into = args.into.resolve()
    downloads = into / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    fetch_packages(into, downloads)
    fetch_wheel(into, downloads)
    if args.extra:
        copy_extra(args.extra, into)
    extra = (into / "library/media").is_dir()
    if lacks := check(into, extra):
        sys.exit("The labels do not fit these files:\n  " + "\n  ".join(lacks))
    print(f"ready: {into / 'library'} and {into / 'photos'}")


if __name__ == "__main__":
    main()
