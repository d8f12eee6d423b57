"""What models are without a column, in words and a table."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.questions.diagnosis.refitted import Refit
from gengap.report.document import Cell, Column, Maker, Note, Section, make_table
from gengap.report.numerals import Numerals, p_text
from gengap.report.text import shorten
from gengap.statistics.intervals import Interval

ALPHA = 0.05
LEGEND = (
    "Gains where models were trained again without the column, on the same splits and seeds: in "
    "unseen environments, in those they were trained on, and in the cost of unseen. A shortcut "
    "gains outside what it loses inside."
)


def sentences(found: Sequence[Refit], number: Numerals) -> list[str]:
    """What leaving out each column does outside, where that is beyond chance."""
    said = []
    for one in found:
        if one.adjusted_p <= ALPHA:
            better = "better" if one.outside.estimate > 0 else "worse"
            change = number.points(abs(one.outside.estimate))
            said.append(
                f"Without {shorten(one.column)} models are {better} by {change} in unseen "
                "environments."
            )
    return said or ["Leaving out none of these columns changes unseen environments beyond chance."]


def section(found: Sequence[Refit], number: Numerals) -> Section:
    """A row for each column that was left out."""

    def cell(value: Interval) -> Cell:
        return Cell(number(value.estimate, plus=True), number.limits(value))

    unit = "points" if number.percent else ""
    makers: list[Maker | None] = [
        (Column("without", numeric=False, named=True), lambda one: Cell(one.column)),
        (Column("outside", unit), lambda one: cell(one.outside)),
        (Column("inside", unit), lambda one: cell(one.inside)),
        (Column("cost of unseen", unit), lambda one: cell(one.cost)),
        (Column("p corrected", "outside"), lambda one: Cell(p_text(one.adjusted_p))),
    ]
    return Section(
        "Trained again without a column",
        (
            *sentences(found, number),
            make_table("Without each column", found, makers),
            Note(LEGEND, below=True),
        ),
    )
