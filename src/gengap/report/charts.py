"""The report's figures: which rows, which axis, which words."""

from __future__ import annotations

from gengap.report.axis import Axis
from gengap.report.figures import Figure, FigureRow, axis_for, figure, interval_marks, pair_marks
from gengap.report.numerals import Numerals
from gengap.report.summary import Row, Summary

COST = ("cost_of_unseen", "cost_low", "cost_high")
SCORE = ("score_unseen", "score_low", "score_high")


def methods_figure(summary: Summary, number: Numerals) -> Figure:
    """The cost of unseen per method, with both intervals."""
    scale = number.scaled(1.0)
    core = [row[key] for row in summary.methods for key in COST]
    wide = [
        row[key]
        for row in summary.methods
        for key in ("new_environment_low", "new_environment_high")
    ]
    rows = [
        FigureRow(
            row["method"],
            number(row["cost_of_unseen"]),
            interval_marks(
                _scaled(row, "cost_of_unseen", scale),
                (_scaled(row, "cost_low", scale), _scaled(row, "cost_high", scale)),
                (
                    _scaled(row, "new_environment_low", scale),
                    _scaled(row, "new_environment_high", scale),
                ),
            ),
            detail=number.around(*(row[key] for key in COST)),
        )
        for row in summary.methods
    ]
    return figure(
        "cost-by-method",
        "By method",
        _costs_in_words("method", rows),
        cost_label(summary, number),
        rows,
        axis_for([0.0, *core], wide, scale=scale),
    )


def environments_axis(summary: Summary, number: Numerals) -> Axis:
    """One axis for the panels of all methods, so that they can be compared."""
    estimates = [row["cost_of_unseen"] for row in summary.environments]
    ends = [row[key] for row in summary.environments for key in ("cost_low", "cost_high")]
    return axis_for([0.0, *estimates], ends, scale=number.scaled(1.0))


def environments_figure(
    summary: Summary,
    number: Numerals,
    rows: list[Row],
    axis: Axis,
    identifier: str,
) -> Figure:
    """The cost of unseen per environment for the method whose ``rows`` are given."""
    scale = number.scaled(1.0)
    lines = [
        FigureRow(
            row["environment"],
            number(row["cost_of_unseen"]),
            interval_marks(
                _scaled(row, "cost_of_unseen", scale),
                (_scaled(row, "cost_low", scale), _scaled(row, "cost_high", scale)),
            ),
            detail=number.around(*(row[key] for key in COST)),
        )
        for row in rows
    ]
    title = rows[0]["method"] if rows else ""
    description = _costs_in_words("environment", lines)
    return figure(identifier, title, description, cost_label(summary, number), lines, axis)


def difficulty_figure(summary: Summary, number: Numerals, rows: list[Row]) -> Figure:
    """How each environment's gap splits into difficulty and cost of unseen, for one method."""
    scale = number.scaled(1.0)
    rows = sorted(rows, key=lambda row: -row["gap"] if row["gap"] is not None else float("inf"))
    lines = [
        FigureRow(
            row["environment"],
            number(row["gap"]),
            pair_marks(
                _scaled(row, "difficulty", scale),
                _scaled(row, "cost_of_unseen", scale),
                _scaled(row, "gap", scale),
            ),
            detail=f"{number(row['difficulty'])} and {number(row['cost_of_unseen'])}",
        )
        for row in rows
    ]
    values = [row[key] for row in rows for key in ("gap", "difficulty", "cost_of_unseen")]
    measured = [row for row in rows if None not in (row["difficulty"], row["cost_of_unseen"])]
    mostly = sum(abs(row["cost_of_unseen"]) > abs(row["difficulty"]) for row in measured)
    return figure(
        "difficulty",
        "Gap, split into difficulty and cost of unseen",
        f"Two bars per environment. In {mostly} of {len(measured)} environments the cost of "
        "unseen is the larger of the two. The values are in the table of environments.",
        cost_label(summary, number),
        lines,
        axis_for([0.0, *values], scale=scale),
    )


def rules_figure(summary: Summary, number: Numerals, method: str) -> Figure | None:
    """The score each selection rule reaches for one method; None when it has no rules."""
    scale = number.scaled(1.0)
    own = {row["rule"]: row for row in summary.rules if row["method"] == method}
    rules = [own[rule["rule"]] for rule in summary.rules_in_order if rule["rule"] in own]
    if not any(row["score_unseen"] is not None for row in rules):
        return None
    lines = [
        FigureRow(
            row["rule"],
            number(row["score_unseen"]),
            interval_marks(
                _scaled(row, "score_unseen", scale),
                (_scaled(row, "score_low", scale), _scaled(row, "score_high", scale)),
                hollow=row["peeks"],
            ),
            detail=number.around(*(row[key] for key in SCORE)),
            tag="peeks" if row["peeks"] else "",
        )
        for row in rules
    ]
    best = [row for row in rules if row["peeks"] and row["score_unseen"] is not None]
    description = f"One row per selection rule, {len(best)} of {len(rules)} peek. "
    description += "The values are in the table of selection rules."
    return figure(
        "rules",
        method,
        description,
        score_label(summary, number),
        lines,
        axis_for([row[key] for row in rules for key in SCORE], scale=scale),
        zero=False,
    )


def cost_label(summary: Summary, number: Numerals) -> str:
    """Say what a cost axis measures and which way is worse."""
    metric = summary.study["metric"]
    unit = f"points of {metric}" if number.percent else metric
    return f"{unit}; to the right of zero is worse off"


def score_label(summary: Summary, number: Numerals) -> str:
    """Say what a score axis measures and which way is better."""
    unit = f"{summary.study['metric']}{', %' if number.percent else ''}"
    better = "right" if summary.study["higher_is_better"] else "left"
    return f"{unit} where unseen; further {better} is better"


def _scaled(row: Row, key: str, scale: float) -> float | None:
    return None if row[key] is None else scale * row[key]


def _costs_in_words(kind: str, rows: list[FigureRow]) -> str:
    if not rows:
        return "Nothing was measured."
    return f"One row per {kind}, {len(rows)} in all; the number of each row is beside it in text."
