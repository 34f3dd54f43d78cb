"""Metadata exports as other tools write them, taken into a catalog."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from libraries import empty_catalog

from indexer.catalog.entries import (
    TEXT_FIELDS,
    Described,
    Heard,
    Named,
    Place,
    Retagged,
    Same,
    Unseen,
    Written,
)
from indexer.catalog.store import Catalog
from indexer.errors import LibraryError
from indexer.imports import table as imports
from indexer.imports.places import path_of
from indexer.imports.sheet import SYNONYMS
from indexer.imports.table import ImportReport, import_csv

FILES = ("Doors/Wood Door.wav", "Doors/Metal.wav", "Rain/01.wav", "Rain/Café.flac", "top.wav")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(empty_catalog(tmp_path))
    add(opened, "/mnt/SFX", *FILES)
    yield opened
    opened.close()


def add(catalog: Catalog, location: str, *paths: str, **columns: Any) -> None:
    root = catalog.root("folder", location)
    catalog.record(Named(Place(root, path, 1, 1), {"title": path, **columns}) for path in paths)


def sound_id(catalog: Catalog, path: str, root: int = 1) -> int:
    return catalog.known(root)[path].sound_id


def columns(catalog: Catalog, path: str, root: int = 1) -> dict[str, Any]:
    key = sound_id(catalog, path, root)
    return dict(catalog.sounds([key])[key].columns)


def table(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "export.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(text.encode(encoding))
    return file


def described(catalog: Catalog, tmp_path: Path, path: str) -> list[str]:
    """Which of the catalog's sounds a row with this path in it describes."""
    import_csv(catalog, table(tmp_path, f'FilePath,Description\n"{path}",this one\n'))
    return sorted(
        f"{root.id}:{place}"
        for root in catalog.roots()
        for place in catalog.known(root.id)
        if columns(catalog, place, root.id)["description"] == "this one"
    )


# As the tools write them


def test_soundminer_text_with_tabs(catalog: Catalog, tmp_path: Path) -> None:
    export = table(
        tmp_path,
        "Filename\tFilePath\tDescription\tKeywords\tCatID\tFXName\tLibrary\tDesigner\t"
        "Manufacturer\tMicrophone\tLocation\tNotes\tTake\tBWDate\tRecMedium\tURL\r\n"
        'Wood Door.wav\tD:\\SFX\\Doors\\Wood Door.wav\tA heavy door, 3" thick\twood, creak;old\t'
        "DOORWood\tOld Door\tHouse One\tAnn\tAcme\tMKH 8040\tBarn\tslow\t3\t2021-05-01\t702\t"
        "https://example.com/\r\n",
        name="export.txt",
    )
    assert import_csv(catalog, export) == ImportReport(1, 0, ("RecMedium",))
    said = columns(catalog, "Doors/Wood Door.wav")
    assert {name: said[name] for name in TEXT_FIELDS} == {
        "title": "Old Door",
        "description": 'A heavy door, 3" thick',
        "tags": ["wood", "creak", "old"],
        "category": "DOORS",
        "subcategory": "WOOD",
        "author": "",
        "designer": "Ann",
        "manufacturer": "Acme",
        "pack": "House One",
        "microphone": "MKH 8040",
        "location": "Barn",
        "notes": "slow",
        "take": "3",
        "recorded": "2021-05-01",
        "licence": "",
        "licence_url": "",
        "url": "https://example.com/",
    }


def test_old_mac_paths_of_soundminer(catalog: Catalog, tmp_path: Path) -> None:
    assert described(catalog, tmp_path, "Macintosh HD:SFX:Doors:Metal.wav") == ["1:Doors/Metal.wav"]


def test_basehead_with_a_folder_beside_the_name(catalog: Catalog, tmp_path: Path) -> None:
    export = table(
        tmp_path,
        "File Name;Path;Description;Sub Category;Category;BPM\r\n"
        "Metal.wav;X:\\sounds\\Doors;clang;METAL;DOORS;0\r\n"
        "01.wav;X:\\sounds\\Rain\\;drops;;;0\r\n",
    )
    assert import_csv(catalog, export) == ImportReport(2, 0, ("BPM",))
    assert columns(catalog, "Doors/Metal.wav")["subcategory"] == "METAL"
    assert columns(catalog, "Rain/01.wav")["description"] == "drops"


def test_soundly_in_utf_16(catalog: Catalog, tmp_path: Path) -> None:
    text = "filename\tdescription\toriginator\nCafé.flac\tNieselregen auf Glas\tRegen & Co\n"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert import_csv(catalog, table(tmp_path, text, encoding)) == ImportReport(1, 0, ())
        assert columns(catalog, "Rain/Café.flac")["author"] == "Regen & Co"


