"""The answer in one sentence.

The wording follows the interval, never the estimate alone: a cost is called one only when the 95%
interval excludes zero, and otherwise the sentence says how large the cost could still be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.report.numerals import Numerals, numerals_for
from gengap.report.summary import Row, Summary, read
from gengap.report.text import isolate, shorten
from gengap.report.wording import (
    amount,
    measured_environments,
    method_name,
    metric,
    percent,
    place,
    points,
)

# Score lost, loss risen, score gained, loss fallen.
EXPECTED = ("lose", "rise", "gain", "fall")
PAST = ("lost", "rose", "gained", "fell")


def headline(summary: Mapping[str, Any]) -> str:
    """Return the answer in one sentence of plain text, with hyphens for minus signs.

    Raises:
        UsageError: ``summary`` is not what ``gap.json`` holds.
    """
    checked = read(summary)
    return answer(checked, numerals_for(checked))


def answer(summary: Summary, number: Numerals) -> str:
    """Say what the headline method loses where it has not been, with both intervals."""
    row = summary.headline
    if row is None:
        return "No method was measured, so there is no answer."
    cost, low, high = row["cost_of_unseen"], row["cost_low"], row["cost_high"]
    if cost is None:
        return _not_measured(summary, number, row)
    if low is None or high is None:
        return _without_interval(summary, number, row)
    if _alike(summary, row):
        return _nothing_differs(summary, number, row)
    shown = low > 0 or high < 0
    if measured_environments(summary, row) == 1:
        return _one_environment(summary, number, row, shown)
    return _shown(summary, number, row) if shown else _not_shown(summary, number, row)


def _shown(summary: Summary, number: Numerals, row: Row) -> str:
    word = isolate(shorten(summary.study["environment_word"] or "environment"))
    low, high = _facing(row, "cost_low", "cost_high")
    single = _single(number, row) or "none could be given for a single new one"
    return (
        f"At a new {word}, expect {_change(summary, number, row, EXPECTED)} "
        f"(95% interval {number.interval(low, high)} {_these(summary, row)}; {single})."
    )


def _not_shown(summary: Summary, number: Numerals, row: Row) -> str:
    single = _single(number, row)
    return (
        f"No cost of unseen environments was shown for {method_name(row)}: "
        f"{_undecided(summary, number, row, f' {_these(summary, row)}')}"
        f"{f' ({single})' if single else ''}."
    )


def _alike(summary: Summary, row: Row) -> bool:
    """Whether it is known that no test example scored differently under the two runs."""
    rows = summary.environments_of(row["method"])
    return bool(rows) and all(own.get("differing_examples") == 0 for own in rows)


def _nothing_differs(summary: Summary, number: Numerals, row: Row) -> str:
    examples = [own["examples"] for own in summary.environments_of(row["method"])]
    if not row["cost_high"]:
        bound = "which leaves nothing to draw an interval from"
    else:
        tested = "" if None in examples else f"with {int(sum(examples)):,} examples "
        bound = (
            f"{tested}a cost up to {amount(summary, number, row['cost_high'])} cannot be excluded"
        )
    joint = "; " if row["cost_high"] else ", "
    return (
        f"No cost of unseen environments was shown for {method_name(row)}: no test example was "
        f"answered differently{joint}{bound}."
    )


def _one_environment(summary: Summary, number: Numerals, row: Row, shown: bool) -> str:
    low, high = _facing(row, "cost_low", "cost_high")
    if shown:
        finding = (
            f"{_change(summary, number, row, PAST)} (95% interval {number.interval(low, high)})"
        )
    else:
        undecided = _undecided(summary, number, row)
        finding = f"no cost was shown for {method_name(row)}: {undecided}"
    where = _one_place(summary, row)
    return f"{where}, {finding}; one environment cannot say what a new one would cost."


def _without_interval(summary: Summary, number: Numerals, row: Row) -> str:
    where = "At the unseen environments measured"
    if measured_environments(summary, row) == 1:
        where = _one_place(summary, row)
    return (
        f"{where}, {_change(summary, number, row, PAST)}; no interval could be given, so this is "
        "only a rough guide to what comes next."
    )


def _not_measured(summary: Summary, number: Numerals, row: Row) -> str:
    text = f"The cost of unseen environments was not measured for {method_name(row)}"
    seen, unseen = row["score_in_distribution"], row["score_unseen"]
    if unseen is None:
        return f"{text}."
    text += f"; its {metric(summary)} was {percent(number, unseen)} where unseen"
    return f"{text}." if seen is None else f"{text} and {percent(number, seen)} in distribution."


def _change(summary: Summary, number: Numerals, row: Row, verbs: tuple[str, ...]) -> str:
    """Say "X lost about 2.1 points of accuracy" or, for a loss, "the rmse of X rose by about"."""
    lose, rise, gain, fall = verbs
    cost, method = row["cost_of_unseen"], method_name(row)
    to = "to " if verbs is EXPECTED else ""
    if summary.study["higher_is_better"]:
        verb = gain if cost < 0 else lose
        return f"{method} {to}{verb} about {amount(summary, number, abs(cost))}"
    verb = fall if cost < 0 else rise
    return f"the {metric(summary)} of {method} {to}{verb} by about {points(number, abs(cost))}"


def _undecided(summary: Summary, number: Numerals, row: Row, where: str = "") -> str:
    low, high = row["cost_low"], row["cost_high"]
    return (
        f"the estimate is {amount(summary, number, row['cost_of_unseen'])}, with a 95% interval of "
        f"{number.interval(low, high)}{where}, so the cost could still be as large as "
        f"{points(number, high)}"
    )


def _these(summary: Summary, row: Row) -> str:
    measured = measured_environments(summary, row)
    return f"on these {measured} environments" if measured else "on these environments"


def _single(number: Numerals, row: Row) -> str:
    shown = row["cost_low"] > 0 or row["cost_high"] < 0
    low, high = row["new_environment_low"], row["new_environment_high"]
    if shown:
        low, high = _facing(row, "new_environment_low", "new_environment_high")
    if low is None or high is None:
        return ""
    return f"between {number(low)} and {number(high)} for a single new one"


def _facing(row: Row, low: str, high: str) -> tuple[float | None, float | None]:
    """Return an interval of the change as worded: of the cost, or of the gain when it is one."""
    ends = row[low], row[high]
    if row["cost_of_unseen"] >= 0 or None in ends:
        return ends
    return -ends[1], -ends[0]


def _one_place(summary: Summary, row: Row) -> str:
    name = place(summary.environments_of(row["method"])[0]["environment"])
    return f"At the one unseen environment measured ({name})"
