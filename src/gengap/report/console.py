"""The table that a study prints in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from gengap.report.numerals import Numerals, numerals_for
from gengap.report.summary import Row, Summary, is_plain_training, read
from gengap.report.text import shorten

LINE = 80  # columns of the narrowest terminal that shows the table whole
NARROWEST_NAME = 10


def console_table(summary: Mapping[str, Any]) -> Table:
    """Return the methods as a rich table that fits in 80 columns.

    Args:
        summary: the content of ``gap.json`` (see :mod:`gengap.report.summary`).

    Raises:
        UsageError: ``summary`` is not what ``gap.json`` holds.
    """
    checked = read(summary)
    number = numerals_for(checked)
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        caption=_caption(checked, number),
        caption_justify="left",
    )
    rows = [_cells(row, number) for row in checked.methods]
    # Rich would share a loss of width among the columns and then cut the last; the name gives way.
    columns = ("method", "seen", "unseen", "cost of unseen", "one new one", "against plain")
    most = (LINE, 12, 12, 22, 14, 16)
    widths = [
        min(limit, max([len(title), *(len(row[k]) for row in rows)]))
        for k, (title, limit) in enumerate(zip(columns, most, strict=True))
    ]
    left = LINE - sum(widths[1:]) - len(columns)  # a space between columns
    widths[0] = max(NARROWEST_NAME, min(widths[0], left))
    for title, width in zip(columns, widths, strict=True):
        justify: Any = "left" if title in (columns[0], columns[-1]) else "right"
        table.add_column(title, justify=justify, width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    return table


def _cells(row: Row, number: Numerals) -> list[str]:
    cost = number(row["cost_of_unseen"])
    interval = number.around(row["cost_of_unseen"], row["cost_low"], row["cost_high"])
    new = number.interval(row["new_environment_low"], row["new_environment_high"])
    return [
        shorten(row["method"], 40),
        number(row["score_in_distribution"]),
        number(row["score_unseen"]),
        f"{cost} ({interval})" if interval else cost,
        new,
        _verdict(row, number),
    ]


def _verdict(row: Row, number: Numerals) -> str:
    if is_plain_training(row):
        return "itself"
    verdict = row["verdict"].replace(" than plain training", "")
    if row["difference_from_erm"] is None:
        return verdict
    return f"{number(row['difference_from_erm'], plus=True)} {verdict}".rstrip()


def _caption(summary: Summary, number: Numerals) -> Text:
    metric = shorten(summary.study["metric"])
    unit = f"{metric} in %, differences in points" if number.percent else metric
    return Text(f"{unit}; a positive cost is worse off; 95% intervals", style="dim")