def test_resonic_in_windows_1252(catalog: Catalog, tmp_path: Path) -> None:
    text = "Path,Title,Comment\nC:\\SFX\\Rain\\Café.flac,Bruit,“naïve”\n"
    import_csv(catalog, table(tmp_path, text, "cp1252"))
    assert columns(catalog, "Rain/Café.flac")["notes"] == "“naïve”"


def test_reaper_with_only_a_path_and_a_quoted_newline(catalog: Catalog, tmp_path: Path) -> None:
    text = 'File,Artist,Album,Description\n/mnt/SFX/top.wav,Bo,Tops,"one\ntwo, ""three"""\n'
    import_csv(catalog, table(tmp_path, text, "utf-8-sig"))
    said = columns(catalog, "top.wav")
    assert (said["author"], said["pack"]) == ("Bo", "Tops")
    assert said["description"] == 'one\ntwo, "three"'


def test_freesound_list_is_matched_by_number(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, "/mnt/free", "4711__ann__door-creak.wav")
    export = table(
        tmp_path,
        "id,name,username,tags,license,url\n"
        "4711,Door Creak!.WAV,ann,field-recording door,"
        "http://creativecommons.org/licenses/by-nc/3.0/,https://freesound.org/s/4711/\n"
        "12,other,bob,x,,\n",
    )
    assert import_csv(catalog, export) == ImportReport(1, 1, ())
    said = columns(catalog, "4711__ann__door-creak.wav", 2)
    assert said["title"] == "Door Creak!"
    assert said["author"] == "ann"
    assert said["tags"] == ["field-recording", "door"]
    assert said["licence"] == "CC-BY-NC-3.0"
    assert said["licence_url"] == "http://creativecommons.org/licenses/by-nc/3.0/"


def test_freesound_bulk_description(catalog: Catalog, tmp_path: Path) -> None:
    export = table(
        tmp_path,
        "audio_filename,name,tags,geotag,description,license,pack_name,is_explicit\n"
        'metal.wav,Clang,"metal hit","41.4, 2.2, 9",Hit,Creative Commons 0,Hits,0\n',
    )
    assert import_csv(catalog, export) == ImportReport(1, 0, ("geotag", "is_explicit"))
    said = columns(catalog, "Doors/Metal.wav")
    assert (said["title"], said["pack"], said["licence"]) == ("Clang", "Hits", "CC0-1.0")


def test_sheet_of_a_pack_with_a_title_above(catalog: Catalog, tmp_path: Path) -> None:
    export = table(
        tmp_path,
        'House One;;\n;;\nName;Ann;\nFILENAME;Keywords;License\n"Wood Door";old door;by\n;;\n',
    )
    assert import_csv(catalog, export) == ImportReport(1, 0, ())
    said = columns(catalog, "Doors/Wood Door.wav")
    assert (said["tags"], said["licence"]) == (["old door"], "CC-BY-4.0")


@pytest.mark.parametrize(
    ("cell", "licence"),
    [
        ("Attribution NonCommercial", "CC-BY-NC-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("House EULA", "House EULA"),
        ("x" * 80, "x" * 64),
    ],
)
def test_licences(catalog: Catalog, tmp_path: Path, cell: str, licence: str) -> None:
    import_csv(catalog, table(tmp_path, f"Filename,License\ntop.wav,{cell}\n"))
    assert columns(catalog, "top.wav")["licence"] == licence


@pytest.mark.parametrize(
    ("header", "cell", "tags"),
    [
        ("Keywords", "wood door", ["wood door"]),
        ("Keywords", "a, b; a;;c", ["a", "b", "c"]),
        ("tags", "a b", ["a", "b"]),
        ("tags", "a b;c", ["a b", "c"]),
        ("tags", "['a', 'b c']", ["a", "b c"]),
    ],
)
def test_tags(catalog: Catalog, tmp_path: Path, header: str, cell: str, tags: list[str]) -> None:
    import_csv(catalog, table(tmp_path, f"Filename\t{header}\ntop.wav\t{cell}\n"))
    assert columns(catalog, "top.wav")["tags"] == tags


def test_every_column_of_words_can_be_imported() -> None:
    assert set(TEXT_FIELDS) <= SYNONYMS.keys()
    names = [name for words in SYNONYMS.values() for name in words.split()]
    assert len(names) == len(set(names))


# Which sound is meant


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/mnt/SFX/top.wav", "1:top.wav"),
        ("/MNT/sfx/Doors/METAL.WAV", "1:Doors/Metal.wav"),
        ("/Users/bo/Doors/Metal.wav", "1:Doors/Metal.wav"),
        (r"E:\old\Rain\01.wav", "1:Rain/01.wav"),
        (r"SFX\Rain\01.wav", "1:Rain/01.wav"),
        ("./Rain/./01", "1:Rain/01.wav"),
        ("Cafe\u0301.flac", "1:Rain/Café.flac"),
        ("elsewhere/top.wav", "1:top.wav"),
        ("top", "1:top.wav"),
        ("top.flac", ""),
        ("Rain/02.wav", ""),
    ],
)
def test_a_path_finds_its_sound(catalog: Catalog, tmp_path: Path, path: str, found: str) -> None:
    assert described(catalog, tmp_path, path) == ([found] if found else [])


