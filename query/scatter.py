"""Groups of vectors as points of a plane: an SVG of its own, for light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.floating]

POINTS = 1000  # of each group, taken evenly
WIDTH, HEIGHT = 720, 600
LEFT, TOP, RIGHT, BOTTOM = 80, 100, 700, 500  # of the plot
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #222 }
  .title { font-size: 17px; font-weight: 600 }
  .tick { font-size: 12px }
  .back { fill: #fff } .frame { fill: none; stroke: #777 } .line { stroke: #222; stroke-width: 2 }
  .g0 { fill: #c2410c } .g1 { fill: #1d4ed8 } .g2 { fill: #a16207 } .g3 { fill: #0f766e }
  .point { opacity: .6 } .mean { stroke: #222; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #eee } .back { fill: #16181d } .line, .mean { stroke: #eee }
    .g0 { fill: #fb923c } .g1 { fill: #7aa2ff } .g2 { fill: #facc15 } .g3 { fill: #2dd4bf }
  }
"""
# Shapes around 0,0, so that groups are told apart without their colours.
SHAPES = ("M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "M-4,-4h8v8h-8z", "M0,-5l5,9h-10z",
          "M0,-5l5,5l-5,5l-5,-5z")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plane:
    """(dim,) centre, (2, dim) unit axes, and each axis's share of the variance."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    shares: tuple[float, float]

    def at(self, rows: Rows) -> NDArray[np.float64]:
        """(…, dim) to (…, 2)."""
        placed: NDArray[np.float64] = (rows - self.centre) @ self.axes.T
        return placed


def principal_plane(rows: Rows) -> Plane:
    """The plane in which (n, dim) rows vary most, n >= 2 and dim >= 2: SVD of rows less their mean.

    Each axis is turned so that its largest entry is positive.
    """
    exact = np.asarray(rows, np.float64)
    centre = exact.mean(axis=0)
    _, lengths, axes = np.linalg.svd(exact - centre, full_matrices=False)
    variance = lengths**2
    first, second = (variance[:2] / variance.sum()).tolist() if variance.any() else (0.0, 0.0)
    signs = np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(axis=1)[:, None], 1))
    return Plane(centre, axes[:2] * signs, (first, second))


def svg(title: str, groups: Mapping[str, Rows], line: tuple[str, str]) -> str:
    """Two to four groups of (n, dim) rows on the plane in which they vary most.

    At most 1000 points of each. One unit is as long on both axes. The mean of each group is
    outlined; a line joins the means of the two groups named.
    """
    taken = {name: _evenly(rows) for name, rows in groups.items()}
    plane = principal_plane(np.concatenate([*taken.values()]))
    points = [plane.at(rows) for rows in taken.values()]
    means = {name: plane.at(rows.mean(axis=0)) for name, rows in groups.items()}
    place = _Scale(np.concatenate(points))
    marks = [_mark(n, place(point), "point") for n, rows in enumerate(points) for point in rows]
    (x1, y1), (x2, y2) = (place(means[name]) for name in line)
    marks.append(f'<path class="line" d="M{x1:.1f},{y1:.1f}L{x2:.1f},{y2:.1f}"/>')
    marks += [_mark(n, place(mean), "mean") for n, mean in enumerate(means.values())]
    body = "\n".join([*_frame(title, plane.shares, place), *_legend(groups), *marks])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


class _Scale:
    """Coordinates to places in the drawing, and where the ticks are."""

    def __init__(self, points: NDArray[np.float64]) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        room = np.array([RIGHT - LEFT, BOTTOM - TOP])
        extent = high - low
        least = max(float((extent / room).max()), 1e-9)  # units a pixel; one point has no extent
        self._unit = least * 1.1
        self._middle = (low + high) / 2
        self.step = _round_step(float(room.min()) * self._unit / 4)

    def __call__(self, point: NDArray[np.float64]) -> tuple[float, float]:
        x, y = ((point - self._middle) / self._unit).tolist()
        return (LEFT + RIGHT) / 2 + x, (TOP + BOTTOM) / 2 - y

    def ticks(self, axis: int) -> list[float]:
        half = (RIGHT - LEFT, BOTTOM - TOP)[axis] / 2 * self._unit
        middle = float(self._middle[axis])
        first = math.ceil((middle - half) / self.step)
        last = math.floor((middle + half) / self.step)
        return [number * self.step for number in range(first, last + 1)]


def _round_step(size: float) -> float:
    """1, 2 or 5 times a power of ten, the largest that is no larger than `size`."""
    power: float = 10.0 ** math.floor(math.log10(size))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= size)


def _frame(title: str, shares: tuple[float, float], place: _Scale) -> Iterator[str]:
    yield f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>'
    yield f'<text class="title" x="{LEFT}" y="30">{escape(title)}</text>'
    size = f'width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"'
    yield f'<rect class="frame" x="{LEFT}" y="{TOP}" {size}/>'
    for value in place.ticks(0):
        x, _ = place(np.array([value, 0.0]))
        at = f'text-anchor="middle" x="{x:.1f}" y="{BOTTOM + 18}"'
        yield f'<text class="tick" {at}>{value:.3g}</text>'
    for value in place.ticks(1):
        _, y = place(np.array([0.0, value]))
        at = f'text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}"'
        yield f'<text class="tick" {at}>{value:.3g}</text>'
    first, second = (f"principal axis, {share:.0%} of the variance" for share in shares)
    middle = (LEFT + RIGHT) / 2
    yield f'<text text-anchor="middle" x="{middle}" y="{BOTTOM + 46}">1st {first}</text>'
    turned = f'transform="translate(24,{(TOP + BOTTOM) / 2}) rotate(-90)"'
    yield f'<text text-anchor="middle" {turned}>2nd {second}</text>'
    note = "A large mark is the mean of its group."
    yield f'<text class="tick" x="{LEFT}" y="{HEIGHT - 16}">{note}</text>'


def _legend(groups: Mapping[str, Rows]) -> Iterator[str]:
    for number, (name, rows) in enumerate(groups.items()):
        x, y = LEFT + 8 + 300 * (number % 2), 54 + 22 * (number // 2)
        shown = f", {POINTS:,} shown" if len(rows) > POINTS else ""
        yield _mark(number, (x, y), "")
        said = f"{escape(name)} ({len(rows):,}{shown})"
        yield f'<text class="tick" x="{x + 10}" y="{y + 4}">{said}</text>'


def _mark(number: int, at: tuple[float, float], kind: str) -> str:
    size = " scale(2)" if kind == "mean" else ""
    move = f"translate({at[0]:.1f},{at[1]:.1f}){size}"
    return f'<path class="g{number} {kind}" d="{SHAPES[number]}" transform="{move}"/>'


def _evenly(rows: Rows) -> Rows:
    taken: Rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).astype(int)]
    return taken
