"""Summaries as JSON holds them, checked and put in reading order, with names safe to print.

A study's summary, the content of ``gap.json``, is a dict with four parts:

- ``study``: what was asked and how (name, task, metric, environments, seeds, rules, versions, ...);
- ``environments``: one row per method and unseen environment;
- ``methods``: one row per method, averaged over its unseen environments;
- ``rules``: one row per method and selection rule.

Scores keep the metric's own sign. ``gap``, ``difficulty`` and the costs are positive when the
model is worse off, for scores and for losses. ``difference_from_baseline`` is positive when the
method is better than the baseline. A number that was not measured is None.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gengap.base.errors import UsageError
from gengap.report.numerals import Numerals, magnitude, typical
from gengap.report.text import clean

TEXTS = ("method", "environment", "rule", "verdict", "worst_environment", "selection_rule", "note")
FLAGS = ("peeks", "available")
COST = ("cost_of_unseen", "cost_low", "cost_high")
EXPECTED = ("cost_of_unseen", "expected_low", "expected_high")
NEW = ("new_environment_low", "new_environment_high")
SCORE = ("score_unseen", "score_low", "score_high")
PLAIN_TRAINING = "plain training"


class Row(dict[str, Any]):
    """A row in which what was not measured is None."""

    def __missing__(self, key: str) -> None:
        return None


STUDY = {
    "metric": "score",
    "higher_is_better": True,
    "environment_word": "environment",
    **{key: [] for key in ("environments", "seeds", "caveats", "warnings", "skipped", "added")},
    **{key: {} for key in ("looks", "versions")},
}


@dataclass(frozen=True)
class Summary:
    """A checked summary: numbers are finite floats or None.

    Attributes:
        study: the settings, with defaults for what was absent.
        methods: the baseline first, then the best ``score_unseen`` first.
        environments: rows in the given order.
        rules: rows in the given order.
        sequential: what was decided after how many seeds, where seeds were added until decided.
        curves: one row per method and quantity along training, where they were asked for.
        ordered: scores along environments that are numbers; its ``rows`` are empty without.
        spending: passes of each method, where some took more than others.
        streams: what became of each adapter along its stream.
        sizes: what sizes of training sets did, where they were studied.
        targets: one row per method and target, where there are several.
    """

    study: Row
    methods: list[Row]
    environments: list[Row]
    rules: list[Row]
    sequential: Row
    curves: list[Row]
    sizes: Row = field(default_factory=Row)
    targets: list[Row] = field(default_factory=list)
    ordered: Row = field(default_factory=Row)
    spending: list[Row] = field(default_factory=list)
    streams: list[Row] = field(default_factory=list)

    @cached_property
    def number(self) -> Numerals:
        """Digits for the whole report: three in four costs and limits show two that count.

        Fractions are shown in percent with one decimal, or two when costs are below 0.1 points.
        """
        costs = [row[key] for row in [*self.methods, *self.environments] for key in COST]
        if self.study["metric_is_fraction"]:
            return Numerals(True, 2 if 0 < typical(costs) < 0.001 else 1)
        scores = [row[key] for row in self.methods for key in ("score_unseen", "worst_unseen")]
        if size := typical(costs):
            digits = 1 - magnitude(size)
        else:
            digits = 2 - magnitude(typical(scores) or 1.0)
        largest = max((abs(v) for v in [*costs, *scores] if v is not None), default=0.0)
        several = digits > 6 or largest >= 1e9
        return Numerals(False, None if several else max(digits, 0))

    @property
    def metric(self) -> str:
        """The metric's name."""
        return str(self.study["metric"])

    @property
    def cost_keys(self) -> tuple[str, str, str]:
        """The cost and its limits for environments like these, or else for these."""
        return EXPECTED if any(row["expected_low"] is not None for row in self.methods) else COST

    @property
    def headline(self) -> Row | None:
        """The row of the baseline, which the answer is about; else the first."""
        return next(iter(self.methods), None)

    @property
    def others(self) -> list[Row]:
        """The rows of all methods but the baseline."""
        return self.methods[1:]

    def environments_of(self, method: str) -> list[Row]:
        """The rows of one method, largest cost of unseen first, unmeasured ones last."""
        rows = [row for row in self.environments if row["method"] == method]
        return sorted(rows, key=lambda row: descending(row["cost_of_unseen"]))

    def measured(self, row: Row) -> int:
        """Count the environments in which a method's cost of unseen was measured."""
        rows = self.environments_of(row["method"])
        return sum(each["cost_of_unseen"] is not None for each in rows)

    def better_by(self, score: float | None, than: float | None) -> float | None:
        """How much better one score is than another, positive whichever way the metric runs."""
        if score is None or than is None:
            return None
        return score - than if self.study["higher_is_better"] else than - score

    @property
    def rules_in_order(self) -> list[Row]:
        """One row for each selection rule: the study's own, others that do not look, then peeks."""
        own = self.study["selection_rule"]
        firsts = {row["rule"]: row for row in reversed(self.rules)}
        named = [firsts[name] for name in dict.fromkeys(row["rule"] for row in self.rules)]
        return sorted(named, key=lambda row: (row["peeks"], row["rule"] != own))

    @property
    def peeks(self) -> list[tuple[Row, Row]]:
        """Rows of rules that peek, each with the method's row under the study's own rule.

        Empty where that rule peeks itself, or nothing that peeks was measured.
        """
        own = {
            row["method"]: row
            for row in self.rules
            if row["rule"] == self.study["selection_rule"] and not row["peeks"]
        }
        found = [(row, own[row["method"]]) for row in self.rules if row["method"] in own]
        return [
            pair
            for pair in found
            if pair[0]["peeks"] and None not in (pair[0]["score_unseen"], pair[1]["score_unseen"])
        ]

    def won_by_peeking(self, method: str) -> float | None:
        """How much better a method fares under its best rule that peeks than under the study's."""
        gains = [
            self.better_by(row["score_unseen"], honest["score_unseen"])
            for row, honest in self.peeks
            if row["method"] == method
        ]
        return max((gain for gain in gains if gain is not None), default=None)


