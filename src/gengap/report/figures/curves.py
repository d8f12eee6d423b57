"""Curves: a score or a norm against steps taken or sizes, on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from gengap.report.figures.axis import Axis, make_axis, nice_ticks
from gengap.report.figures.drawing import (
    HIGHLIGHTED,
    Drawing,
    band,
    curve,
    curve_names,
    label,
    label_width,
    line,
    mark,
    words,
)
from gengap.report.numerals import Numerals, count
from gengap.report.reading import Row

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 940, 352, 58, 32, 302


def curves_drawing(
    name: str,
    title: str,
    unit: str,
    rows: Sequence[Row],
    number: Numerals,
    along: str = "steps, logarithmic",
    *,
    linear: bool = False,
    shaded: tuple[float, float] | None = None,
) -> Drawing:
    """Draw one quantity of several methods with their bands; the first methods in colour.

    Args:
        name: of the drawing, unique on the page.
        title: what is drawn.
        unit: what the vertical axis shows.
        rows: one per method: ``method``, ``steps``, ``mean``, ``low`` and ``high``.
        number: how values are printed.
        along: what the horizontal axis shows.
        linear: whether that axis is linear.
        shaded: a range of it to be shaded, what was trained on.
    """
    rows = rows[:HIGHLIGHTED]
    width = WIDTH - LEFT - label_width([row["method"] for row in rows]) - 52
    steps = sorted({step for row in rows for step in row["steps"]})
    up = _vertical(rows, number)
    marks: list[Markup] = []
    if shaded is not None:
        left, right = (across_steps(end, steps, width, linear) for end in shaded)
        size = {"width": right - left, "height": BOTTOM - TOP}
        marks.append(mark("rect", "band c1", x=left, y=TOP, **size))
        marks.append(words("soft middle", (left + right) / 2, TOP - 6, "trained on"))
    marks += curves_frame(up, steps, width, linear)
    for k, row in enumerate(rows, 1):
        xs = [across_steps(step, steps, width, linear) for step in row["steps"]]
        mean, low, high = (
            [_height(up, number.scaled(value)) for value in row[name]]
            for name in ("mean", "low", "high")
        )
        marks += band(k, zip(xs, low, high, strict=True)) + curve(k, zip(xs, mean, strict=True))
    marks += [
        *curve_names(LEFT + width + 18, TOP, [row["method"] for row in rows]),
        words("soft", 0, 14, unit),
        words("soft middle", LEFT + width / 2, BOTTOM + 40, along),
    ]
    return Drawing(name, title, _description(title, rows, number, along), WIDTH, HEIGHT, marks)


def curves_frame(
    up: Axis, steps: Sequence[float], width: float, linear: bool = False
) -> list[Markup]:
    """The grid with its labels, against values from the first to the last of ``steps``."""
    marks: list[Markup] = []
    for value, text in zip(up.ticks, up.labels(), strict=True):
        y = BOTTOM - (BOTTOM - TOP) * up.at(value) / 100
        marks += [line("grid", LEFT, y, LEFT + width, y), words("soft end", LEFT - 8, y + 4, text)]
    for step in nice_ticks(steps[0], steps[-1], 8) if linear else step_ticks(steps[0], steps[-1]):
        x = across_steps(step, steps, width, linear)
        marks += [
            line("grid", x, TOP, x, BOTTOM),
            words("soft middle", x, BOTTOM + 17, count(step)),
        ]
    return marks


def _vertical(rows: Sequence[Row], number: Numerals) -> Axis:
    means = [number.scaled(v) for row in rows for v in row["mean"] if v is not None]
    limits = [
        number.scaled(v) for row in rows for end in ("low", "high") for v in row[end]
        if v is not None
    ]  # fmt: skip
    return make_axis([v for v in means if v is not None], [v for v in limits if v is not None])


def step_ticks(first: float, last: float) -> list[float]:
    """Powers of ten in the range, both ends, and of a short range what lies between."""
    powers = [10**k for k in range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1)]
    found = {first, last, *powers}
    if len(powers) < 2:
        found |= {m * 10**k for k in range(12) for m in (2, 5) if first < m * 10**k < last}
    # A tick whose label would run into the last one's is left out.
    return sorted(t for t in found if t == last or last > 1.25 * t)


def across_steps(step: float, steps: Sequence[float], width: float, linear: bool = False) -> float:
    """Where a step is on the horizontal axis, which reaches from the first to the last."""
    if linear:
        return LEFT + width * (step - steps[0]) / ((steps[-1] - steps[0]) or 1)
    first, last = math.log10(steps[0]), math.log10(steps[-1])
    return LEFT + width * ((math.log10(step) - first) / (last - first) if last > first else 0.5)


def _height(axis: Axis, value: float | None) -> float | None:
    return None if value is None else BOTTOM - (BOTTOM - TOP) * axis.at(value) / 100


def _description(title: str, rows: Sequence[Row], number: Numerals, along: str) -> str:
    parts = [
        f"{label(row['method'])} from {number.score(row['mean'][0])} at "
        f"{count(row['steps'][0])} to {number.score(row['mean'][-1])} at "
        f"{count(row['steps'][-1])}"
        for row in rows
    ]
    return f"{title}, against {along}: {'; '.join(parts)}."
