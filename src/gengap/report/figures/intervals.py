"""Means of methods with their limits."""

from __future__ import annotations

from gengap.report.comparison_reading import Summary
from gengap.report.figures.drawing import label
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.numerals import Numerals, level_text


def intervals_figure(summary: Summary, number: Numerals) -> Figure:
    """The mean of each method, with limits here and for environments like these."""
    about, methods = summary["comparison"], summary["methods"]
    here, wide = ("mean_low", "mean_high"), ("like_these_low", "like_these_high")
    level = level_text(about["level"])
    legend = [
        (kind, f"{level} interval for {meaning}")
        for kind, meaning, key in (
            ("interval", "these environments", here[0]),
            ("wide", "environments like these", wide[0]),
        )
        if any(row[key] is not None for row in methods)
    ]
    return Figure(
        "intervals",
        "Mean by method",
        f"Mean {about['metric']} of {len(methods)} methods, best on top; the number of each row is "
        "beside it in text.",
        f"mean {about['metric']}; further {'right' if about['higher_is_better'] else 'left'} is "
        "better",
        [
            interval_row(
                number,
                label(row["method"]),
                row["mean"],
                (row[here[0]], row[here[1]]),
                (row[wide[0]], row[wide[1]]),
            )
            for row in methods
        ],
        axis_for(
            [row[key] for row in methods for key in ("mean", *here)],
            [row[key] for row in methods for key in wide],
        ),
        strong=None,
        legend=[("dot", "mean"), *legend],
        headed=False,
    )
