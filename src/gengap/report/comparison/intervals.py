"""Means with their limits: as the report's figure of dots, and as a drawing of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from gengap.questions.comparison.verdict import Numbers
from gengap.report.axis import Axis
from gengap.report.comparison.drawing import (
    MOST_DRAWN,
    Drawing,
    bottom_axis,
    dot,
    label,
    label_width,
    line,
    words,
)
from gengap.report.comparison.reading import Row, Summary, limited
from gengap.report.figures import Figure, FigureRow, axis_for, figure, interval_marks

WIDTH, TOP, STEP = 940, 8, 26
# Name; estimate, low, high; low and high of a wider interval.
IntervalRow = tuple[str, float | None, float | None, float | None, float | None, float | None]


def intervals_figure(summary: Summary, number: Numbers) -> Figure:
    """The mean of each method, with limits here and for environments like these."""
    rows = [
        FigureRow(
            label(row["method"]),
            number(row["mean"]),
            interval_marks(
                row["mean"],
                (row["mean_low"], row["mean_high"]),
                (row["like_these_low"], row["like_these_high"]),
            ),
            detail=number.interval(row["mean_low"], row["mean_high"]),
        )
        for row in summary["methods"]
    ]
    return figure(
        "intervals",
        "Mean by method",
        _described(summary),
        _axis_label(summary),
        rows,
        _axis(summary["methods"]),
        zero=False,
    )


def intervals_drawing(summary: Summary, number: Numbers) -> Drawing:
    """The same as a drawing for papers and slides."""
    rows = [
        (row["method"], *limited(row, "mean"), row["like_these_low"], row["like_these_high"])
        for row in summary["methods"][:MOST_DRAWN]
    ]
    level = f"{100 * summary['comparison']['level']:.3g}%"
    return interval_rows(
        "intervals",
        "Mean by method",
        _described(summary),
        rows,
        _axis(summary["methods"]),
        number,
        f"{_axis_label(summary)}; thick: {level} interval here, thin: environments like these",
    )


def interval_rows(
    name: str,
    title: str,
    description: str,
    rows: Sequence[IntervalRow],
    axis: Axis,
    number: Callable[[float], str],
    axis_label: str,
    *,
    strong: float | None = None,
) -> Drawing:
    """Draw a dot and its limits per row; ``strong`` is a value to mark with a line."""
    gutter = label_width(row[0] for row in rows) + 18
    values = [_value(number, *row[1:4]) for row in rows]
    width = WIDTH - gutter - 7 * max(map(len, values), default=0) - 20
    bottom = TOP + STEP * len(rows)
    marks = bottom_axis(axis, gutter, width, TOP, bottom)

    def at(value: float) -> float:
        return gutter + width * axis.at(value) / 100

    if strong is not None:
        marks.append(line("zero", at(strong), TOP, at(strong), bottom))
    for k, (method, estimate, low, high, wide_low, wide_high) in enumerate(rows):
        y = TOP + STEP * (k + 0.5)
        marks.append(words("", 0, y + 4, label(method)))
        marks.append(words("small end", WIDTH, y + 4, values[k]))
        for kind, left, right in (("wide", wide_low, wide_high), ("interval", low, high)):
            if left is not None and right is not None:
                marks.append(line(kind, at(left), y, at(right), y))
        marks.append(dot("dot", at(estimate), y) if estimate is not None else Markup(""))
    marks.append(words("soft", gutter, bottom + 40, axis_label))
    return Drawing(name, title, description, WIDTH, bottom + 48, marks)


def _value(
    number: Callable[[float], str], value: float | None, low: float | None, high: float | None
) -> str:
    if value is None:
        return "n/a"
    if low is None or high is None:
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def _axis(rows: Sequence[Row]) -> Axis:
    core = [row[key] for row in rows for key in ("mean", "mean_low", "mean_high")]
    return axis_for(core, [row[f"like_these_{end}"] for row in rows for end in ("low", "high")])


def _axis_label(summary: Summary) -> str:
    about = summary["comparison"]
    return f"mean {about['metric']}; further {_side(summary)} is better"


def _side(summary: Summary) -> str:
    return "right" if summary["comparison"]["higher_is_better"] else "left"


def _described(summary: Summary) -> str:
    about = summary["comparison"]
    return (
        f"Mean {about['metric']} of {len(summary['methods'])} methods, best on top; the number of "
        "each row is beside it in text."
    )