@pytest.fixture
def second(catalog: Catalog) -> Catalog:
    add(catalog, "/mnt/More", "Doors/Metal.wav", "Snow/01.wav")
    return catalog


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("D:/More/Doors/Metal.wav", ["2:Doors/Metal.wav"]),
        ("SFX/Doors/Metal.wav", ["1:Doors/Metal.wav"]),
        ("D:/Doors/Metal.wav", []),
        ("Doors/Metal.wav", []),
        ("01.wav", []),
        ("D:/Hail/01.wav", []),
        ("snow/01", ["2:Snow/01.wav"]),
    ],
)
def test_a_path_that_means_two_sounds_finds_none(
    second: Catalog, tmp_path: Path, path: str, found: list[str]
) -> None:
    assert described(second, tmp_path, path) == found


def test_two_places_of_one_sound_are_one(second: Catalog, tmp_path: Path) -> None:
    one, other = sound_id(second, "Doors/Metal.wav"), sound_id(second, "Doors/Metal.wav", 2)
    second.record([Same(other, one)])
    assert len(described(second, tmp_path, "metal.wav")) == 2


def test_a_file_that_is_gone_is_not_meant(second: Catalog, tmp_path: Path) -> None:
    second.record([Unseen(second.known(1)["Rain/01.wav"].file_id, "missing")])
    assert described(second, tmp_path, "01.wav") == ["2:Snow/01.wav"]


def test_a_name_borne_by_other_files_of_the_table_is_not_enough(
    catalog: Catalog, tmp_path: Path
) -> None:
    text = "FilePath,Description\nD:/Hail/01.wav,ice\nD:/Rain/01.wav,drops\nD:/Mud/01.wav,dirt\n"
    assert import_csv(catalog, table(tmp_path, text)) == ImportReport(1, 2, ())
    assert columns(catalog, "Rain/01.wav")["description"] == "drops"


def test_paths_are_written_one_way() -> None:
    assert path_of(r"\\NAS\fx\.\a.WAV") == "/nas/fx/a.wav"
    assert path_of("HD:Fx:a.wav") == "/hd/fx/a.wav"
    assert path_of("Fx//Rain/") == "fx/rain"


# What is written


def test_empty_cells_change_nothing_and_later_rows_win(catalog: Catalog, tmp_path: Path) -> None:
    text = "Filename,Description,Notes,Title\ntop.wav,one,first, \ntop.wav,two,,\ntop.wav\n"
    assert import_csv(catalog, table(tmp_path, text)) == ImportReport(1, 0, ())
    said = columns(catalog, "top.wav")
    assert (said["description"], said["notes"], said["title"]) == ("two", "first", "top.wav")


def test_words_are_found_and_embedded_anew_once(catalog: Catalog, tmp_path: Path) -> None:
    space = catalog.embeddings.space("toy", "metadata", "f", 4)
    key = sound_id(catalog, "top.wav")
    catalog.record([Written(key, space, np.ones(4, dtype=np.float32))])
    export = table(tmp_path, "Filename,Description\ntop.wav,thunderclap\n")
    import_csv(catalog, export)
    assert [hit for hit, _ in catalog.search_text("thunderclap", 5)] == [key]
    assert key in catalog.embeddings.lacking(space)
    catalog.record([Written(key, space, np.ones(4, dtype=np.float32))])
    assert import_csv(catalog, export).updated == 1  # the same again is no news
    assert key not in catalog.embeddings.lacking(space)


def test_batches(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 2)
    text = "Filename,Title\n" + "".join(f"{Path(path).name},T{path}\n" for path in FILES)
    assert import_csv(catalog, table(tmp_path, text)) == ImportReport(5, 0, ())
    assert all(columns(catalog, path)["title"].startswith("T") for path in FILES)


