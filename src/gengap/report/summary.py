"""The summary of a study, as ``gap.json`` holds it, checked and put in reading order.

A summary is a plain dict of JSON values with four keys:

- ``study``: what was asked and how (name, task, metric, environments, seeds, rules, versions, ...);
- ``environments``: one row per method and unseen environment;
- ``methods``: one row per method, averaged over its unseen environments;
- ``rules``: one row per method and selection rule.

Scores keep the metric's own sign. ``gap``, ``difficulty`` and the costs are positive when the
model is worse off, for scores and for losses. ``difference_from_erm`` is positive when the method
is better than plain training. A number that was not measured is None.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gengap.base.errors import UsageError
from gengap.report.text import clean

Row = dict[str, Any]

STUDY = {
    "name": "",
    "task": "",
    "metric": "score",
    "higher_is_better": True,
    "metric_is_fraction": False,
    "environments": [],
    "examples": None,
    "seeds": [],
    "trials": None,
    "steps": None,
    "batch": None,
    "model": "",
    "splits": "",
    "selection_rule": "",
    "looks": {},
    "warnings": [],
    "skipped": [],
    "fingerprint": "",
    "versions": {},
    "created": "",
    "seconds": None,
    "runs": None,
    "chance": None,
    "command": "",
    "headline_method": "",
    "environment_word": "environment",
}
METHOD_NUMBERS = (
    "score_in_distribution",
    "score_unseen",
    "worst_unseen",
    "gap",
    "difficulty",
    "cost_of_unseen",
    "cost_low",
    "cost_high",
    "new_environment_low",
    "new_environment_high",
    "difference_from_erm",
    "difference_low",
    "difference_high",
    "seconds",
)
ENVIRONMENT_NUMBERS = (
    "in_distribution",
    "unseen",
    "reference",
    "gap",
    "difficulty",
    "cost_of_unseen",
    "cost_low",
    "cost_high",
    "runs",
    "examples",
)
RULE_NUMBERS = ("score_unseen", "score_low", "score_high", "looks")


@dataclass(frozen=True)
class Summary:
    """A checked summary: every known key is there, numbers are finite floats or None.

    Attributes:
        study: the settings, with defaults for what was absent.
        methods: plain training (``erm``) first, then the best ``score_unseen`` first.
        environments: rows in the given order.
        rules: rows in the given order.
        sequential: sentences on what was decided after how many seeds, where seeds were added
            until decided.
    """

    study: Row
    methods: list[Row]
    environments: list[Row]
    rules: list[Row]
    sequential: tuple[str, ...] = ()

    @property
    def headline(self) -> Row | None:
        """The row of the method that the answer is about: as named, else the first."""
        wanted = self.study["headline_method"]
        named = [row for row in self.methods if row["method"] == wanted]
        return next(iter(named or self.methods), None)

    def environments_of(self, method: str) -> list[Row]:
        """The rows of one method, largest cost of unseen first, unmeasured ones last."""
        rows = [row for row in self.environments if row["method"] == method]
        return sorted(rows, key=lambda row: _descending(row["cost_of_unseen"]))

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

    def won_by_peeking(self, method: str) -> float | None:
        """How much better a method fares under its best rule that peeks than under the study's."""
        own = [row for row in self.rules if row["method"] == method]
        honest = [
            row["score_unseen"]
            for row in own
            if row["rule"] == self.study["selection_rule"] and not row["peeks"]
        ]
        if not honest:
            return None
        gains = [self.better_by(row["score_unseen"], honest[0]) for row in own if row["peeks"]]
        return max((gain for gain in gains if gain is not None), default=None)


def read(summary: Mapping[str, Any]) -> Summary:
    """Check a summary and put it in reading order; the argument is not modified.

    Raises:
        UsageError: a part is missing or is not of the kind it should be.
    """
    study = _part(summary, "study", Mapping)
    settings = {**STUDY, **{key: value for key, value in study.items() if value is not None}}
    for key in ("name", "task", "metric", "model", "splits", "selection_rule", "fingerprint"):
        settings[key] = clean(settings[key])
    settings["metric"] = settings["metric"].replace("_", " ")
    for key in ("created", "command", "headline_method", "environment_word"):
        settings[key] = clean(settings[key])
    for key in ("examples", "trials", "steps", "batch", "seconds", "runs", "chance"):
        settings[key] = _number(settings[key])
    settings["environments"] = [clean(name) for name in settings["environments"]]
    settings["warnings"] = [clean(sentence) for sentence in settings["warnings"]]
    settings["skipped"] = _rows(settings, "skipped", (), ("method", "reason"))
    methods = _rows(summary, "methods", METHOD_NUMBERS, ("method", "worst_environment", "verdict"))
    larger = bool(settings["higher_is_better"])
    methods.sort(key=lambda row: _reading_order(row, larger))
    rules = _rows(summary, "rules", RULE_NUMBERS, ("rule", "method", "note"))
    for row in rules:
        row["peeks"] = bool(row.get("peeks"))
        row["available"] = row.get("available") is not False
    environments = _rows(summary, "environments", ENVIRONMENT_NUMBERS, ("method", "environment"))
    for row in environments:
        row["environment"] = row["environment"] or "(no name)"
    return Summary(
        study=settings,
        methods=methods,
        environments=environments,
        rules=rules,
        sequential=_sentences(summary),
    )


def _sentences(summary: Mapping[str, Any]) -> tuple[str, ...]:
    part = summary.get("sequential")
    found = part.get("sentences") if isinstance(part, Mapping) else None
    return tuple(clean(sentence) for sentence in found) if isinstance(found, list) else ()


def is_plain_training(row: Row) -> bool:
    """Whether a method's row is plain training (empirical risk minimisation)."""
    return str(row["method"]).lower() == "erm"


def _reading_order(row: Row, larger_is_better: bool) -> tuple[bool, float]:
    score = row["score_unseen"]
    if score is not None and not larger_is_better:
        score = -score
    return not is_plain_training(row), _descending(score)


def _descending(value: float | None) -> float:
    return math.inf if value is None else -value


def _part(summary: Mapping[str, Any], key: str, kind: Any) -> Any:
    value = summary.get(key) if isinstance(summary, Mapping) else None
    if not isinstance(value, kind):
        raise UsageError(
            f"The summary has no usable part {key!r}; give the content of a gap.json that "
            "gengap wrote."
        )
    return value


def _rows(
    summary: Mapping[str, Any], part: str, number_keys: tuple[str, ...], text_keys: tuple[str, ...]
) -> list[Row]:
    rows = []
    for row in _part(summary, part, list):
        if not isinstance(row, Mapping):
            raise UsageError(
                f"A row of {part!r} in the summary is {type(row).__name__}, not an object; "
                "give the content of a gap.json that gengap wrote."
            )
        known = {key: _number(row.get(key)) for key in number_keys}
        words = {key: clean(row.get(key)) for key in text_keys}
        rows.append({**row, **known, **words})
    return rows


def _number(value: Any) -> float | None:
    """Return a finite float; anything else, NaN and infinity included, counts as not measured."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
