"""Phrases that several sentences share: a method's name, a place, an amount of the metric."""

from __future__ import annotations

from gengap.report.numerals import Numerals
from gengap.report.summary import Row, Summary, is_plain_training
from gengap.report.text import isolate, shorten


def method_name(row: Row) -> str:
    """Return a method's name for a sentence; plain training is called that."""
    name = isolate(shorten(row["method"]))
    return f"plain training ({name})" if is_plain_training(row) else name


def place(name: str) -> str:
    """Return an environment's name for a sentence."""
    return isolate(shorten(name))


def metric(summary: Summary) -> str:
    """Return the metric's name for a sentence."""
    return isolate(shorten(summary.study["metric"] or "score"))


def points(number: Numerals, value: float | None, *, plus: bool = False) -> str:
    """Print a difference with its unit: ``2.1 points``, or the bare number of other metrics."""
    return number(value, plus=plus) + (" points" if number.percent else "")


def percent(number: Numerals, value: float | None) -> str:
    """Print a score with its unit: ``91.2%``, or the bare number of other metrics."""
    return number(value) + ("%" if number.percent else "")


def amount(summary: Summary, number: Numerals, value: float) -> str:
    """Print a difference with the metric: ``2.1 points of accuracy``, ``0.21 in rmse``."""
    kind = "points of" if number.percent else "in"
    return f"{number(value)} {kind} {metric(summary)}"


def measured_environments(summary: Summary, row: Row) -> int:
    """Count the environments in which a method's cost of unseen was measured."""
    rows = summary.environments_of(row["method"])
    return sum(each["cost_of_unseen"] is not None for each in rows)
