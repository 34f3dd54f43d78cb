"""The plot: the plane against numbers by hand, and a drawing that says what it shows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest

from query.scatter import POINTS, principal_plane, svg

SVG = "{http://www.w3.org/2000/svg}"


def marks(drawn: str, kind: str) -> Iterator[tuple[str, float, float]]:
    for path in ElementTree.fromstring(drawn).iter(f"{SVG}path"):
        name, _, of = path.get("class", "").partition(" ")
        if of == kind:
            x, y = re.findall(r"-?[\d.]+", path.get("transform", ""))[:2]
            yield name, float(x), float(y)


def test_the_plane_is_the_one_in_which_they_vary_most() -> None:
    rows = np.array([[0, 3, 5], [0, -3, 5], [2, 0, 5], [-2, 0, 5]], np.float32)
    plane = principal_plane(rows)
    np.testing.assert_allclose(plane.axes, [[0, 1, 0], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(plane.at(rows), [[3, 0], [-3, 0], [0, 2], [0, -2]], atol=1e-12)
    assert plane.shares == (pytest.approx(9 / 13), pytest.approx(4 / 13))


def test_a_drawing_keeps_distances_and_shows_each_point_and_mean() -> None:
    pictures = np.array([[0, 9, 0], [0, -9, 0]], np.float32)
    sounds = np.array([[2, 0, 0], [-2, 0, 0], [-2, 0, 0]], np.float32)
    drawn = svg("t", {"pictures": pictures, "sounds": sounds}, ("pictures", "sounds"))
    (_, *a), (_, *b), (_, *c), (_, *d), _ = marks(drawn, "point")
    assert math.dist(a, b) / math.dist(c, d) == pytest.approx(18 / 4, abs=0.01)
    (_, *first), (_, *second) = marks(drawn, "mean")
    assert math.dist(first, second) / math.dist(c, d) == pytest.approx((2 / 3) / 4, abs=0.01)
    assert f"M{first[0]:.1f},{first[1]:.1f}L{second[0]:.1f},{second[1]:.1f}" in drawn
    assert all(80 <= x <= 700 and 100 <= y <= 500 for _, x, y in marks(drawn, "point"))


def test_a_drawing_says_what_it_shows() -> None:
    rows = np.eye(4, dtype=np.float32)
    groups = {"a < b": rows[:1], "c & d": rows[1:2], "e": rows[2:3], "f": rows[3:]}
    drawn = svg('"Gap" & <sounds>', groups, ("e", "f"))
    tree = ElementTree.fromstring(drawn)
    assert tree.findtext(f"{SVG}title") == '"Gap" & <sounds>'
    said = [text.text or "" for text in tree.iter(f"{SVG}text")]
    assert {'"Gap" & <sounds>', "a < b (1)", "c & d (1)", "e (1)", "f (1)"} <= set(said)
    for axis in ("1st", "2nd"):
        assert any(re.fullmatch(rf"{axis} principal axis, \d+% of the variance", x) for x in said)
    ticks = [text for text in said if re.fullmatch(r"-?[\d.]+", text)]
    assert len(ticks) >= 6
    assert "prefers-color-scheme: dark" in drawn


def test_of_many_points_some_are_shown_and_all_count_for_the_mean() -> None:
    many = np.zeros((3 * POINTS, 2), np.float32)
    many[: POINTS * 2, 0] = np.linspace(-1, 1, 2 * POINTS)
    drawn = svg("t", {"a": many, "b": np.array([[9.0, 1.0]])}, ("a", "b"))
    assert [name for name, *_ in marks(drawn, "point")].count("g0") == POINTS
    assert f"a ({3 * POINTS:,}, {POINTS:,} shown)" in drawn
    assert len(drawn) < 300_000


def test_points_that_are_all_the_same_can_be_drawn() -> None:
    one = np.ones((1, 3), np.float32)
    drawn = svg("t", {"a": one, "b": one}, ("a", "b"))
    assert all(math.isfinite(x) and math.isfinite(y) for _, x, y in marks(drawn, "mean"))
