"""What shift tests print: tests of two tables, columns that moved, and the answer in words."""

from __future__ import annotations

from gengap.base.errors import listing
from gengap.questions.shift.stream import Look
from gengap.questions.shift.tables import TableShift
from gengap.questions.shift.univariate import ColumnTest
from gengap.report.document import Block, Note, Table, text_table
from gengap.report.numerals import Numerals, p_equals, p_text, significant

NUMBERS = "shift.json"
SHOWN, NAMED = 10, 3
TENTHS = Numerals(True, 1)


def answer(found: TableShift | Look) -> str:
    """Whether inputs have left the training environments, in one to three sentences."""
    if isinstance(found, Look):
        return _look(found)
    return " ".join(filter(None, [_verdict(found), _moved(found), _distance(found)]))


def terminal(found: TableShift, quiet: bool = False) -> list[Block]:
    """What the command prints: the tests, the columns, and the answer."""
    if quiet:
        return [answer(found)]
    left_out = f"Not tested (identifiers, dates, one value): {listing(found.left_out)}."
    notes: list[Block] = [Note(left_out)] if found.left_out else []
    return [_tests(found), _columns(found), *notes, answer(found)]


def change(column: ColumnTest) -> str:
    """What moved most in a column: ``median 50 to 61``, ``missing 0.0% to 5.0%``."""
    of, before, after = column.change.of, column.change.before, column.change.after
    if column.kind == "number":
        return f"{of} {significant(before)} to {significant(after)}"
    shares = f"{TENTHS.score(before)} to {TENTHS.score(after)}"
    if column.kind == "words":
        return f"rows with the word {of!r}: {shares}" if of else "no word in two rows"
    return f"{of} {shares}" if column.kind == "missing" else f"{of}: {shares}"


def _tests(found: TableShift) -> Table:
    number = Numerals(False, None)
    rows = (
        (t.name, number(t.statistic), p_text(t.p_value), p_text(t.adjusted_p)) for t in found.tests
    )
    against = found.nearest or "the reference"
    return text_table("Tests", (f"test against {against}", "value", "p", "p corrected"), rows)


def _columns(found: TableShift) -> Table:
    rows = [
        (f"{c.name} (missing)" if c.kind == "missing" else c.name, change(c), p_text(c.adjusted_p))
        for c in found.columns[:SHOWN]
    ]
    if more := len(found.columns) - len(rows):
        rows.append((f"and {more} more", "", ""))
    return text_table("Columns", ("column, against all rows", "change", "p corrected"), rows)


def _verdict(found: TableShift) -> str:
    p = p_equals(found.p_value)
    if not found.shifted:
        like = f"environment {found.nearest}" if found.nearest else "the reference"
        return f"No sign that the new rows differ from {like} ({p})."
    if not found.nearest:
        return f"The new rows differ from the reference ({p})."
    if len(found.by_environment) == 1:
        return f"The new rows differ from the training environment {found.nearest} ({p})."
    return f"The new rows differ from every training environment ({p}; nearest {found.nearest})."


def _moved(found: TableShift) -> str:
    moved = [c for c in found.columns if c.adjusted_p <= found.alpha]
    if not found.shifted or not moved:
        return ""
    return f"Columns that moved most: {listing((f'{c.name} ({change(c)})' for c in moved), NAMED)}."


def _distance(found: TableShift) -> str:
    if found.among is None:
        return ""
    number, nearer = len(found.among.distances), found.among.nearer
    than = "no farther from the rest than the"
    if nearer:
        than = f"farther from the rest than {nearer} of"
    return f"They are {than} {number} training environments are."


def _look(found: Look) -> str:
    if found.alarm:
        left = "left the training environments"
        if not found.nearest:
            left = "moved away from the reference"
        says = f"Alarm since example {found.alarm_at}: the stream has {left}"
    else:
        says = f"No alarm after {found.examples} examples"
    nearest = f"; nearest is {found.nearest}" if found.nearest else ""
    return f"{says} (p = {found.p_value:.3g} at any time, alarm from {found.bound:g}{nearest})."
