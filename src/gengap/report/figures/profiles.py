"""Performance profiles: for each threshold, the share of a method's runs that are better."""

from __future__ import annotations

from markupsafe import Markup

from gengap.report.comparison_reading import Row, Summary
from gengap.report.figures.axis import Axis, nice_ticks
from gengap.report.figures.drawing import (
    HIGHLIGHTED,
    Drawing,
    band,
    bottom_axis,
    curve,
    curve_names,
    label,
    label_width,
    line,
    path,
    words,
)
from gengap.report.numerals import level_text

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 940, 412, 46, 32, 362
MOST_FAINT = 30


def profiles_drawing(summary: Summary) -> Drawing | None:
    """Draw the first methods by mean in colour with their bands, the others as thin lines."""
    found: Row | None = summary.get("profiles")
    if not found or len(set(found["thresholds"])) < 2:
        return None
    rows = {row["method"]: row for row in found["methods"]}
    names = [row["method"] for row in summary["methods"] if row["method"] in rows]
    shown, others = names[:HIGHLIGHTED], names[HIGHLIGHTED : HIGHLIGHTED + MOST_FAINT]
    width = WIDTH - LEFT - label_width([*shown, "others, thin lines"]) - 52
    thresholds = found["thresholds"]
    low, high = min(thresholds), max(thresholds)
    axis = Axis(low, high, nice_ticks(low, high))
    xs = [LEFT + width * axis.at(value) / 100 for value in thresholds]
    marks = [*bottom_axis(axis, LEFT, width, TOP, BOTTOM), *_shares(width)]
    for name in others:
        points = zip(xs, _heights(rows[name]["share"]), strict=True)
        marks.append(path("curve faint c0", [(x, y) for x, y in points if y is not None]))
    drawn = list(enumerate((rows[name] for name in shown), 1))
    for k, row in drawn:
        ends = zip(xs, _heights(row["low"]), _heights(row["high"]), strict=True)
        marks += band(k, ends)
    for k, row in reversed(drawn):
        marks += curve(k, zip(xs, _heights(row["share"]), strict=True))
    marks += curve_names(LEFT + width + 18, TOP, shown)
    if rest := len(names) - len(shown):
        x, y = LEFT + width + 18, TOP + 14 + 22 * len(shown)
        marks += [
            line("curve faint c0", x, y - 4, x + 20, y - 4),
            words("soft", x + 28, y, f"{rest} other{'s' if rest > 1 else ''}, thin lines"),
        ]
    about = summary["comparison"]
    side = "above" if about["higher_is_better"] else "below"
    marks.append(
        words("soft", 0, 14, f"share of runs with a {about['metric']} {side} the threshold")
    )
    marks.append(
        words("soft middle", LEFT + width / 2, BOTTOM + 40, f"threshold of {about['metric']}")
    )
    return Drawing(
        "profiles",
        "Score distributions",
        f"Share of runs with a {about['metric']} {side} each threshold, by method, with "
        f"{level_text(about['level'])} bands. {_half(shown, rows, thresholds, side)}",
        WIDTH,
        HEIGHT,
        marks,
    )


def _shares(width: float) -> list[Markup]:
    marks = []
    for percent in (0, 25, 50, 75, 100):
        y = _height(percent / 100)
        marks += [
            line("zero" if percent == 0 else "grid", LEFT, y, LEFT + width, y),
            words("soft end", LEFT - 8, y + 4, f"{percent}%"),
        ]
    return marks


def _heights(shares: list[float | None]) -> list[float | None]:
    return [None if share is None else _height(share) for share in shares]


def _half(shown: list[str], rows: dict[str, Row], thresholds: list[float], side: str) -> str:
    parts = []
    for name in shown:
        passed = [t for t, y in zip(thresholds, rows[name]["share"], strict=True) if y and y >= 0.5]
        if passed:
            parts.append(f"{label(name)} {passed[-1]:.3g}")
    return f"Half of the runs are {side}: {', '.join(parts)}." if parts else ""


def _height(share: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * share
