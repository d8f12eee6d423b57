"""The probability of improvement: every method against every other, or all against a baseline."""

from __future__ import annotations

from markupsafe import Markup

from gengap.report.comparison_reading import Row, Summary, against_reference, facing, limited
from gengap.report.figures.axis import Axis
from gengap.report.figures.drawing import MOST_DRAWN, Drawing, label, label_width, mark, words
from gengap.report.figures.rows import Figure, interval_row
from gengap.report.numerals import Numerals

HEADER, ROW = 26, 25
DARKEST = 0.62  # the ink of the number must stay legible on it


def improvement_drawing(summary: Summary) -> Drawing | Figure | None:
    """Draw a matrix, or with a baseline a row per method; None where no pair has a number."""
    if all(row.get("improvement") is None for row in summary["pairs"]):
        return None
    if summary["comparison"]["baseline"] is not None:
        return _against_baseline(summary)
    return _matrix(summary)


def _matrix(summary: Summary) -> Drawing:
    names = [row["method"] for row in summary["methods"]][:MOST_DRAWN]
    pairs = {frozenset((row["first"], row["second"])): row for row in summary["pairs"]}
    gutter, cell = label_width(names) + 38, 58 if len(names) <= 12 else 42
    marks = []
    for j, other in enumerate(names):
        x = gutter + cell * (j + 0.5)
        marks.append(words("soft middle", x, HEADER - 9, str(j + 1)))
        y = HEADER + ROW * j + 17
        marks += [
            words("soft end", 20, y, str(j + 1)),
            words("", 30, y, label(other)),
        ]
    for i, name in enumerate(names):
        for j, other in enumerate(names):
            x, y = gutter + cell * j, HEADER + ROW * i
            row = pairs.get(frozenset((name, other))) if i != j else None
            marks.append(_cell(x, y, cell, None if row is None else facing(row, name)))
    best = names[0]
    against = [(other, pairs[frozenset((best, other))]) for other in names[1:]]
    said = [
        f"{label(other)} {value:.2f}"
        for other, row in against
        if (value := facing(row, best)["improvement"]) is not None
    ]
    return Drawing(
        "improvement",
        "Probability of improvement",
        "How often a run of the method in the row beats one of the method in the column, in the "
        f"same environment. {label(best)} against {', '.join(said)}.",
        gutter + cell * len(names) + 2,
        HEADER + ROW * len(names) + 2,
        marks,
    )


def _cell(x: float, y: float, width: float, row: Row | None) -> Markup:
    value, low, high = limited(row, "improvement") if row else (None, None, None)
    if value is None:
        return words("soft middle", x + width / 2, y + 17, "·")
    clear = low is not None and high is not None and not low <= 0.5 <= high
    square = mark(
        "rect",
        "more" if value > 0.5 else "less",
        fill_opacity=f"{DARKEST * abs(2 * value - 1):.2f}",
        x=x + 1,
        y=y + 1,
        width=width - 2,
        height=ROW - 2,
    )
    kind = "small middle strong" if clear else "small middle"
    return square + words(kind, x + width / 2, y + 17, f"{value:.2f}")


def _against_baseline(summary: Summary) -> Figure:
    base = label(summary["comparison"]["baseline"])
    found = against_reference(summary)
    rows = []
    for name in (row["method"] for row in summary["methods"] if row["method"] in found):
        value, low, high = limited(found[name], "improvement")
        rows.append(interval_row(Numerals(False, 2), label(name), value, (low, high)))
    return Figure(
        "improvement",
        "Probability of improvement",
        f"How often a run of each method beats one of {base} in the same environment.",
        f"share of runs better than {base}; 0.5 is no difference",
        rows[:MOST_DRAWN],
        Axis(-0.02, 1.02, (0.0, 0.5, 1.0)),
        strong=0.5,
        headed=False,
    )