def read(found: Any) -> Summary:
    """Check a study's summary and put it in reading order; the argument is not modified.

    Args:
        found: a result, or what its ``gap.json`` holds.

    Raises:
        UsageError: a part is missing or is not of the kind it should be.
    """
    summary = getattr(found, "summary", found)
    given = _part(summary, "study", Mapping)
    study = Row(STUDY | {key: cleaned(value) for key, value in given.items() if value is not None})
    study["metric"] = study["metric"].replace("_", " ")
    study["skipped"] = [Row(row) for row in study["skipped"]]
    methods = _rows(summary, "methods")
    larger = bool(study["higher_is_better"])
    methods.sort(key=lambda row: _reading_order(row, study["baseline"], larger))
    environments = _rows(summary, "environments")
    for row in environments:
        row["environment"] = row["environment"] or "(no name)"
    sequential = cleaned(summary.get("sequential"))
    curves = [Row(row) for row in cleaned(summary.get("curves") or [])]
    rules = _rows(summary, "rules")
    sizes = Row(cleaned(summary.get("sizes") or {}))
    targets = [Row(row) for row in cleaned(summary.get("targets") or [])]
    ordered = summary.get("ordered") or {}
    along = Row({**ordered, "rows": [Row(row) for row in cleaned(ordered.get("rows") or [])]})
    spending = [Row(row) for row in cleaned(summary.get("spending") or [])]
    streams = [Row(row) for row in cleaned(summary.get("streams") or [])]
    return Summary(
        study, methods, environments, rules, Row(sequential or {}), curves, sizes, targets, along,
        spending, streams,
    )  # fmt: skip


def cleaned(value: Any) -> Any:
    """Return a copy whose texts are single lines and whose numbers are finite or None."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(key): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_plain_training(row: Row) -> bool:
    """Whether a method's row is plain training (empirical risk minimisation)."""
    return called(row["method"]) == PLAIN_TRAINING


def is_remedy(row: Row) -> bool:
    """Whether a method's row is of a merge or an adapter of trained models, by its name."""
    return " + " in row["method"]


def called(method: str) -> str:
    """What a baseline is called: plain training needs no other name."""
    return PLAIN_TRAINING if str(method).lower() == "erm" else method


def descending(value: float | None) -> float:
    """Sort by this for the largest first, and last what was not measured."""
    return math.inf if value is None else -value


def _reading_order(row: Row, baseline: str, larger_is_better: bool) -> tuple[bool, float]:
    score = row["score_unseen"]
    if score is not None and not larger_is_better:
        score = -score
    return row["method"] != baseline, descending(score)


def _part(summary: Any, key: str, kind: Any) -> Any:
    value = summary.get(key) if isinstance(summary, Mapping) else None
    if not isinstance(value, kind):
        raise UsageError(
            f"The summary has no usable part {key!r}; give the content of a gap.json that "
            "gengap wrote."
        )
    return value


def _rows(summary: Mapping[str, Any], part: str) -> list[Row]:
    rows = []
    for row in _part(summary, part, list):
        if not isinstance(row, Mapping):
            raise UsageError(
                f"A row of {part!r} in the summary is {type(row).__name__}, not an object; "
                "give the content of a gap.json that gengap wrote."
            )
        known = {key: _number(value) for key, value in row.items() if key not in TEXTS + FLAGS}
        words = {key: clean(row.get(key)) for key in TEXTS}
        flags = {"peeks": bool(row.get("peeks")), "available": row.get("available") is not False}
        rows.append(Row(known | words | flags))
    return rows


def _number(value: Any) -> float | None:
    """Return a finite float; anything else, NaN and infinity included, counts as not measured."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return float(value) if math.isfinite(value) else None
