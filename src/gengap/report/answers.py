"""What predictions print: rows with their answers, how many were refused and why, and a warning."""

from __future__ import annotations

from collections import Counter

from gengap.base.errors import listing
from gengap.delivery.answers import Answers
from gengap.report.document import Block, Note, Table, text_table
from gengap.report.numerals import Numerals, count, counted, p_equals
from gengap.report.sentences.study import place
from gengap.report.text import clean, shorten

NUMBERS = "answers.json"
SHOWN, NAMED = 10, 3


def answer(found: Answers) -> str:
    """How many rows were answered and refused, and whether they have left what was trained on."""
    return " ".join(filter(None, [_answered(found), _columns(found), batch(found)]))


def terminal(found: Answers, quiet: bool = False) -> list[Block]:
    """What the command prints: the first rows, and the answer."""
    if quiet:
        return [answer(found)]
    more = len(found) - SHOWN
    note: list[Block] = [Note(f"and {counted(more, 'row')} more; --out writes all")] * (more > 0)
    return [rows_table(found), *note, answer(found)]


def rows_table(found: Answers) -> Table:
    """The first rows."""
    rows = []
    for k in range(min(len(found), SHOWN)):
        value, chance = found.prediction[k], found.probability[k]
        told = "" if value is None else f"{value:.4g}" if found.values else clean(value)
        rows.append(
            (
                str(k + 1),
                "refused" if found.refused[k] else shorten(told),
                "" if chance != chance else f"{chance:.2f}",
                shorten(clean(found.reason[k]), 120),
            )
        )
    heads = ("row", clean(found.target) or "prediction", "probability", "why refused")
    return text_table("Answers", heads, rows, numeric=False)


def batch(found: Answers) -> str:
    """A warning where the rows as a whole have left the training environments; else empty."""
    said = found.batch
    if said is None or not said.left:
        return ""
    word = place(found.environment_word)
    like = f"{word} {place(said.nearest)}" if said.nearest else f"all {word}s together"
    return (
        f"Warning: as a whole these rows are stranger than those of every training {word} "
        f"({p_equals(said.p_value)} against {like}, the nearest), so what the card expects may not "
        "hold here; gengap shift says which columns moved."
    )


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
