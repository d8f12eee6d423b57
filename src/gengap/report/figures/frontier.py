"""Scores and costs against what a method took, in two panels: in training and for an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from gengap.report.figures.axis import Axis, make_axis, nice_ticks
from gengap.report.figures.drawing import Drawing, dot, line, path, words
from gengap.report.numerals import Numerals
from gengap.report.reading import Row

WIDTH, HEIGHT, TOP, BOTTOM = 820, 356, 40, 292
PANELS = ((64, 338), (462, 338))  # left edge and width
TITLES = ("Training, in passes (logarithmic)", "An answer, in passes (logarithmic)")
APART = 13  # pixels between the numbers of methods that lie on each other
NUMBER = 16  # pixels that a number takes


def spending_drawing(
    number: Numerals, rows: Sequence[Row], key: str, unit: str, *, larger_is_better: bool
) -> Drawing | None:
    """Draw methods by what they took and by what they came to.

    Args:
        rows: ``number``, ``training`` and ``answer``, passes, and the key of each method.
        key: what is drawn upwards, in the unit that ``unit`` says.
        larger_is_better: of the key.
    """
    # What took nothing, such as acting at random, has no place on a logarithmic axis.
    known = [r for r in rows if r[key] is not None and r["answer"] and r["training"]]
    if len(known) < 2:
        return None
    factor = 100.0 if number.percent else 1.0
    zero = [] if larger_is_better else [0.0]
    up = make_axis([*zero, *(factor * row[key] for row in known)], most_ticks=6)
    marks: list[Markup] = [words("soft", 0, 14, unit)]
    for (left, width), spent, title in zip(PANELS, ("training", "answer"), TITLES, strict=True):
        places = [(math.log10(row[spent]), factor * row[key], row) for row in known]
        marks += _panel(left, width, title, places, up, larger_is_better)
    way = "higher" if larger_is_better else "lower"
    return Drawing(
        f"spending-{key.replace('_', '-')}",
        f"{unit} against passes",
        f"Each number is a method of the table below; {way} is better, further left is cheaper.",
        WIDTH,
        HEIGHT,
        marks,
    )


def frontier(
    places: Sequence[tuple[float, float]], larger_is_better: bool = False
) -> list[tuple[float, float]]:
    """Of ``(spent, value)`` those that nothing betters for as little, from the cheapest on."""
    sign = -1.0 if larger_is_better else 1.0
    found: list[tuple[float, float]] = []
    for spent, value in sorted(places, key=lambda place: (place[0], sign * place[1])):
        if not found or sign * value < sign * found[-1][1]:
            found.append((spent, value))
    return found


def _panel(
    left: float,
    width: float,
    title: str,
    places: Sequence[tuple[float, float, Row]],
    up: Axis,
    larger_is_better: bool,
) -> list[Markup]:
    low, high = min(x for x, *_ in places), max(x for x, *_ in places)
    reach = max(high - low, math.log10(2))
    low, high = low - 0.12 * reach, low + 1.12 * reach

    def x(spent: float) -> float:
        return left + width * (spent - low) / (high - low)

    def y(cost: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * up.at(cost) / 100

    marks = [words("soft middle", left + width / 2, BOTTOM + 44, title)]
    for value, text in zip(up.ticks, up.labels(), strict=True):
        kind = "zero" if value == 0 else "grid"
        marks += [line(kind, left, y(value), left + width, y(value))]
        marks.append(words("soft end", left - 8, y(value) + 4, text))
    for passes in _round_passes(10**low, 10**high):
        at = x(math.log10(passes))
        marks.append(line("grid", at, TOP, at, BOTTOM))
        marks.append(words("soft middle", at, BOTTOM + 20, f"{passes:,.0f}"))
    ends = [(spent, value) for spent, value, _ in places]
    edge = [(x(spent), y(cost)) for spent, cost in frontier(ends, larger_is_better)]
    corners = [(after[0], before[1]) for before, after in pairwise(edge)]
    steps = [end for pair in zip(corners, edge[1:], strict=True) for end in pair]
    marks.append(path("edge", [edge[0], *steps, (left + width, edge[-1][1])]))
    taken: list[tuple[float, float]] = []
    numbers: list[Markup] = []
    for spent, cost, row in places:
        across, height = x(spent), y(cost)
        marks.append(dot("dot", across, height))
        near = [a for a, h in taken if abs(height - h) < APART]
        taken.append((_free(across, near, left, left + width), height))
        numbers.append(words("clear", taken[-1][0], height + 4, str(row["number"])))
    return marks + numbers


def _free(across: float, near: Sequence[float], left: float, right: float) -> float:
    """Where the number of a dot begins: behind it, or before it where the panel ends."""
    behind = [across + 9 + k * (APART + 9) for k in range(20)]
    before = [across - 25 - k * (APART + 9) for k in range(20)]
    inside = [a for a in (*behind, *before) if left <= a <= right - NUMBER]
    free = [a for a in inside if all(abs(a - other) >= APART for other in near)]
    return (free or inside)[0]


def _round_passes(low: float, high: float) -> Sequence[float]:
    """Round numbers within a range, three or so to a power of ten where there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = [10.0**k * step for k in powers for step in (1, 2, 5)]
    inside = [value for value in few if low <= value <= high and value >= 1]
    if len(inside) < 2 and high - low > 10:  # one number would not tell how far apart others are
        return nice_ticks(low, high, 4)
    return inside if len(inside) <= 7 else [v for v in inside if f"{v:e}"[0] == "1"]
