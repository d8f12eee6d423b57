"""The table that ``gengap compare`` prints in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from gengap.questions.comparison.verdict import Numbers
from gengap.report.comparison.reading import (
    Row,
    Summary,
    against_reference,
    digits,
    read,
    reference,
)
from gengap.report.comparison.tables import percent, verdict
from gengap.report.console import LINE, NARROWEST_NAME
from gengap.report.text import shorten

MOST_ROWS, LONGEST_NAME = 40, 40
HEADINGS = ("mean", "IQM", "rank", "P(best)", "")
DISPENSABLE = (1, 2)


def console_table(summary: Mapping[str, Any]) -> Table:
    """Return the methods as a rich table that fits in 80 columns, the best mean first.

    Args:
        summary: what :func:`gengap.questions.comparison.summary.summarise` returns.

    Raises:
        UsageError: ``summary`` is not what ``compare.json`` holds.
    """
    checked = read(summary)
    number = digits(checked)
    rows = _rows(checked, number)
    kind = "baseline" if checked["comparison"]["baseline"] else "leader"
    headings = [*HEADINGS[:-1], f"vs {kind}"]
    widths = [
        max(len(heading), *(len(row[k + 1]) for row in rows)) if any(r[k + 1] for r in rows) else 0
        for k, heading in enumerate(headings)
    ]
    longest = max(len("method"), *(len(row[0]) for row in rows))
    used = _fitting(widths, longest)
    name = min(longest, max(NARROWEST_NAME, _left(widths, used)))
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        caption=_caption(checked),
        caption_justify="left",
    )
    table.add_column("method", width=name, overflow="fold")
    for k in used:
        justify: Any = "left" if k == len(headings) - 1 else "right"
        table.add_column(headings[k], justify=justify, width=widths[k], overflow="fold")
    for row in rows:
        table.add_row(Text(row[0]), *(Text(row[k + 1]) for k in used))
    return table


def _rows(summary: Summary, number: Numbers) -> list[list[str]]:
    base, found = reference(summary), against_reference(summary)
    rows = []
    for row in summary["methods"][:MOST_ROWS]:
        name = row["method"]
        says = "itself" if name == base else _against(number, found.get(name))
        limits = number.interval(row["mean_low"], row["mean_high"])
        rank, share = row.get("average_rank"), row.get("win_share")
        rows.append(
            [
                shorten(name, LONGEST_NAME),
                f"{number(row['mean'])} ({limits})" if limits else number(row["mean"]),
                number(row["interquartile_mean"]),
                "" if rank is None else f"{rank:.1f}",
                "" if share is None else percent(share),
                says,
            ]
        )
    return rows


def _against(number: Numbers, pair: Row | None) -> str:
    if pair is None:
        return ""
    word = verdict(pair)[0].replace("no clear difference", "unclear")
    return f"{number(pair['difference'], plus=True)} {word}"


def _fitting(widths: list[int], longest: int) -> list[int]:
    """Return the columns to show: long names take the place of the IQM, then of the rank."""
    used = [k for k, width in enumerate(widths) if width]
    for k in DISPENSABLE:
        if k in used and _left(widths, used) < longest:
            used.remove(k)
    return used


def _left(widths: list[int], used: list[int]) -> int:
    return LINE - sum(widths[k] for k in used) - len(used)


def _caption(summary: Summary) -> Text:
    about = summary["comparison"]
    better = "higher" if about["higher_is_better"] else "lower"
    text = (
        f"{shorten(about['metric'])}, {better} is better; {100 * about['level']:.3g}% limits for "
        "these environments"
    )
    more = len(summary["methods"]) - MOST_ROWS
    return Text(f"{text}; {more} more methods in the report" if more > 0 else text, style="dim")
