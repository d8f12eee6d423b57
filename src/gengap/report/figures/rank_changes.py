"""How ranks change with the rule: a line per method from rule to rule."""

from __future__ import annotations

from gengap.report.comparison_reading import Summary
from gengap.report.figures.drawing import (
    HIGHLIGHTED,
    MOST_DRAWN,
    Drawing,
    dot,
    label,
    label_width,
    path,
    words,
)

TOP, STEP, APART = 46, 24, 104


def rank_changes_drawing(summary: Summary) -> Drawing | None:
    """Draw the rank of each method by each rule; None without rankings.

    Methods that tie meet in one point; their names stay apart.
    """
    rankings = summary.get("rankings")
    if not rankings:
        return None
    first, last = rankings[0], rankings[-1]
    names = first["methods"][:MOST_DRAWN]
    ranks = {
        name: [ranking["ranks"][ranking["methods"].index(name)] for ranking in rankings]
        for name in names
    }
    gutter = label_width(names) + 34
    xs = [gutter + APART * k for k in range(len(rankings))]
    right = [name for name in last["methods"] if name in ranks]
    lowest = max(len(names), *(place for places in ranks.values() for place in places))
    marks = [
        words("soft middle", x, 16, ranking["rule"])
        for x, ranking in zip(xs, rankings, strict=True)
    ]
    for k, name in reversed(list(enumerate(names))):
        colour = f"c{k + 1}" if k < HIGHLIGHTED else "c0"
        points = [(x, _y(place)) for x, place in zip(xs, ranks[name], strict=True)]
        start, end = (xs[0] - 20, _y(k + 1)), (xs[-1] + 20, _y(right.index(name) + 1))
        kind = "curve" if k < HIGHLIGHTED else "curve faint"
        marks.append(path(f"{kind} {colour}", [start, *points, end]))
        marks += [dot(f"mark {colour}", *point) for point in points]
        marks += [
            words("end", start[0] - 8, start[1] + 4, label(name)),
            words("", end[0] + 8, end[1] + 4, label(name)),
        ]
    return Drawing(
        "rank-stability",
        "Rank by rule",
        _described(summary, names),
        xs[-1] + gutter,
        _y(lowest) + 18,
        marks,
    )


def _y(rank: float) -> float:
    return TOP + STEP * (rank - 1)


def _described(summary: Summary, names: list[str]) -> str:
    winners = [f"{ranking['methods'][0]} by {ranking['rule']}" for ranking in summary["rankings"]]
    return f"Ranks of {len(names)} methods by each rule, 1 on top. First: {', '.join(winners)}."
