"""What weights of one task are worth for another: sources by targets, and the answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gengap.questions.transfer.transferability import Pair, Transferability
from gengap.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Note,
    Table,
    document,
    section,
    settings,
    text_table,
)
from gengap.report.numerals import Numerals, count, counted
from gengap.report.text import isolate
from gengap.statistics.intervals import Interval

NUMBERS = "transfer.json"
WIDE = 5  # targets that a terminal has room for
MARKS = {"negative": "▼ ", "positive": "▲ ", "unclear": ""}
NAMED = 3  # pairs in a sentence
EARLY = "The same at the first checkpoint: what a start is worth while there is much to learn."
FALSE_FLAGS = 0.025  # of pairs without any transfer, on each side


def answer(found: Transferability) -> str:
    """How many pairs are flagged, what a start is worth on average, and the worst of them."""
    return " ".join(part for part in (_counts(found), _mean(found), _worst(found)) if part)


def terminal(found: Transferability, quiet: bool = False) -> list[Block]:
    """What the command prints: the matrix, or where it has no room a row per task."""
    if quiet:
        return [answer(found)]
    wide = len(found.tasks) > WIDE
    table = _by_task(found) if wide else _matrix(found, lambda pair: pair.late, limits=False)
    return [table, Note(_task_legend(found) if wide else _legend(found)), answer(found)]


def build(found: Transferability, *, page: bool, command: str = "") -> Document:
    """The whole report; ``command`` is what the user typed."""
    said = (
        f"{found.method} · {isolate(found.model)} · {count(found.steps)} steps each · "
        f"{found.seeds} seeds"
    )
    end = f"At the end, after {count(found.steps)} steps"
    early = f"Early, after {count(found.early)} steps"
    return document(
        found.problem,
        "what weights of one task are worth for another",
        said,
        [answer(found)],
        [
            section(end, _legend(found), _matrix(found, lambda pair: pair.late)),
            section(early, EARLY, _matrix(found, lambda pair: pair.early, start=False))
            if found.early < found.steps
            else None,
            section("By task", _task_legend(found), _by_task(found)),
            section("Where these numbers come from", settings({"command": command}))
            if command
            else None,
        ],
        "Every number here is also in the .json file beside this report.",
    )


def _matrix(
    found: Transferability,
    of: Callable[[Pair], Interval],
    *,
    limits: bool = True,
    start: bool = True,
) -> Table:
    """A row per source, a column per target; the first row is the score from drawn weights."""
    number = _number(found)

    def cell(source: str, target: str) -> Cell:
        if source == target:
            return Cell("itself", kind="quiet")
        own = of(found.pair(source, target))
        mark = MARKS[_flag(own)]
        text = mark + number(own.estimate, plus=True)
        return Cell(text, number.limits(own, plus=True) * limits, sort=own.estimate)

    rows = [
        (Cell(source), *(cell(source, target) for target in found.tasks)) for source in found.tasks
    ]
    if start:
        drawn = (found.scratch[target] for target in found.tasks)
        scores = (Cell(number.score(own.estimate), number.limits(own) * limits) for own in drawn)
        rows = [(Cell("drawn weights"), *scores), *rows]
    heads = (Column("started from", numeric=False), *(Column(t, named=True) for t in found.tasks))
    return Table("Transfer", heads, tuple(rows), "dense")


def _by_task(found: Transferability) -> Table:
    """A row per task: its own score, what it gives others and what it gets from them."""
    number = _number(found)

    def mean(pairs: list[Pair]) -> str:
        return number(float(np.mean([pair.late.estimate for pair in pairs])), plus=True)

    def flags(pairs: list[Pair]) -> str:
        return str(sum(pair.flag == "negative" for pair in pairs))

    rows = []
    for task in found.tasks:
        to = [pair for pair in found.pairs if pair.source == task]
        by = [pair for pair in found.pairs if pair.target == task]
        drawn = number.score(found.scratch[task].estimate)
        rows.append((task, drawn, mean(by), flags(by), mean(to), flags(to)))
    heads = ("task", "drawn weights", "gets", "▼ of these", "gives", "▼ of these")
    return text_table("By task", heads, rows)


def _flag(own: Interval) -> str:
    if own.high < 0:
        return "negative"
    return "positive" if own.low > 0 else "unclear"


def _legend(found: Transferability) -> str:
    least = len(found.pairs) * FALSE_FLAGS
    seeds = counted(found.seeds, "seed")
    limits = (
        f"95% limits over {seeds}; without any transfer {least:.2g} of {len(found.pairs)} pairs "
        "would be flagged ▼"
        if found.seeds > 1
        else "one seed gives no limits, so that nothing can be flagged"
    )
    return (
        f"First row: {_unit(found)} on the test part of the column's {found.word}. Below: what a "
        "start from the row's weights adds to it after as many steps; positive is better. ▼ "
        f"negative transfer, ▲ positive: {limits}."
    )


def _task_legend(found: Transferability) -> str:
    return (
        f"{_unit(found).capitalize()} from drawn weights; gets: mean transfer from the others' "
        "weights to this task, and how many of these are negative (▼); gives: from its weights to "
        "the others."
    )


def _counts(found: Transferability) -> str:
    worse, better = len(found.flagged("negative")), len(found.flagged("positive"))
    pairs = len(found.pairs)
    said = f"Started from another {found.word}'s weights, {found.method}"
    if found.seeds < 2:
        less = sum(pair.late.estimate < 0 for pair in found.pairs)
        return (
            f"{said} ends lower than from drawn weights in {less} of {pairs} pairs; with one seed "
            "none can be flagged, so give more --seeds."
        )
    rest = pairs - worse - better
    return (
        f"{said} ends worse than from drawn weights in {worse} of {pairs} pairs (negative "
        f"transfer), better in {better}; {rest} cannot be told."
    )


def _mean(found: Transferability) -> str:
    number = _number(found)
    low = number.limits(found.mean, plus=True)
    shown = number.points(found.mean.estimate, plus=True) + (f" ({low})" if low else "")
    what = found.metric.replace("_", " ")
    return f"On average over pairs a start is worth {shown} of {what} after equal steps."


def _worst(found: Transferability) -> str:
    worse = sorted(found.flagged("negative"), key=lambda pair: pair.late.estimate)
    if not worse:
        return ""
    number = _number(found)
    named = ", ".join(
        f"{isolate(pair.source)} to {isolate(pair.target)} ({number(pair.late.estimate)})"
        for pair in worse[:NAMED]
    )
    return f"{'The worst' if len(worse) > NAMED else 'Negative'}: {named}."


def _number(found: Transferability) -> Numerals:
    return Numerals(found.fraction, 1 if found.fraction else 2)


def _unit(found: Transferability) -> str:
    own = found.metric.replace("_", " ")
    return f"{own} in %" if found.fraction else own
