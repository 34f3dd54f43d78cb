"""Figures of a report as inline SVG: readable in light, in dark, and without colour.

Needs matplotlib, the extra `report`. Lines and letters take the page's own colour; groups differ by
hatching or marker as well as by colour.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from query.evaluation import correlate, inconsistency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from query.evaluation.report.record import Record

    Rows = Sequence[Mapping[str, Any]]

INK = "#010203"  # stands for the page's own colour
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe & Ito
HATCHES = ("", "////", "....", "xxxx", "----", "\\\\\\\\")
MARKERS = ("o", "s", "^", "D", "v", "P")
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "sonorize", "text.parse_math": False,
    "font.family": "sans-serif", "font.size": 9.0, "axes.spines.top": False,
    "axes.spines.right": False, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "hatch.linewidth": 0.6, "legend.frameon": False,
}  # fmt: skip
MOST = 9  # metrics whose scatter is drawn
TERMS = 30  # of Freesound that are drawn


def available() -> bool:
    return find_spec("matplotlib") is not None


def drawn(record: Record) -> list[tuple[str, str]]:
    """(caption, SVG) of each figure of the experiment."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        return [(said, _svg(figure)) for said, figure in _FIGURES[record.experiment](record)]


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = out.getvalue()
    return re.sub(r"^.*?(?=<svg)", "", svg, flags=re.DOTALL).replace(INK, "currentColor")


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Without pyplot: no window, no state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [each for line in axes for each in line]


def _rows(record: Record, name: str) -> Rows:
    return record.tables[name].rows if name in record.tables else []


def _inconsistency(record: Record) -> Iterator[tuple[str, Figure]]:
    """Figs. 7 and 8 of the paper: a column a group, common axes."""
    groups: dict[str, dict[str, list[float]]] = {}
    for row in _rows(record, "inconsistency-values"):
        groups.setdefault(row["group"], {}).setdefault(row["term"], []).append(row["value"])
    figure, axes = _figure(len(inconsistency.TERMS), len(groups), (2.9, 2.1))
    everything = [v for each in groups.values() for values in each.values() for v in values]
    edges = np.linspace(min(0.0, *everything), max(1.0, *everything), 26)
    tops = []
    for line, term in enumerate(inconsistency.TERMS):
        for column, (group, terms) in enumerate(groups.items()):
            axis = axes[line * len(groups) + column]
            values = terms.get(term, [])
            weights = np.full(len(values), 1 / max(1, len(values)))
            heights, *_ = axis.hist(
                values, edges.tolist(), weights=weights, color=COLOURS[line], edgecolor=INK,
                linewidth=0.5, hatch=HATCHES[line],
            )  # fmt: skip
            tops.append(float(np.max(heights)))
            axis.set_title(f"{inconsistency.named(group)} (n = {len(values)})", fontsize=9)
            axis.set_xlabel(term.replace("_", " "))
            axis.set_ylabel("share")
    for axis in axes:
        axis.set_ylim(0, 1.05 * max(tops))
    yield "Distances of image and words, image and sound, in each group; common axes.", figure