def test_unquoted_inches_swallow_no_rows(catalog: Catalog, tmp_path: Path) -> None:
    text = 'Filename\tDescription\ntop.wav\t"3 inch\nMetal.wav\tclang\n'
    assert import_csv(catalog, table(tmp_path, text)) == ImportReport(2, 0, ())
    assert columns(catalog, "top.wav")["description"] == '"3 inch'


# Rescans


def test_an_import_outlives_a_retagging(catalog: Catalog, tmp_path: Path) -> None:
    import_csv(catalog, table(tmp_path, "Filename,Description,Keywords\ntop.wav,mine,a;b\n"))
    known = catalog.known(1)["top.wav"]
    tags = {"title": "new", "description": "theirs", "tags": ["c"], "raw": {"bext": "x"}}
    for size in (2, 3):
        catalog.record(
            [Retagged(known.file_id, known.sound_id, Place(1, "top.wav", size, 1), tags)]
        )
        said = columns(catalog, "top.wav")
        assert (said["title"], said["description"], said["tags"]) == ("new", "mine", ["a", "b"])
        assert said["raw"]["bext"] == "x"


def test_a_later_import_wins_over_an_earlier_one(catalog: Catalog) -> None:
    key = sound_id(catalog, "top.wav")
    catalog.record(
        [Described(key, {"title": "one", "notes": "n"}), Described(key, {"title": "two"})]
    )
    known = catalog.known(1)["top.wav"]
    place = Place(1, "top.wav", 2, 1)
    catalog.record([Retagged(known.file_id, key, place, {"title": "tag", "raw": {}})])
    said = columns(catalog, "top.wav")
    assert (said["title"], said["notes"]) == ("two", "n")


def test_an_import_outlives_a_move(catalog: Catalog) -> None:
    old = sound_id(catalog, "top.wav")
    catalog.record([Described(old, {"title": "mine"})])
    catalog.record([Unseen(catalog.known(1)["top.wav"].file_id, "missing")])
    add(catalog, "/mnt/SFX", "a.wav", description="tag")
    catalog.record([Same(sound_id(catalog, "a.wav"), old)])
    said = columns(catalog, "a.wav")
    assert (said["title"], said["description"]) == ("mine", "tag")


@pytest.mark.parametrize("first", [0, 1])
def test_imports_of_two_copies_are_joined(catalog: Catalog, first: int) -> None:
    add(catalog, "/mnt/SFX", "copy.wav", raw={"imported": "a tag of that name"})
    copies = [sound_id(catalog, "copy.wav"), sound_id(catalog, "top.wav")]
    catalog.record([Described(copies[0], {"title": "copy", "notes": "kept"})])
    catalog.record([Described(copies[1], {"title": "top", "take": "2"})])
    space = catalog.embeddings.space("toy", "audio", "f", 4)
    clips = {space: np.eye(4, dtype=np.float32)[0]}
    for key in (copies[first], copies[1 - first]):
        catalog.record([Heard(key, True, {}, [], clips, content_hash="h")])
    said = columns(catalog, "top.wav")
    assert (said["title"], said["notes"], said["take"]) == ("copy", "kept", "2")


def test_a_sound_that_is_gone_meanwhile_is_passed_over(catalog: Catalog) -> None:
    key = sound_id(catalog, "top.wav")
    catalog.record([Described(999, {"title": "x"}), Described(key, {"title": "y"})])
    assert columns(catalog, "top.wav")["title"] == "y"


# What is no table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column that says which file"),
        (b"Description,Keywords\na,b\n", "FilePath or Filename .*keywords"),
        (b"PK\x03\x04" + bytes(range(256)), "not a table in text"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a table in text"),
        (b'Filename,Notes\ntop.wav,"' + b"x" * 200_000, "from line 2 on"),
    ],
)
def test_what_is_no_table_is_told_in_words(
    catalog: Catalog, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "export.csv"
    file.write_bytes(content)
    with pytest.raises(LibraryError, match=words) as raised:
        import_csv(catalog, file)
    assert "export.csv" in str(raised.value)


def test_a_table_broken_at_its_end_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    text = 'Filename,Title\ntop.wav,new\nMetal.wav,"' + "x" * 200_000
    with pytest.raises(LibraryError, match="from line 3 on"):
        import_csv(catalog, table(tmp_path, text))
    assert columns(catalog, "top.wav")["title"] == "top.wav"


def test_a_folder_is_told_in_words(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be read"):
        import_csv(catalog, tmp_path)
