"""A comparison's summary as the report reads it: safe names, and pairs seen from either side."""

from __future__ import annotations

from typing import Any

from gengap.base.errors import UsageError
from gengap.report.numerals import Numerals, magnitude, typical
from gengap.report.reading import cleaned

Summary = dict[str, Any]
Row = dict[str, Any]
NEEDED = frozenset(("comparison", "environments", "methods", "pairs"))
_TURNED = {"first is better": "second is better", "second is better": "first is better"}
_ENDS = (
    ("first", "second"),
    ("probability_first_better", "probability_second_better"),
)


def read(found: Any) -> Summary:
    """Return a copy whose texts are single lines without control characters.

    Args:
        found: a comparison, or what its ``compare.json`` holds.

    Raises:
        UsageError: ``found`` is neither.
    """
    summary = getattr(found, "summary", found)
    missing = NEEDED - set(summary)
    if missing:
        raise UsageError(
            f"This is not what compare.json holds: {', '.join(sorted(missing))} is missing; make "
            "one with gengap compare."
        )
    return {key: cleaned(value) for key, value in summary.items()}


def digits(summary: Summary) -> Numerals:
    """Digits of the whole report: the typical half-width of a mean shows two that count."""
    ends = [(row["mean_low"], row["mean_high"]) for row in summary["methods"]]
    halves = [(high - low) / 2 for low, high in ends if low is not None and high > low]
    differences = [row["difference"] for row in summary["pairs"]]
    size = typical(halves, 0.5) or typical(differences, 0.5)
    largest = max((abs(row["mean"]) for row in summary["methods"]), default=0.0)
    decimals = max(1 - magnitude(size or (largest or 1.0) / 100), 0)
    several = decimals > 8 or largest >= 1e9
    return Numerals(False, None if several else decimals)


def reference(summary: Summary) -> str:
    """Return the method that the others are held against: the baseline, or else the leader."""
    return str(summary["comparison"]["baseline"] or summary["methods"][0]["method"])


def against(summary: Summary, method: str) -> dict[str, Row]:
    """Return the pair of each other method with ``method``, the other method first."""
    found = {}
    for row in summary["pairs"]:
        if method in (row["first"], row["second"]):
            other = row["second"] if row["first"] == method else row["first"]
            found[other] = facing(row, other)
    return found


def against_reference(summary: Summary) -> dict[str, Row]:
    """Return the pair of each other method with the reference, the other method first."""
    return against(summary, reference(summary))


def facing(row: Row, first: str) -> Row:
    """Return a pair with the method ``first`` on the left, whichever side it was on."""
    if row["first"] == first:
        return row
    turned = dict(row)
    for left, right in _ENDS:
        if left in row:
            turned[left], turned[right] = row[right], row[left]
    for name, whole in (("difference", 0), ("here", 0), ("improvement", 1)):
        low, high = f"{name}_low", f"{name}_high"
        for key, other in ((name, name), (low, high), (high, low)):
            turned[key] = None if row[other] is None else whole - row[other]
    return turned | {"verdict": _TURNED.get(row["verdict"], row["verdict"])}


def limited(row: Row, name: str) -> tuple[float | None, float | None, float | None]:
    """Return an estimate and its limits."""
    return row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high")


def verdict(pair: Row) -> tuple[str, str]:
    """Return the verdict on the first of a pair in a word, and a class name for its style."""
    if pair["verdict"] == "first is better":
        return "better", "better"
    if pair["verdict"] == "second is better":
        return "worse", "worse"
    return ("equivalent" if pair.get("equivalent") else "no clear difference"), "undecided"