def _slerp(record: Record) -> Iterator[tuple[str, Figure]]:
    """Table 1 drawn: a panel a scale and target."""
    table = [row for row in _rows(record, "slerp-table-1") if row["metric"] == "slerp_euclidean"]
    panels = list(dict.fromkeys((row["arm"], row["scale"], row["target"]) for row in table))
    figure, axes = _figure(-(-len(panels) // 2), min(2, len(panels)), (4.4, 2.6))
    for axis, panel in zip(axes, panels, strict=False):
        rows = [r for r in table if (r["arm"], r["scale"], r["target"]) == panel and r["n"]]
        for at, row in enumerate(rows):
            kind = int(row["audio"] == "related")
            spread = row["sd"] if row["sd"] is not None and np.isfinite(row["sd"]) else 0.0
            axis.errorbar(row["mean"], -at, xerr=spread, color=COLOURS[kind], marker=MARKERS[kind],
                          capsize=3)  # fmt: skip
        axis.set_yticks(
            [-at for at in range(len(rows))],
            [f"audio {row['audio']}, image {row['image']}" for row in rows],
        )
        axis.set_xlim(left=0)
        axis.set_xlabel("Euclidean distance, mean ± sd")
        axis.set_title(", ".join(panel), fontsize=9)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    yield "Table 1: related sounds lie nearer where the square stands left of the circle.", figure


def _mos(record: Record) -> Iterator[tuple[str, Figure]]:
    """Fig. 6 of the paper: every item with its interval, a panel a scene."""
    from matplotlib.ticker import MaxNLocator

    items = [row for row in _rows(record, "mos-items") if row["question"] == "fit"]
    scenes = list(dict.fromkeys(row["scene"] for row in items))
    arms = list(dict.fromkeys(row["arm"] for row in items))
    figure, axes = _figure(len(scenes), 1, (7.6, 2.1))
    for axis, scene in zip(axes, scenes, strict=True):
        mine = [row for row in items if row["scene"] == scene]
        mine.sort(key=lambda row: row["frame"])  # sounds of one frame stand together
        for number, arm in enumerate(arms):
            chosen = [(at, row) for at, row in enumerate(mine, 1) if row["arm"] == arm]
            if not chosen:
                continue
            means = np.array([row["mos"] for _, row in chosen])
            ends = np.array([[_float(row[end]) for _, row in chosen] for end in ("low", "high")])
            errors = np.nan_to_num(np.abs(ends - means))
            axis.errorbar(
                [at for at, _ in chosen], means, yerr=errors, capsize=2, linestyle="",
                color=COLOURS[number % 6], marker=MARKERS[number % 6], label=arm or None,
            )  # fmt: skip
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_ylim(0.8, 5.2)
        axis.set_title(scene or "all items", fontsize=9)
        axis.set_xlabel("item")
        axis.set_ylabel("mean opinion")
        if any(arms):
            axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    yield "Mean opinion of each item with its 95 % interval over raters (fit).", figure


def _correlate(record: Record) -> Iterator[tuple[str, Figure]]:
    values = _rows(record, "correlate-values")
    names = list(dict.fromkeys(row["metric"] for row in values))[:MOST]
    scenes = list(dict.fromkeys(row["scene"] for row in values))
    whole = {
        row["metric"]: row for row in _rows(record, "correlate-table-2")
        if (row["form"], row["scene"]) == (correlate.ITEM_MEANS, correlate.ALL)
    }  # fmt: skip
    figure, axes = _figure(-(-len(names) // 3), min(3, len(names)), (2.9, 2.4))
    for axis, name in zip(axes, names, strict=False):
        for number, scene in enumerate(scenes):
            mine = [r for r in values if (r["metric"], r["scene"]) == (name, scene)]
            axis.plot([_float(r["value"]) for r in mine], [_float(r["mean_fit"]) for r in mine],
                      MARKERS[number % 6], color=COLOURS[number % 6], markersize=4, label=scene,
                      fillstyle="none")  # fmt: skip
        r = whole.get(name, {}).get("r")
        axis.set_title(f"{name}\nr = {_float(r):.2f}", fontsize=8)
        axis.set_ylabel("mean fit")
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    axes[0].legend(fontsize=7)
    yield "Metrics and mean ratings of the pairs, a marker a scene.", figure


def _retrieval(record: Record) -> Iterator[tuple[str, Figure]]:
    scores = _rows(record, "retrieval")
    kinds = list(dict.fromkeys(row["kind"] for row in scores))
    metrics = ("hit@1", "hit@10", "mAP")
    figure, axes = _figure(len(kinds), 1, (7.6, 2.4))
    for axis, kind in zip(axes, kinds, strict=True):
        mine = [row for row in scores if row["kind"] == kind]
        asked = list(dict.fromkeys(row["asked"] for row in mine))
        for number, metric in enumerate(metrics):
            for row in (row for row in mine if row["metric"] == metric):
                at = -asked.index(row["asked"]) + 0.22 * (1 - number)
                errors = np.array([[row["value"] - row["low"]], [row["high"] - row["value"]]])
                axis.errorbar(
                    row["value"], at, xerr=errors.clip(0), color=COLOURS[number], capsize=2,
                    marker=MARKERS[number], linestyle="",
                    label=metric if row["asked"] == asked[0] else None,
                )  # fmt: skip
        axis.set_yticks([-at for at in range(len(asked))], asked)
        axis.set_xlim(0, 1)
        axis.set_title(f"asked by {kind}", fontsize=9)
        axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    yield "Scores of each way to ask, with 95 % intervals over questions.", figure


def _power(record: Record) -> Iterator[tuple[str, Figure]]:
    [plan], curve = _rows(record, "power"), _rows(record, "power-curve")
    figure, [axis] = _figure(1, 1, (5.2, 2.8))
    axis.plot([row["r"] for row in curve], [row["found"] for row in curve], color=COLOURS[0],
              marker=MARKERS[0], markersize=4)  # fmt: skip
    axis.axhline(plan["power"], color=INK, linewidth=0.8, linestyle="--")
    axis.text(1.0, plan["power"] - 0.02, "asked for", ha="right", va="top", fontsize=8)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1.05)
    axis.set_xlabel("true r within scenes")
    axis.set_ylabel("share of tests that find it")
    yield "How often a test like this finds a correlation; at 0: finds one where none is.", figure


def _freesound(record: Record) -> Iterator[tuple[str, Figure]]:
    """Tau-b of each term: a line a term, a marker an order of theirs; ours: meaning."""
    rows = [row for row in _rows(record, "freesound") if row["ours"] == "meaning"][: 3 * TERMS]
    terms = list(dict.fromkeys((row["term"], row["sort"]) for row in rows))
    figure, [axis] = _figure(1, 1, (7.0, 0.9 + 0.24 * len(terms)))
    for number, theirs in enumerate(dict.fromkeys(row["freesound"] for row in rows)):
        mine = [row for row in rows if row["freesound"] == theirs]
        axis.plot([_float(row["tau_b"]) for row in mine],
                  [-terms.index((row["term"], row["sort"])) for row in mine], MARKERS[number],
                  color=COLOURS[number], fillstyle="none", label=theirs)  # fmt: skip
    axis.axvline(0, color=INK, linewidth=0.6)
    axis.set_xlim(-1.05, 1.05)
    axis.set_yticks([-at for at in range(len(terms))], [term for term, _ in terms])
    axis.set_xlabel("Kendall's tau-b with our ranking by meaning")
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    yield "Freesound's order, downloads and rating against our ranking; 1 is the same.", figure


def _quality(record: Record) -> Iterator[tuple[str, Figure]]:
    rows = _rows(record, "quality-faults")
    figure, [axis] = _figure(1, 1, (5.2, 0.9 + 0.3 * len(rows)))
    bars = axis.barh(
        [row["fault"] for row in rows], [row["sounds"] for row in rows], color=COLOURS[0],
        edgecolor=INK, linewidth=0.5,
    )  # fmt: skip
    axis.bar_label(bars, padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("sounds")
    yield "Recordings with each fault, and without any.", figure


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)


_FIGURES: Mapping[str, Callable[[Record], Iterator[tuple[str, Figure]]]] = {
    "inconsistency": _inconsistency,
    "slerp": _slerp,
    "mos": _mos,
    "correlate": _correlate,
    "retrieval": _retrieval,
    "power": _power,
    "freesound": _freesound,
    "quality": _quality,
}
