"""A comparison's summary as the report reads it: safe names, and pairs seen from either side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.base.errors import UsageError
from gengap.questions.comparison.verdict import Numbers, numbers
from gengap.report.text import clean

Summary = dict[str, Any]
Row = dict[str, Any]
NEEDED = frozenset(("answer", "comparison", "environments", "findings", "methods", "pairs"))
_TURNED = {"first is better": "second is better", "second is better": "first is better"}
_ENDS = (
    ("first", "second"),
    ("probability_first_better", "probability_second_better"),
)


class MinusSigns(Numbers):
    """Prints scores with a minus sign in place of a hyphen."""

    def __call__(self, value: float | None, *, plus: bool = False) -> str:
        """Print a score; ``plus`` marks positive values with a sign."""
        return super().__call__(value, plus=plus).replace("-", "−")


def read(summary: Mapping[str, Any]) -> Summary:
    """Return a copy whose texts are single lines without control characters.

    Raises:
        UsageError: ``summary`` is not what ``compare.json`` holds.
    """
    missing = NEEDED - set(summary)
    if missing:
        raise UsageError(
            f"This is not what compare.json holds: {', '.join(sorted(missing))} is missing; make "
            "one with gengap compare."
        )
    return {key: _cleaned(value) for key, value in summary.items()}


def digits(summary: Summary, *, typeset: bool = False) -> Numbers:
    """Choose the digits of the whole report; ``typeset`` prints minus signs, not hyphens."""
    chosen = numbers(summary)
    return MinusSigns(chosen.decimals) if typeset else chosen


def reference(summary: Summary) -> str:
    """Return the method that the others are held against: the baseline, or else the leader."""
    return str(summary["comparison"]["baseline"] or summary["methods"][0]["method"])


def against_reference(summary: Summary) -> dict[str, Row]:
    """Return the pair of each other method with the reference, the other method first."""
    base = reference(summary)
    found = {}
    for row in summary["pairs"]:
        if base in (row["first"], row["second"]):
            other = row["second"] if row["first"] == base else row["first"]
            found[other] = facing(row, other)
    return found


def facing(row: Row, first: str) -> Row:
    """Return a pair with the method ``first`` on the left, whichever side it was on."""
    if row["first"] == first:
        return row
    turned = dict(row)
    for left, right in _ENDS:
        if left in row:
            turned[left], turned[right] = row[right], row[left]
    for name in ("difference", "here"):
        low, high = f"{name}_low", f"{name}_high"
        turned |= {name: _negated(row[name])}
        turned |= {low: _negated(row[high]), high: _negated(row[low])}
    turned |= {
        "improvement": _complement(row["improvement"]),
        "improvement_low": _complement(row["improvement_high"]),
        "improvement_high": _complement(row["improvement_low"]),
        "verdict": _TURNED.get(row["verdict"], row["verdict"]),
    }
    return turned


def limited(row: Row, name: str) -> tuple[float | None, float | None, float | None]:
    """Return an estimate and its limits."""
    return row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high")


def p_text(p: float | None) -> str:
    """Print a p-value: ``0.003``, or ``<0.001``; ``n/a`` where there is none."""
    if p is None:
        return "n/a"
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def _negated(value: float | None) -> float | None:
    return None if value is None else -value


def _complement(value: float | None) -> float | None:
    return None if value is None else 1 - value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list | tuple) else value
