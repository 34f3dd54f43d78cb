"""Questions over HTTP are answered as the command line answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from libraries import COLOURS, run
from web_server import Page, picture

GREEN, CYAN, BLUE = COLOURS[3], COLOURS[4], COLOURS[5]


def told(library: Path, *command: object) -> list[tuple[str, float]]:
    done = run(*command, "--library", library, "--format", "json")
    assert done.code == 0, done.err
    return [(hit["title"], hit["score"]) for hit in map(json.loads, done.out.splitlines())]


def heard(page: Page, command: str, **given: Any) -> list[tuple[str, float]]:
    return [(hit["title"], hit["score"]) for hit in page.json(f"/api/{command}", **given)["hits"]]


def near(pairs: list[tuple[str, float]]) -> list[tuple[str, Any]]:
    return [(title, pytest.approx(score, abs=2e-4)) for title, score in pairs]


def test_a_picture_is_answered_as_by_the_command(
    page: Page, web_library: Path, tmp_path: Path
) -> None:
    frame = picture(tmp_path / "green.png", GREEN)
    given = {"metadata_weight": 0, "k": 5}
    expected = told(web_library, "query-by-frame", frame, "--metadata-weight", 0, "-k", 5)
    assert heard(page, "query-by-frame", frame=page.upload(frame), **given) == near(expected)
    assert expected[0][0] == "dog"


def test_a_target_and_words_away_are_answered_as_by_the_command(
    page: Page, web_library: Path, tmp_path: Path
) -> None:
    green, blue = picture(tmp_path / "g.png", GREEN), picture(tmp_path / "b.png", BLUE)
    cat = page.json("/api/query-by-text", words="cat", only="exact")["hits"][0]["id"]
    expected = told(
        web_library, "query-by-frame", green, "--reference-frame", blue, "--reference-sound",
        f"#{cat}", "--theta", 0.3, "--reference-weight", 2, "--text", "0.5:rain", "--away", "bird",
        "-k", 6,
    )  # fmt: skip
    found = heard(
        page, "query-by-frame", frame=page.upload(green), reference_frame=page.upload(blue),
        reference_sound=cat, theta=0.3, reference_weight=2, text="0.5:rain", away="bird", k=6,
    )  # fmt: skip
    assert found == near(expected)


def test_words_and_sounds_are_answered_as_by_the_command(page: Page, web_library: Path) -> None:
    assert heard(page, "query-by-text", words="dog OR bird", k=3) == near(
        told(web_library, "query-by-text", "dog OR bird", "-k", 3)
    )
    dog = page.json("/api/query-by-text", words="dog", only="exact")["hits"][0]["id"]
    assert heard(page, "query-by-sound", sound=dog, k=4) == near(
        told(web_library, "query-by-sound", f"#{dog}", "-k", 4)
    )


def test_pages_follow_each_other_without_gap_or_overlap(page: Page, tmp_path: Path) -> None:
    frame = page.upload(picture(tmp_path / "c.png", CYAN))
    whole = page.titles("query-by-frame", frame=frame, k=100)
    parts, offset, more = [], 0, True
    while more:
        said = page.json("/api/query-by-frame", frame=frame, k=4, offset=offset)
        parts += [hit["title"] for hit in said["hits"]]
        offset, more = offset + 4, said["more"]
    assert parts == whole
    assert len(whole) > 8


def test_filters_narrow_what_answers(page: Page, tmp_path: Path) -> None:
    frame = page.upload(picture(tmp_path / "c.png", CYAN))

    def titles(**given: Any) -> set[str]:
        return set(page.titles("query-by-frame", frame=frame, k=100, **given))

    assert titles(min_duration=5.5) == {"engine", "bird"}
    assert titles(max_duration=1.0) == {"bell", "six"}
    assert titles(license="cc0") == set()
    quiet = {hit["title"] for hit in page.json("/api/query-by-text", words="dog OR rain")["hits"]
             if hit["loudness"] <= -12}  # fmt: skip
    assert titles(max_loudness=-12) >= quiet
    assert not titles(min_loudness=0)


def test_a_row_says_what_a_list_shows(page: Page) -> None:
    [dog] = page.json("/api/query-by-text", words="dog", only="exact")["hits"]
    assert (dog["duration"], dog["channels"], dog["sample_rate"]) == (4.0, 1, 16_000)
    assert dog["loudness"] == pytest.approx(-9, abs=6)
    known = page.json(f"/api/sounds/{dog['id']}")
    assert known["credit"].startswith("dog by unknown author")
    assert known["path"].endswith("dog.wav")
    assert len(known["wave"]) > len(dog["wave"]) > 100


def test_hits_of_a_picture_are_told_by_how_far_they_stand_out(page: Page, tmp_path: Path) -> None:
    page.ready(floor=True)
    frame = page.upload(picture(tmp_path / "g.png", GREEN))
    hits = page.json("/api/query-by-frame", frame=frame, metadata_weight=0)["hits"]
    strengths = [hit["strength"] for hit in hits]
    assert set(strengths) <= {"strong", "likely", "weak"}
    order = ["strong", "likely", "weak"]
    assert strengths == sorted(strengths, key=order.index)
    assert hits[0]["strength"] != "weak"


def test_what_is_wrong_is_said_in_a_sentence(page: Page) -> None:
    for path, status, words in (
        ("/api/query-by-frame?frame=" + "0" * 32, 400, "no longer here"),
        ("/api/query-by-frame?frame=../../etc/passwd", 422, "frame"),
        ("/api/query-by-text?words=dog&away=-3:cat", 400, "negative"),
        ("/api/query-by-text?words=dog&license=nonsense", 400, "nonsense"),
        ("/api/query-by-text?words=dog&k=100000", 422, "k"),
        ("/api/query-by-sound?sound=9999", 404, "There is no sound 9999"),
        ("/api/sounds/9999", 404, "9999"),
        ("/api/sounds/9999/audio", 404, "9999"),
    ):
        response = page.get(path)
        assert response.status_code == status, (path, response.text)
        assert words in response.json()["error"], path


def test_choices_count_what_the_library_has(page: Page) -> None:
    said = page.json("/api/choices")
    assert said["licences"] == [{"name": "", "count": 11}]
    assert said["sources"] == ["folder"]
