"""Training curves of every run of a method, with the time from fitting to generalising marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from gengap.report.figures.axis import Axis, make_axis
from gengap.report.figures.curves import (
    BOTTOM,
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    across_steps,
    curves_frame,
)
from gengap.report.figures.drawing import (
    Drawing,
    curve,
    curve_names,
    label_width,
    line,
    mark,
    path,
    text_width,
    words,
)
from gengap.report.numerals import Numerals, count

Points = Sequence[tuple[int, float]]


def training_drawing(
    name: str,
    title: str,
    unit: str,
    runs: Mapping[str, Sequence[Points]],
    number: Numerals,
    level: float | None,
    reached: Sequence[tuple[str, float | None]],
) -> Drawing:
    """Draw each run as a thin line and their mean as a thick one, against steps.

    Args:
        name: of the drawing, unique on the page.
        title: what is drawn.
        unit: what the vertical axis shows.
        runs: by what is scored, each run's steps and scores, those that are NaN left out.
        number: how scores are printed.
        level: drawn across; None for none.
        reached: what happens at which step, the first and the last with a shade between; steps that
            are None are left out.
    """
    steps = sorted({step for own in runs.values() for points in own for step, _ in points})
    scores = [100 * y if number.percent else y for own in runs.values() for p in own for _, y in p]
    width = WIDTH - LEFT - label_width(runs) - 52
    up = make_axis([min(scores), max(scores)], [])

    def place(step: float, score: float) -> tuple[float, float]:
        return across_steps(step, steps, width), _height(up, number, score)

    marks = curves_frame(up, steps, width)
    if level is not None:
        y = _height(up, number, level)
        if TOP <= y <= BOTTOM:
            marks.append(line("zero", LEFT, y, LEFT + width, y))
    marks += _reached(reached, steps, width)
    for k, own in enumerate(runs.values(), 1):
        several = own if len(own) > 1 else []
        marks += [path(f"curve faint c{k}", [place(*point) for point in p]) for p in several if p]
        marks += curve(k, [place(*point) for point in mean_of(own)])
    marks += [
        *curve_names(LEFT + width + 18, TOP, runs),
        words("soft", 0, 14, unit),
        words("soft middle", LEFT + width / 2, BOTTOM + 40, "steps, logarithmic"),
    ]
    return Drawing(name, title, _description(title, runs, number, reached), WIDTH, HEIGHT, marks)


def mean_of(runs: Sequence[Points]) -> list[tuple[int, float]]:
    """The mean score at each step that all runs have, in order."""
    if not runs:
        return []
    known = [dict(points) for points in runs]
    common = sorted(set.intersection(*map(set, known)))
    return [(step, float(np.mean([own[step] for own in known]))) for step in common]


def _reached(
    reached: Sequence[tuple[str, float | None]], steps: Sequence[int], width: float
) -> list[Markup]:
    """The steps marked by lines, the time between by a shade, with words above."""
    known = [(what, step) for what, step in reached if step is not None]
    if not known:
        return []
    xs = [across_steps(step, steps, width) for _, step in known]
    marks = [line("edge", x, TOP, x, BOTTOM) for x in xs]
    left, right = min(xs), max(xs)
    if right > left:
        size = {"width": right - left, "height": BOTTOM - TOP}
        marks.insert(0, mark("rect", "band c0", x=left, y=TOP, **size))
    said = ", ".join(f"{what} at {count(step)}" for what, step in known)
    half = text_width(said) / 2
    middle = min(max((left + right) / 2, LEFT + half), max(LEFT + width - half, LEFT + half))
    return [*marks, words("soft middle", middle, TOP - 6, said)]


def _height(axis: Axis, number: Numerals, score: float) -> float:
    shown = 100 * score if number.percent else score
    return BOTTOM - (BOTTOM - TOP) * axis.at(shown) / 100


def _description(
    title: str,
    runs: Mapping[str, Sequence[Points]],
    number: Numerals,
    reached: Sequence[tuple[str, float | None]],
) -> str:
    parts = []
    for what, own in runs.items():
        mean = mean_of(own)
        if mean:
            (first, low), (last, high) = mean[0], mean[-1]
            parts.append(
                f"{what} from {number.score(low)} at {count(first)} to {number.score(high)} at "
                f"{count(last)} steps"
            )
    parts += [
        f"{what} at step {count(step)}"
        for what, step in reached
        if step is not None and math.isfinite(step)
    ]
    return f"{title}: {'; '.join(parts)}."
