"""Which columns moved, carry the cost or fail, in words, a table and a figure."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.questions.diagnosis.columns import ColumnDiagnosis, ColumnFinding
from gengap.report.document import Block, Cell, Column, Maker, Note, Section, make_table
from gengap.report.explanation.decomposition import other_metric
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.numerals import Numerals, count, counted, share, significant
from gengap.report.text import shorten
from gengap.statistics.intervals import Interval

SHOWN, MENTIONED = 12, 3
TENTHS = Numerals(True, 1)
NOT_KEPT = (
    "The models were not kept, so only what moved is told; run the study with --keep-models all "
    "to learn which columns carry the cost."
)
LEGEND = (
    "Carries: by how much the cost of unseen, or the gap, falls once the column has values of "
    "training rows that are alike in all else and in the target. Inside, outside: what shuffling "
    "the column costs in training environments and in unseen ones; where it costs less outside, "
    "its relation with the target does not hold there. Alone: share of what the model knows that "
    "it still knows when all other columns are shuffled. One half of the rows chose what to test, "
    "these numbers come from the other; confirmed: beyond chance, all that was tested counted."
)


def numerals(found: ColumnDiagnosis) -> Numerals:
    """How this metric's losses are printed."""
    return Numerals(found.fraction, 1 if found.fraction else None)


def sentences(found: ColumnDiagnosis) -> list[str]:
    """What moved, what carries the cost, and what the models rely on in vain."""
    said = [_moved(found)]
    said += [NOT_KEPT] if not found.models else [_carries(found), _fails(found)]
    return said


def section(found: ColumnDiagnosis) -> Section:
    """The columns with their parts, those that carry most of the cost first."""
    blocks: list[Block] = list(sentences(found))
    if found.models:
        blocks.append(figure(found))
    blocks.append(make_table("Columns", found.columns[:SHOWN], _makers(found)))
    if more := len(found.columns) - SHOWN:
        blocks += [Note(f"and {counted(more, 'more column')}.")] if more > 0 else []
    if found.models:
        asked = f"{count(found.models)} models were asked about {count(found.rows)} unseen rows."
        said = " ".join([LEGEND, asked, *other_metric(found.metric, found.asked)])
        blocks.append(Note(said, below=True))
    return Section("Which columns", tuple(blocks))


def figure(found: ColumnDiagnosis) -> Figure:
    """What the first columns carry of the cost of unseen."""
    number, rows = numerals(found), found.columns[:SHOWN]
    ends = [
        number.scaled(end)
        for c in rows
        for end in (c.carried.estimate, c.carried.low, c.carried.high)
        if end == end
    ]
    unit = "points" if found.fraction else found.metric
    return Figure(
        "columns-carry",
        "What columns carry of the cost of unseen",
        f"Part of the cost carried by {len(rows)} columns, largest first; the numbers are beside "
        "it in text.",
        f"{unit} of the cost of unseen",
        [
            interval_row(number, c.name, c.carried.estimate, (c.carried.low, c.carried.high))
            for c in rows
        ],
        axis_for([*ends, 0.0]),
        legend=[("dot", "mean over environments"), ("interval", "95% interval")],
        headed=False,
    )


def _moved(found: ColumnDiagnosis) -> str:
    moved = sorted((c for c in found.columns if c.moved_in), key=lambda c: -c.moved_in)
    if not moved:
        return "No column is distributed otherwise in an unseen environment, beyond chance."
    named = listing((f"{shorten(c.name)} (in {c.moved_in})" for c in moved), MENTIONED)
    return f"Columns that moved, and in how many unseen environments: {named}."


def _carries(found: ColumnDiagnosis) -> str:
    own = [c for c in found.columns if c.carries]
    if not own:
        return "No single column is confirmed to carry the cost of unseen."
    number = numerals(found)
    named = listing(
        (
            f"{shorten(c.name)} ({number.points(c.carried.estimate)}{_where(c.carries_in)})"
            for c in own
        ),
        MENTIONED,
    )
    return f"Confirmed to carry the cost of unseen: {named}."


def _fails(found: ColumnDiagnosis) -> str:
    own = [c for c in found.columns if c.fails]
    if not own:
        return "No column is confirmed to be worth less outside than inside."
    named = listing((f"{shorten(c.name)}{_where(c.fails_in, ' (', ')')}" for c in own), MENTIONED)
    return (
        f"Relied on in training and confirmed to be worth less in unseen environments: {named}; "
        "shortcut suspects, unless other columns take their place there."
    )


def _where(names: tuple[str, ...], before: str = "; ", after: str = "") -> str:
    return f"{before}in {listing(map(shorten, names), 2)}{after}" if names else ""


def _makers(found: ColumnDiagnosis) -> list[Maker | None]:
    number = numerals(found)
    unit = "points" if found.fraction else ""

    def interval(value: Interval, p: float | None = None) -> Cell:
        return Cell(number(value.estimate), number.limits(value))

    makers: list[Maker | None] = [
        (Column("column", numeric=False, named=True), lambda c: Cell(c.name)),
        (Column("moved in"), lambda c: Cell(_moved_cell(c), _change(c))),
    ]
    if not found.models:
        return makers
    return [
        *makers,
        (Column("carries", f"{unit} of cost".strip()), lambda c: interval(c.carried)),
        (Column("inside", unit, spare=True), lambda c: interval(c.inside)),
        (Column("outside", unit, spare=True), lambda c: interval(c.outside)),
        (Column("alone", spare=True), lambda c: Cell(share(c.alone))),
        (Column("confirmed", numeric=False), lambda c: Cell(_confirmed(c))),
    ]


def _moved_cell(c: ColumnFinding) -> str:
    return str(c.moved_in)


def _change(c: ColumnFinding) -> str:
    if c.change is None:
        return ""
    of, before, after = c.change.of, c.change.before, c.change.after
    if of == "median":
        return f"{c.most_moved}: median {significant(before, 3)} to {significant(after, 3)}"
    return f"{c.most_moved}: {of} {TENTHS.score(before)} to {TENTHS.score(after)}"


def _confirmed(c: ColumnFinding) -> str:
    words = ["carries"] * c.carries + ["fails"] * c.fails
    return ", ".join(words) or "-"
