"""The cost of unseen along a factor, with the range trained on shaded."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.report.figures.axis import make_axis
from gengap.report.figures.drawing import Drawing, bottom_axis, dot, line, mark, path, words

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 820, 332, 66, 34, 282
Place = tuple[float, float, float | None, float | None]  # across, cost, its limits


def along_drawing(
    name: str,
    title: str,
    description: str,
    places: Sequence[Place],
    trained: tuple[float, float] | None,
    labels: tuple[str, str],
) -> Drawing:
    """Draw costs with their limits against a factor's values.

    Args:
        name: of the drawing, unique on the page.
        title: its accessible name.
        description: what it shows, in words.
        places: value of the factor, cost and limits, in the unit printed, from left to right.
        trained: the range that every split trains on, shaded; None for none.
        labels: of the horizontal and the vertical axis.
    """
    ends = [end for _, _, low, high in places for end in (low, high) if end is not None]
    across = make_axis([x for x, *_ in places])
    up = make_axis([0.0, *(y for _, y, _, _ in places)], ends, most_ticks=5)
    width = WIDTH - LEFT - 16

    def x(value: float) -> float:
        return LEFT + width * across.at(value) / 100

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * up.at(value) / 100

    marks = []
    if trained is not None:
        left, right = x(trained[0]), x(trained[1])
        marks.append(
            mark("rect", "band c1", x=left, y=TOP, width=right - left, height=BOTTOM - TOP)
        )
        if right - left > 150:
            marks.append(
                words("soft middle", (left + right) / 2, TOP - 6, "trained on in every split")
            )
    marks += bottom_axis(across, LEFT, width, TOP, BOTTOM)
    for value, text in zip(up.ticks, up.labels(), strict=True):
        kind = "zero" if value == 0 else "grid"
        marks.append(line(kind, LEFT, y(value), LEFT + width, y(value)))
        marks.append(words("soft end", LEFT - 8, y(value) + 4, text))
    marks.append(path("thin", [(x(place), y(cost)) for place, cost, _, _ in places]))
    for place, cost, low, high in places:
        if low is not None and high is not None:
            marks.append(line("interval", x(place), y(low), x(place), y(high)))
        marks.append(dot("dot", x(place), y(cost)))
    marks.append(words("soft", 0, 14, labels[1]))
    marks.append(words("soft middle", LEFT + width / 2, BOTTOM + 40, labels[0]))
    return Drawing(name, title, description, WIDTH, HEIGHT, marks)
