"""What a comparison says, in sentences: the answer, then what a reader must know with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gengap.base.errors import listing

Summary = dict[str, Any]
Row = dict[str, Any]
MOST_NAMED = 6
MANY = 45


def answer(summary: Summary) -> str:
    """Return the verdict in a sentence or two."""
    rows, about = summary["methods"], summary["comparison"]
    if len({row["mean"] for row in rows}) == 1:
        return f"All {len(rows)} methods have the same mean score; nothing tells them apart."
    if about["baseline"] is not None:
        return _against_baseline(summary)
    first, number = rows[0], numbers(summary)
    adjusted = "adjusted " if about["missing_cells"] else ""
    lead = f"{first['method']} has the best {adjusted}mean {about['metric']}, "
    lead += number(first["mean"]) + _limits(number, first)
    beaten, open_, behind = _sides(summary, first["method"])
    others = len(rows) - 1
    if len(beaten) == others:
        nearest, ends = next(iter(beaten.items()))
        size, limits = _difference(number, ends)
        return (
            f"{lead}; it is better than {_all(others)}, the nearest ({nearest}) by {size} "
            f"({limits})."
        )
    if behind:
        return (
            f"{lead}, but where both were measured {_names(behind)} "
            f"{'is' if len(behind) == 1 else 'are'} better."
        )
    if not beaten:
        return f"{lead}, but it cannot be told apart from {_any(others)}{_scope(summary)}."
    return (
        f"{lead}; it is better than {_names(beaten)}, but cannot be told apart from "
        f"{_names(open_)}{_scope(summary)}."
    )


def findings(summary: Summary) -> list[str]:
    """Return what must be known with the answer, most important first."""
    about = summary["comparison"]
    found = [*about["notes"], _unit(summary), _many(summary), *_equivalences(summary)]
    if summary["stability"] is not None and len(about["environments"]) > 2:
        if any(row["verdict"] == "no clear difference" for row in summary["pairs"]):
            found.append("What follows is about the order of the estimates, certain or not.")
        found += summary["stability"]["sentences"]
    if about["missing_cells"]:
        cells = len(about["methods"]) * len(about["environments"])
        found.append(
            f"{about['missing_cells']} of {cells} cells of method and environment are missing; "
            "pairs are compared where both were measured."
        )
    found += sorted({row["note"] for row in summary["methods"] if row["note"]})
    found += sorted({row["note"] for row in summary["pairs"] if row["note"]})
    return list(dict.fromkeys(sentence for sentence in found if sentence))


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
    decimals = max(1 - math.floor(math.log10(typical)), 0)
    return Numbers(None if decimals > 8 or largest >= 1e9 else decimals)


class Numbers:
    """Prints scores with a fixed number of decimals; None for three significant digits."""

    def __init__(self, decimals: int | None) -> None:
        self.decimals = decimals

    def __call__(self, value: float | None, *, plus: bool = False) -> str:
        """Print a score; ``plus`` marks positive values with a sign."""
        if value is None:
            return "n/a"
        text = f"{value:.3g}" if self.decimals is None else f"{value:,.{self.decimals}f}"
        if float(text.replace(",", "")) == 0:
            return text.lstrip("-")
        return "+" + text if plus and value > 0 else text

    def interval(self, low: float | None, high: float | None, *, plus: bool = False) -> str:
        """Print ``0.71 to 0.75``; empty where there are no limits."""
        if low is None or high is None:
            return ""
        return f"{self(low, plus=plus)} to {self(high, plus=plus)}"


def _against_baseline(summary: Summary) -> str:
    base, number = summary["comparison"]["baseline"], numbers(summary)
    beaten, open_, behind = _sides(summary, base)
    parts = []
    if behind:
        parts.append(f"{_with_sizes(number, behind)} {_is(behind)} better than {base}")
    if beaten:
        than = "" if behind else f" than {base}"
        parts.append(f"{_with_sizes(number, beaten)} {_is(beaten)} worse{than}")
    if open_ and not parts:
        subject = _names(open_) if len(open_) < 3 else f"None of the {len(open_)} other methods"
        verb = "cannot" if len(open_) < 3 else "can"
        parts.append(f"{subject} {verb} be told apart from {base}")
    elif open_:
        parts.append(f"{_names(open_)} cannot be told apart from it")
    return "; ".join(parts) + _scope(summary) + "."


Ends = tuple[float, float, float]


def _sides(
    summary: Summary, method: str
) -> tuple[dict[str, Ends], dict[str, Ends], dict[str, Ends]]:
    """Methods it beats, is not told apart from, and loses to, the nearest first.

    Each with the difference in its favour, in the table's unit, and the limits of that.
    """
    sides: dict[str, dict[str, Ends]] = {"beaten": {}, "open": {}, "behind": {}}
    for row in summary["pairs"]:
        if method not in (row["first"], row["second"]):
            continue
        own_first = row["first"] == method
        other = row["second"] if own_first else row["first"]
        ends = (row["difference"], row["difference_low"], row["difference_high"])
        if not own_first and ends[1] is not None:
            ends = (-ends[0], -ends[2], -ends[1])
        won = (row["verdict"] == "first is better") == own_first
        side = "open" if row["verdict"] == "no clear difference" else "beaten" if won else "behind"
        sides[side][other] = ends
    nearest = [
        dict(sorted(side.items(), key=lambda item: abs(item[1][0] or 0.0)))
        for side in sides.values()
    ]
    return nearest[0], nearest[1], nearest[2]


def _with_sizes(number: Numbers, side: dict[str, Ends]) -> str:
    """Names with how far they are from the baseline, while that is readable."""
    if len(side) > 3:
        return _names(side)
    sizes = {name: ", ".join(_difference(number, ends)) for name, ends in side.items()}
    return _names(f"{name} (by {size})" for name, size in sizes.items())


def _is(side: dict[str, Ends]) -> str:
    return "is" if len(side) == 1 else "are"


def _difference(number: Numbers, ends: Ends) -> tuple[str, str]:
    """Its size and limits, whichever way it points."""
    estimate, low, high = ends
    if estimate < 0:
        estimate, low, high = -estimate, -high, -low
    return number(estimate), number.interval(low, high)


def _limits(number: Numbers, row: Row) -> str:
    """Limits of a mean in brackets, with what they are for."""
    for name, scope in (("like_these", "environments like these"), ("mean", "these environments")):
        if limits := number.interval(row[f"{name}_low"], row[f"{name}_high"]):
            return f" ({limits} for {scope})"
    return ""


def _scope(summary: Summary) -> str:
    count = len(summary["comparison"]["environments"])
    return f" with {count} environment{'s' if count > 1 else ''}"


def _unit(summary: Summary) -> str:
    about = summary["comparison"]
    tests = len(summary["pairs"])
    units = {row["unit"] for row in summary["pairs"]}
    chance = f"{100 * (1 - about['level']):.3g}%"
    family = f"the chance of any false difference among {tests} comparisons is at most {chance}"
    if tests == 1:
        family = f"the chance of a false difference is at most {chance}"
    if units == {"none"}:
        return "No two methods were measured in the same environment: nothing can be compared."
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


def _many(summary: Summary) -> str:
    tests, about = len(summary["pairs"]), summary["comparison"]
    if tests <= MANY or about["baseline"] is not None:
        return ""
    others = len(about["methods"]) - 1
    return (
        f"Each of {tests} comparisons is judged the more strictly for the others; with --baseline "
        f"METHOD there are {others}."
    )


def _equivalences(summary: Summary) -> list[str]:
    margin = summary["comparison"]["margin"]
    same = [row for row in summary["pairs"] if row.get("equivalent")]
    if not same or margin is None:
        return []
    named = listing([f"{row['first']} and {row['second']}" for row in same], MOST_NAMED)
    return [
        f"Shown to be the same within {margin:g}, adjusted for all comparisons looked at: {named}."
    ]


def _names(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) == 1:
        return found[0]
    if len(found) > MOST_NAMED:
        return listing(found, MOST_NAMED)
    return ", ".join(found[:-1]) + " and " + found[-1]


def _all(others: int) -> str:
    return {1: "the other method", 2: "both others"}.get(others, f"all {others} others")


def _any(others: int) -> str:
    return {1: "the other method", 2: "either of the others"}.get(
        others, f"any of the {others} others"
    )
