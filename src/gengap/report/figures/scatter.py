"""Points in the plane with a straight line: one score of many runs against another."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from gengap.report.figures.axis import Axis, make_axis
from gengap.report.figures.drawing import (
    HIGHLIGHTED,
    Drawing,
    bottom_axis,
    label,
    label_width,
    line,
    mark,
    path,
    words,
)

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 832, 392, 58, 32, 342
MOST = 600


def scatter_drawing(
    name: str,
    title: str,
    description: str,
    points: Sequence[tuple[float, float, int]],
    groups: Sequence[str],
    labels: tuple[str, str],
    ends: Sequence[tuple[float, float]] = (),
) -> Drawing:
    """Draw points, coloured by group, and a line.

    Args:
        name: of the drawing, unique on the page.
        title: its accessible name.
        description: what it shows, in words.
        points: ``(x, y, group)`` in the unit printed; of more than 600 every few are drawn.
        groups: what each group is called; all beyond the sixth share a colour.
        labels: of the horizontal and the vertical axis.
        ends: two ends of the line in the unit printed; none for no line.
    """
    shown = points[:: -(-len(points) // MOST) or 1]
    width = WIDTH - LEFT - label_width([*groups[:HIGHLIGHTED], "others"]) - 52
    across = make_axis([x for x, _, _ in shown])
    up = make_axis([y for _, y, _ in shown])
    marks = [*bottom_axis(across, LEFT, width, TOP, BOTTOM), *_up(up, width)]
    for x, y, group in shown:
        colour = group + 1 if group < HIGHLIGHTED else 0
        place = {"cx": _x(across, x, width), "cy": _y(up, y), "r": 3}
        marks.append(mark("circle", f"mark c{colour}", **place, opacity=0.55))
    if ends:
        marks.append(path("edge", [(_x(across, x, width), _y(up, y)) for x, y in ends]))
    for k, called in enumerate(groups[:HIGHLIGHTED]):
        y = TOP + 14 + 22 * k
        marks.append(mark("circle", f"mark c{k + 1}", cx=LEFT + width + 26, cy=y - 4, r=4))
        marks.append(words("", LEFT + width + 40, y, label(called)))
    marks.append(words("soft", 0, 14, labels[1]))
    marks.append(words("soft middle", LEFT + width / 2, BOTTOM + 40, labels[0]))
    return Drawing(name, title, description, WIDTH, HEIGHT, marks)


def _up(axis: Axis, width: float) -> list[Markup]:
    marks = []
    for value, text in zip(axis.ticks, axis.labels(), strict=True):
        y = _y(axis, value)
        marks += [line("grid", LEFT, y, LEFT + width, y), words("soft end", LEFT - 8, y + 4, text)]
    return marks


def _x(axis: Axis, value: float, width: float) -> float:
    return LEFT + width * axis.at(value) / 100


def _y(axis: Axis, value: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * axis.at(value) / 100
