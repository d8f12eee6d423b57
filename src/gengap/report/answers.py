"""What predictions print: rows with their answers, how many were refused and why, and a warning."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from gengap.base.errors import listing
from gengap.delivery.answers import Answers
from gengap.delivery.profile import Moved
from gengap.report.document import Block, Cell, Column, Note, Table, make_table
from gengap.report.numerals import Numerals, count, counted, p_equals, significant
from gengap.report.sentences.study import place
from gengap.report.text import clean, shorten

NUMBERS = "answers.json"
SHOWN, NAMED = 10, 3
TARGETS = 4  # of several, whose columns are printed


def answer(found: Answers) -> str:
    """How many rows were answered and refused, and whether they have left what was trained on."""
    return " ".join(filter(None, [_answered(found), _columns(found), batch(found)]))


def terminal(found: Answers, quiet: bool = False) -> list[Block]:
    """What the command prints: the first rows, and the answer."""
    if quiet:
        return [answer(found)]
    more = len(found) - SHOWN
    left = [counted(more, "row")] if more > 0 else []
    if (others := len(found.targets) - TARGETS) > 0:
        left.append(counted(others, "target"))
    note: list[Block] = [Note(f"and {listing(left)} more; --out writes all")] * bool(left)
    return [rows_table(found), *note, answer(found)]


def rows_table(found: Answers) -> Table:
    """The first rows."""
    one = [
        (Column(clean(found.target) or "prediction", numeric=False, most=24), _told(found)),
        (Column("probability"), lambda k: Cell(_chance(float(found.probability[k])))),
    ]
    several = [
        (Column(clean(name), numeric=False, most=24), _told(found, place))
        for place, name in enumerate(found.targets[:TARGETS])
    ]
    makers = (
        (Column("row", numeric=False), lambda k: Cell(str(k + 1))),
        *(several or one),
        (Column("why refused", numeric=False, most=46), lambda k: Cell(_why(found, k))),
    )
    return make_table("Answers", range(min(len(found), SHOWN)), makers)


def _told(found: Answers, target: int | None = None) -> Callable[[int], Cell]:
    def told(k: int) -> Cell:
        value = found.prediction[k] if target is None else found.prediction[k, target]
        if value is None:
            return Cell("refused")
        return Cell(significant(value) if found.values else shorten(clean(value), 24))

    return told


def _chance(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _why(found: Answers, k: int) -> str:
    return shorten(clean(found.reason[k]), 120)


def batch(found: Answers) -> str:
    """A warning where the rows as a whole have left the training environments; else empty."""
    said = found.batch
    if said is None or not said.left:
        return ""
    word = place(found.environment_word)
    told = "these rows are stranger as a whole than those of every training"
    p, against = said.strange, f"; nearest {place(said.nearest)}" if said.nearest else ""
    if said.moved is not None and said.moved.p_value < said.strange:
        p, against, told = said.moved.p_value, "", f"{_moved(said.moved)} in every training"
    return (
        f"Warning: {told} {word} ({p_equals(p)}{against}), so what the card expects may not hold "
        "for them; gengap shift compares them column by column."
    )


def _moved(found: Moved) -> str:
    """What moved, for a sentence that ends with where it was not so."""
    if found.share:
        number = Numerals(True, 1)
        more = "more" if found.mean > found.high else "fewer"
        return f"{number.score(found.mean)} of rows have {clean(found.column)}, {more} than"
    higher = "higher" if found.mean > found.high else "lower"
    return f"{clean(found.column)} is {higher} (mean {significant(found.mean)}) than"


def _answered(found: Answers) -> str:
    refused, rows = int(found.refused.sum()), len(found)
    said = f"{count(rows - refused)} of {counted(rows, 'row')} answered"
    if not refused:
        return f"{said}, none refused."
    told = f"{said}, {count(refused)} refused"
    if found.false_alarms is None:
        return f"{told}."
    rate = Numerals(True, 1).score(refused / rows)
    return f"{told} ({rate}; {100 * found.false_alarms:.3g}% would be usual)."


def _columns(found: Answers) -> str:
    counts = Counter(name for name in found.column[found.refused] if name is not None)
    if not counts:
        return ""
    told = (f"{clean(name)} ({count(n)})" for name, n in counts.most_common())
    return f"Columns that made rows strange: {listing(told, NAMED)}."
