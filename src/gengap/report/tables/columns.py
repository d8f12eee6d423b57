"""Columns that several tables have: a name, a number, an estimate with its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gengap.report.document import Cell, Column, Maker
from gengap.report.numerals import MISSING, Numerals, p_text
from gengap.report.text import shorten

Keys = tuple[str, str, str]  # of an estimate, its lower and its upper limit


def named(label: str, key: str, longest: int = 60) -> Maker:
    """A name, cut in the middle when it is too long for a table."""
    return Column(label, numeric=False), lambda row: Cell(shorten(row[key], longest))


def printed(label: str, note: str, key: str, show: Callable[[Any], str], most: int = 80) -> Maker:
    """A number as ``show`` prints it."""
    return Column(label, note, most=most), lambda row: Cell(show(row[key]))


def estimated(
    number: Numerals, label: str, note: str, keys: Keys, kind: str = "", *, plus: bool = False
) -> Maker:
    """An estimate with its limits in small print."""
    return Column(label, note), lambda row: estimate_cell(number, row, keys, kind, plus=plus)


def estimate_cell(
    number: Numerals, row: Any, keys: Keys, kind: str = "", *, plus: bool = False
) -> Cell:
    """What an estimate and its limits say."""
    value, low, high = (row.get(key) for key in keys)
    return Cell(number(value, plus=plus), number.around(value, low, high, plus=plus), kind)


def limits(
    number: Numerals, label: str, note: str, low: str, high: str, missing: str = MISSING
) -> Maker:
    """An interval without its estimate."""
    return Column(label, note), lambda row: Cell(number.interval(row[low], row[high]) or missing)


def p_values(label: str, note: str, key: str) -> Maker:
    """A p-value, sorted by its size though the smallest are printed as a bound."""
    return Column(label, note), lambda row: Cell(p_text(row.get(key)), sort=row.get(key))
