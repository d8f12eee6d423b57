"""Phrases that parts of an explanation share."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gengap.questions.diagnosis.about import About
from gengap.report.document import Cell, Column, Table
from gengap.report.numerals import MISSING, Numerals
from gengap.report.text import clean, isolate, many, shorten
from gengap.statistics.intervals import Interval

MISSING_LIMITS = "no interval"


def numerals(about: About) -> Numerals:
    """How a part prints scores: shares in percent with one decimal, others with three digits."""
    return Numerals(about.fraction, 1 if about.fraction else None)


def name(text: str, most: int = 32) -> str:
    """A column's, level's or environment's name inside a sentence."""
    return isolate(shorten(clean(text), most))


def metric(about: About) -> str:
    """The metric's name."""
    return clean(about.metric).replace("_", " ")


def with_limits(number: Numerals, found: Interval, *, plus: bool = False) -> str:
    """A difference with its unit and limits: ``4.5 points (2.3 to 6.8)``."""
    limits = number.limits(found, plus=plus) or MISSING_LIMITS
    return f"{number.points(found.estimate, plus=plus)} ({limits})"


def plural(word: str, number: int) -> str:
    """A user's word for so many: ``3 hospitals``; a word that is a phrase stays as it is."""
    return f"{number:,} {name(word) if number == 1 else many(name(word))}"


def cell(number: Numerals, found: Interval | None, *, plus: bool = True) -> Cell:
    """A difference with its limits in small print."""
    if found is None or math.isnan(found.estimate):
        return Cell(MISSING)
    return Cell(number(found.estimate, plus=plus), number.limits(found, plus=plus))


def mixed_table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str | Cell]]) -> Table:
    """A table whose first column names the rows; texts are cells without small print."""
    columns = tuple(Column(head, numeric=k > 0) for k, head in enumerate(heads))
    filled = tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in rows)
    return Table(caption, columns, filled, "dense")
