"""What a comparison says, in sentences: the answer, then what a reader must know with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from gengap.errors import listing

Summary = dict[str, Any]
Row = dict[str, Any]
MOST_NAMED = 6


def answer(summary: Summary) -> str:
    """Return the verdict in a sentence or two."""
    rows, about = summary["methods"], summary["comparison"]
    if rows[0]["mean"] == rows[-1]["mean"] and len({row["mean"] for row in rows}) == 1:
        return f"All {len(rows)} methods have the same mean score; nothing tells them apart."
    if about["baseline"] is not None:
        return _against_baseline(summary)
    first = rows[0]
    number = numbers(summary)
    lead = f"{first['method']} has the best mean {about['metric']}, {number(first['mean'])}"
    lead += _limits(number, first, "like_these") or _limits(number, first, "mean")
    beaten, open_, behind = _sides(summary, first["method"])
    others = len(rows) - 1
    if len(beaten) == others:
        nearest = min(beaten, key=lambda name: abs(beaten[name][0]))
        margin = _difference(number, beaten[nearest])
        return f"{lead}; it is better than {_all(others)}, the nearest ({nearest}) by {margin}."
    if behind:
        return (
            f"{lead}, but where both were measured {_names(behind)} "
            f"{'is' if len(behind) == 1 else 'are'} better."
        )
    if not beaten:
        return f"{lead}, but it cannot be told apart from {_all(others)}{_scope(summary)}."
    return (
        f"{lead}; it is better than {_names(beaten)}, but cannot be told apart from "
        f"{_names(open_)}{_scope(summary)}."
    )


def findings(summary: Summary) -> list[str]:
    """Return what must be known with the answer, most important first."""
    about = summary["comparison"]
    found = [_unit(summary), *_equivalences(summary)]
    if summary["stability"] is not None and len(about["environments"]) > 2:
        found += summary["stability"]["sentences"]
    if about["missing_cells"]:
        cells = len(about["methods"]) * len(about["environments"])
        found.append(
            f"{about['missing_cells']} of {cells} cells of method and environment are missing; "
            "pairs are compared where both were measured, and means of different environments "
            "are not alike."
        )
    found += sorted({row["note"] for row in summary["methods"] if row["note"]})
    return [sentence for sentence in [*found, *about["notes"]] if sentence]


def numbers(summary: Summary) -> Numbers:
    """Digits for the whole report: the typical half-width of a mean shows two that count."""
    widths = [
        row["mean_high"] - row["mean_low"]
        for row in summary["methods"]
        if row["mean_low"] is not None
    ]
    differences = [abs(row["difference"]) for row in summary["pairs"] if row["difference"]]
    sizes = sorted(w / 2 for w in widths if w > 0) or sorted(differences)
    typical = sizes[len(sizes) // 2] if sizes else 0.0
    largest = max((abs(row["mean"]) for row in summary["methods"]), default=0.0)
    if typical == 0:
        typical = (largest or 1.0) / 100
    return Numbers(min(max(1 - math.floor(math.log10(typical)), 0), 8))


class Numbers:
    """Prints scores with a fixed number of decimals."""

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals

    def __call__(self, value: float | None, *, plus: bool = False) -> str:
        """Print a score; ``plus`` marks positive values with a sign."""
        if value is None:
            return "n/a"
        text = f"{value:,.{self.decimals}f}"
        if float(text.replace(",", "")) == 0:
            return text.lstrip("-")
        return "+" + text if plus and value > 0 else text

    def interval(self, low: float | None, high: float | None, *, plus: bool = False) -> str:
        """Print ``0.71 to 0.75``; empty where there are no limits."""
        if low is None or high is None:
            return ""
        return f"{self(low, plus=plus)} to {self(high, plus=plus)}"


def _against_baseline(summary: Summary) -> str:
    base = summary["comparison"]["baseline"]
    better: list[str] = []
    worse: list[str] = []
    open_: list[str] = []
    for row in summary["pairs"]:
        sides = {"first is better": better, "second is better": worse}
        sides.get(row["verdict"], open_).append(row["first"])
    parts = []
    if better:
        parts.append(f"{_names(better)} {'is' if len(better) == 1 else 'are'} better than {base}")
    if worse:
        parts.append(
            f"{_names(worse)} {'is' if len(worse) == 1 else 'are'} worse"
            + (f" than {base}" if not better else "")
        )
    if open_:
        subject = _names(open_) if parts or len(open_) < 3 else f"None of the {len(open_)} methods"
        parts.append(
            f"{subject} can{'' if subject.startswith('None') else 'not'} be told apart from "
            f"{base if not parts else 'it'}"
        )
    return "; ".join(parts) + _scope(summary) + "."


def _sides(
    summary: Summary, method: str
) -> tuple[dict[str, tuple[float, float, float]], list[str], list[str]]:
    """Methods it beats (with difference and limits), is not told apart from, and loses to."""
    beaten: dict[str, tuple[float, float, float]] = {}
    open_, behind = [], []
    for row in summary["pairs"]:
        if method not in (row["first"], row["second"]):
            continue
        own_first = row["first"] == method
        other = row["second"] if own_first else row["first"]
        if row["verdict"] == "no clear difference":
            open_.append(other)
        elif (row["verdict"] == "first is better") == own_first:
            ends = (row["difference"], row["difference_low"], row["difference_high"])
            beaten[other] = ends if own_first else (-ends[0], -ends[2], -ends[1])
        else:
            behind.append(other)
    return beaten, open_, behind


def _difference(number: Numbers, ends: Sequence[float]) -> str:
    estimate, low, high = ends
    if estimate < 0:
        estimate, low, high = -estimate, -high, -low
    return f"{number(estimate)} ({number.interval(low, high)})"


def _limits(number: Numbers, row: Row, name: str) -> str:
    limits = number.interval(row[f"{name}_low"], row[f"{name}_high"])
    return f" ({limits})" if limits else ""


def _scope(summary: Summary) -> str:
    count = len(summary["comparison"]["environments"])
    return f" with {count} environment{'s' if count > 1 else ''}"


def _unit(summary: Summary) -> str:
    about = summary["comparison"]
    tests = len(summary["pairs"])
    units = {row["unit"] for row in summary["pairs"]}
    chance = f"{100 * (1 - about['level']):.3g}%"
    family = f"the chance of any false verdict among {tests} comparisons is at most {chance}"
    if tests == 1:
        family = f"the chance of a false verdict is at most {chance}"
    if units == {"environment"}:
        return (
            f"Environments are the unit, so verdicts speak for environments like these; {family}."
        )
    if about["runs_per_cell"][1] == 1:
        return (
            "With one run per cell and fewer than 3 environments there is nothing to judge "
            "differences by."
        )
    return (
        "Where methods share fewer than 3 environments, seeds are the unit and verdicts speak for "
        f"these environments only; {family}."
    )


def _equivalences(summary: Summary) -> list[str]:
    margin = summary["comparison"]["margin"]
    same = [row for row in summary["pairs"] if row.get("equivalent")]
    if not same or margin is None:
        return []
    named = listing([f"{row['first']} and {row['second']}" for row in same], MOST_NAMED)
    return [f"Shown to be the same within {margin:g} (each pair by itself): {named}."]


def _names(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) == 1:
        return found[0]
    if len(found) > MOST_NAMED:
        return listing(found, MOST_NAMED)
    return ", ".join(found[:-1]) + " and " + found[-1]


def _all(others: int) -> str:
    return {1: "the other method", 2: "both others"}.get(others, f"all {others} others")
