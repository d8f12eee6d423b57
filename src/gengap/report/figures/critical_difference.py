"""Demšar's critical-difference diagram: average ranks on a line, bars over what is not told apart.

J. Demšar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine
Learning Research 7 (2006), 1-30, figure 1. The best half is labelled on the left, best on top, the
other half on the right, worst on top, so that no two leaders cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gengap.report.comparison_reading import Row, Summary
from gengap.report.figures.axis import nice_ticks
from gengap.report.figures.drawing import (
    MOST_DRAWN,
    Drawing,
    label,
    label_width,
    line,
    path,
    words,
)

WIDTH, AXIS_AT, BAR_STEP, LEADER_STEP = 940, 66, 9, 22
OVERHANG = 4  # pixels by which a bar passes its outermost methods


@dataclass(frozen=True)
class Scale:
    """Where ranks lie: 1 at ``left``, ``last`` at ``right``."""

    left: float
    right: float
    last: float

    def at(self, rank: float) -> float:
        """Return the position of a rank."""
        return self.left + (self.right - self.left) * (rank - 1) / (self.last - 1)


def critical_difference_diagram(summary: Summary) -> Drawing | None:
    """Draw average ranks and Nemenyi's groups; None where methods could not be ranked."""
    ranks: Row | None = summary.get("ranks")
    if ranks is None:
        return None
    names = ranks["methods"][:MOST_DRAWN]
    every = dict(zip(ranks["methods"], ranks["average_ranks"], strict=True))
    places = {name: every[name] for name in names}
    gutter = label_width(names) + 66
    scale = Scale(gutter, WIDTH - gutter, max(len(names), *places.values()))
    groups = [group for group in ranks["groups"] if not places.keys().isdisjoint(group)]
    bars, levels = _bars(scale, [[every[name] for name in group] for group in groups])
    top = AXIS_AT + 24 + BAR_STEP * levels
    half = (len(names) + 1) // 2
    marks = [*_axis(scale), *_yardstick(scale, ranks["critical_difference"])]
    for side, column in ((-1, names[:half]), (1, names[half:][::-1])):
        for row, name in enumerate(column):
            marks += _leader(scale, places[name], top + LEADER_STEP * row, side, label(name))
    bottom = top + LEADER_STEP * half - 8
    if len(names) < len(every):
        says = f"first {len(names)} of {len(every)} methods; arrows: the bar goes on"
        marks.append(words("soft middle", WIDTH / 2, bottom + 14, says))
        bottom += 22
    return Drawing(
        "critical-difference",
        "Critical-difference diagram",
        _described(ranks, places),
        WIDTH,
        bottom,
        [*marks, *bars],
    )


def _axis(scale: Scale) -> list[Markup]:
    marks = [line("edge", scale.left, AXIS_AT, scale.right, AXIS_AT)]
    ticks = [tick for tick in nice_ticks(0.0, scale.last, 12) if tick > 1 and tick % 1 == 0]
    for tick in (1, *ticks):
        x = scale.at(tick)
        marks += [
            line("edge", x, AXIS_AT - 5, x, AXIS_AT),
            words("soft middle", x, AXIS_AT - 11, f"{tick:.0f}"),
        ]
    return marks


def _yardstick(scale: Scale, difference: float | None) -> list[Markup]:
    """The critical difference as a length on the axis' own scale."""
    if difference is None:
        return []
    says = f"critical difference {difference:.2f}"
    if 1 + difference > scale.last:
        return [words("soft", scale.left, 18, f"{says}, wider than the axis")]
    end = scale.at(1 + difference)
    return [
        line("edge", scale.left, 14, end, 14),
        line("edge", scale.left, 10, scale.left, 18),
        line("edge", end, 10, end, 18),
        words("soft", end + 10, 18, says),
    ]


def _leader(scale: Scale, rank: float, y: float, side: int, name: str) -> list[Markup]:
    x = scale.at(rank)
    edge = scale.left - 6 if side < 0 else scale.right + 6
    corner = path("thin", [(x, AXIS_AT), (x, y), (edge, y)])
    number = words("soft end" if side < 0 else "soft", edge + side * 6, y + 4, f"{rank:.2f}")
    return [corner, number, words("end" if side < 0 else "", edge + side * 50, y + 4, name)]


def _bars(scale: Scale, groups: Sequence[Sequence[float]]) -> tuple[list[Markup], int]:
    """Groups as bars, each on the first level where it meets no other; and how many levels."""
    ends: list[float] = []
    marks = []
    for group in sorted((group for group in groups if len(group) > 1), key=min):
        goes_on = max(group) > scale.last
        first = scale.at(min(group)) - OVERHANG
        last = scale.at(min(max(group), scale.last)) + OVERHANG
        free = [level for level, end in enumerate(ends) if first > end + 8]
        level = free[0] if free else len(ends)
        ends[level : level + 1] = [last]
        y = AXIS_AT + 12 + BAR_STEP * level
        marks.append(line("group", first, y, last, y))
        if goes_on:
            tip = [(last, y - 5), (last + 10, y), (last, y + 5)]
            marks.append(path("arrow", tip, closed=True))
    return marks, len(ends)


def _described(ranks: Row, places: dict[str, float]) -> str:
    told = ", ".join(f"{label(name)} {rank:.2f}" for name, rank in places.items())
    groups = "; ".join(
        ", ".join(label(name) for name in group) for group in ranks["groups"] if len(group) > 1
    )
    shown = f" of the first {len(places)} of {len(ranks['methods'])} methods"
    whose = shown if len(places) < len(ranks["methods"]) else ""
    text = f"Average ranks{whose}, 1 the best: {told}."
    return f"{text} Not told apart: {groups}." if groups else f"{text} All are told apart."
