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
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption=_caption(checked, number),
        caption_justify="left",
    )
    rows = [_cells(row, number) for row in checked.methods]
    # Rich would share the loss of width; it is better taken by names and verdicts than by numbers.
    cost, new = (max((len(row[column]) for row in rows), default=0) for column in (3, 4))
    table.add_column("method", min_width=8, max_width=24, overflow="fold")
    table.add_column("seen", justify="right", no_wrap=True)
    table.add_column("unseen", justify="right", no_wrap=True)
    table.add_column("cost of unseen", justify="right", min_width=min(cost, 22))
    table.add_column("one new one", justify="right", min_width=min(new, 14))
    table.add_column("against plain", min_width=10, overflow="fold")
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
