"""Disparities between subgroups in words and tables."""

from __future__ import annotations

from gengap.questions.diagnosis.subgroups import Group, Subgroups, SubgroupsFound
from gengap.report.document import Block, Cell, Folded, Note, Section, Table
from gengap.report.explanation.words import (
    cell,
    metric,
    mixed_table,
    name,
    numerals,
    with_limits,
)
from gengap.report.numerals import Numerals, count, p_equals, p_text
from gengap.report.text import many

SAID, SHOWN = 3, 12
SURE = 0.05


def sentences(found: SubgroupsFound) -> list[str]:
    """Whether subgroups are apart outside, and whether more than inside."""
    number = numerals(found.about)
    said = [s for column in found.columns[:SAID] for s in _column(found, column, number)]
    dearest = _dearest(found, number)
    return [*said, *dearest]


def section(found: SubgroupsFound) -> Section:
    """Disparity by column, and the subgroups of each."""
    number = numerals(found.about)
    place = name(found.about.place)
    words = (
        f"The gap between the worst and the best subgroup, free of the luck of the most extreme, "
        f"which the gap as measured holds. Inside: models that have seen the {place}; outside: "
        f"models that have not; both on the same rows. Limits count {many(place)}. Growth is that "
        "of the two subgroups told apart most clearly by both together; p: of none, adjusted for "
        "all columns (Holm)."
    )
    unit = "points" if number.percent else metric(found.about)
    heads = (
        "column", "worst outside", f"gap inside, {unit}", "gap outside", "growth", "p",
        "as measured", "spread inside", "spread outside",
    )  # fmt: skip
    rows = [
        (
            name(c.column),
            name(c.worst),
            cell(number, c.inside, plus=False),
            cell(number, c.outside, plus=False),
            cell(number, c.growth),
            p_text(c.p_value),
            number(c.naive),
            number(c.spread_inside),
            number(c.spread_outside),
        )
        for c in found.columns[:SHOWN]
    ]
    blocks: list[Block] = [*sentences(found), Note(words)]
    blocks.append(mixed_table("Disparity by column", heads, rows))
    blocks += [
        Folded(name(c.column), f"{len(c.groups)} subgroups", [_groups(c, number, unit)], k == 0)
        for k, c in enumerate(found.columns[:SHOWN])
    ]
    if found.left_out:
        told = ", ".join(name(column) for column in found.left_out[:SHOWN])
        blocks.append(Note(f"Not told, as too few {many(place)} have two of their levels: {told}."))
    return Section("Subgroups inside and outside", tuple(blocks))


def _column(found: SubgroupsFound, column: Subgroups, number: Numerals) -> list[str]:
    of = name(column.column)
    if column.p_value <= SURE:
        verb = "grows" if column.growth.estimate > 0 else "shrinks"
        return [
            f"The disparity between subgroups of {of} {verb} where the {name(found.about.place)} "
            f"is unseen, from {with_limits(number, column.inside)} to "
            f"{with_limits(number, column.outside)} ({p_equals(column.p_value)}, corrected for "
            f"all columns); {name(column.worst)} fares worst."
        ]
    if column.outside.low > 0:
        return [
            f"Outside, subgroups of {of} are {with_limits(number, column.outside)} apart, "
            f"{name(column.worst)} the worst; that this is more than inside "
            f"({number.points(column.inside.estimate)}) is not shown."
        ]
    return [
        f"Subgroups of {of} are not shown to fare differently outside: the gap between the "
        f"extremes is {with_limits(number, column.outside)}."
    ]


def _dearest(found: SubgroupsFound, number: Numerals) -> list[str]:
    """The subgroup whose own cost is largest among those whose cost is shown."""
    sure = [
        (group.cost.estimate, column, group)
        for column in found.columns
        for group in column.groups
        if group.cost.low > 0
    ]
    if not sure:
        return []
    _, column, group = max(sure, key=lambda entry: entry[0])
    return [
        f"The largest cost of unseen of a subgroup is that of {name(column.column)} = "
        f"{name(group.level)}: {with_limits(number, group.cost)}, the largest of several and so "
        "rather too large."
    ]


def _groups(column: Subgroups, number: Numerals, unit: str) -> Table:
    def row(group: Group) -> tuple[str | Cell, ...]:
        return (
            name(group.level),
            count(group.rows),
            count(group.environments),
            number(group.inside, plus=True),
            number(group.outside, plus=True),
            cell(number, group.cost),
        )

    heads = (
        name(column.column), "rows", "environments", f"loss inside, {unit} from the mean",
        "loss outside", "cost of unseen",
    )  # fmt: skip
    return mixed_table(f"Subgroups of {name(column.column)}", heads, map(row, column.groups))
