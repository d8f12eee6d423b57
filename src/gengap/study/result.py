"""The result of a study: tables with intervals, the answer in a sentence, the report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.files import json_values, write_texts
from gengap.records.store import Store
from gengap.statistics import (
    Comparison,
    Differences,
    compare,
    environment_intervals,
    mean_interval,
    new_environment_interval,
)
from gengap.study.rules import RULES, rule_named
from gengap.study.scores import Paired, Scores
from gengap.training.tasks import versions

if TYPE_CHECKING:
    from gengap.study.study import Study

Row = dict[str, Any]


class Result:
    """What a finished study says. Everything is computed from its records.

    Attributes:
        study: the study.
        store: its records.
        sequential: which methods were told apart after how many seeds, where seeds were added
            until then (:mod:`gengap.study.until_decided`); else None.
    """

    def __init__(self, study: Study, store: Store, sequential: Row | None = None) -> None:
        self.study, self.store, self.sequential = study, store, sequential
        self.rule = rule_named(study.selection)
        self._scores = {entry.name: Scores(study, store, entry.name) for entry in study.entries}

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """One row per method and unseen environment; the columns of ``gap.json``."""
        return pd.DataFrame(self.summary["environments"])

    @cached_property
    def methods(self) -> pd.DataFrame:
        """One row per method, averaged over its unseen environments."""
        return pd.DataFrame(self.summary["methods"])

    @cached_property
    def rules(self) -> pd.DataFrame:
        """One row per method and selection rule."""
        return pd.DataFrame(self.summary["rules"])

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        from gengap.report import headline

        return headline(self.summary)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Everything the report shows, as JSON values; what ``gap.json`` holds."""
        paired = self._paired
        comparisons = self._comparisons
        environments = [row for name in paired for row in self._environment_rows(name)]
        by_method: dict[str, list[Row]] = {}
        for row in environments:
            by_method.setdefault(row["method"], []).append(row)
        summary = {
            "study": self._study_row(),
            "environments": environments,
            "methods": [
                self._method_row(name, by_method[name], comparisons.get(name)) for name in paired
            ],
            "rules": self._rule_rows,
        }
        if self.sequential is not None:
            summary["sequential"] = self.sequential
        return json_values(summary)

    def report(self, path: str | Path) -> Path:
        """Write the report: text where the name ends in ``.md``, else HTML."""
        from gengap.report import render_html, render_markdown

        path = Path(path)
        render = render_markdown if path.suffix == ".md" else render_html
        write_texts({path: render(self.summary)})
        return path

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write ``report.html``, ``report.md`` and ``gap.json`` into a folder."""
        from gengap.report import render_html, render_markdown

        folder = Path(folder)
        paths = {
            "html": folder / "report.html",
            "markdown": folder / "report.md",
            "json": folder / "gap.json",
        }
        texts = {
            "html": render_html(self.summary),
            "markdown": render_markdown(self.summary),
            "json": json.dumps(self.summary, indent=2) + "\n",
        }
        write_texts({paths[kind]: text for kind, text in texts.items()})
        return paths

    def __repr__(self) -> str:
        return f"Result({self.study.name!r}): {self.answer}"

    @property
    def _sign(self) -> float:
        return 1.0 if self.study.metric_used.higher_is_better else -1.0

    @cached_property
    def _paired(self) -> dict[str, Paired]:
        found = {}
        for name, scores in self._scores.items():
            choices, _ = scores.choices(self.rule)
            if not choices:
                raise UsageError(
                    f"The selection rule {self.rule.name} needs runs that this study did not "
                    "train; add --inner."
                )
            found[name] = scores.paired(choices)
        return found

    @cached_property
    def _comparisons(self) -> Mapping[str, Comparison]:
        base = self._paired.get("erm")
        if base is None:
            return {}
        differences = {
            name: Differences(
                self._sign * (p.unseen - base.unseen), p.environment, p.seed, p.example
            )
            for name, p in self._paired.items()
            if name != "erm"
        }
        return compare(differences)

    @cached_property
    def _training(self) -> dict[str, dict[str, Any]]:
        return {name: self._training_noise(name) for name in self._paired}

    @cached_property
    def _overlap(self) -> float:
        return self.study.layout.training_overlap(self.study.seed_list)

    def _training_noise(self, name: str) -> dict[str, Any]:
        """What shows the intervals of a cost how much other training sets would change it."""
        choices, _ = self._scores[name].choices(self.rule)
        v = self._scores[name].paired(choices, "validation")
        return {
            "overlap": self._overlap,
            "validation": Differences(
                self._sign * (v.reference - v.unseen), v.environment, v.seed, v.example
            ),
            "largest": 1.0 if self.study.metric_used.name == "accuracy" else math.inf,
        }

    def _environment_rows(self, name: str) -> list[Row]:
        p = self._paired[name]
        difference = self._sign * (p.reference - p.unseen)
        intervals = environment_intervals(
            difference, p.environment, p.seed, p.example, **self._training[name]
        )
        rows = []
        for code, interval in intervals.items():
            own = p.environment == code
            inside = [v for (k, _), v in p.in_distribution.items() if k == code]
            in_distribution = float(np.mean(inside))
            unseen = _mean_of_seeds(p.unseen[own], p.seed[own])
            reference = _mean_of_seeds(p.reference[own], p.seed[own])
            rows.append(
                {
                    "method": name,
                    "environment": self.study.environments.names[code],
                    "in_distribution": in_distribution,
                    "unseen": unseen,
                    "reference": reference,
                    "gap": self._sign * (in_distribution - unseen),
                    "difficulty": self._sign * (in_distribution - reference),
                    "cost_of_unseen": self._sign * (reference - unseen),
                    "cost_low": interval.low,
                    "cost_high": interval.high,
                    "runs": 2 * len(np.unique(p.seed[own])),
                    "examples": len(np.unique(p.example[own])),
                    "differing_examples": len(np.unique(p.example[own & (difference != 0)])),
                }
            )
        return rows

    def _method_row(self, name: str, rows: list[Row], comparison: Comparison | None) -> Row:
        p = self._paired[name]
        difference = self._sign * (p.reference - p.unseen)
        columns = difference, p.environment, p.seed, p.example
        noise = self._training[name]
        fixed = mean_interval(*columns, **noise)
        new = new_environment_interval(*columns, **noise)
        worst = min(rows, key=lambda row: self._sign * row["unseen"])
        keys = [run.key for run, _ in self.study.plan[name]]
        return {
            "method": name,
            "score_in_distribution": _average(rows, "in_distribution"),
            "score_unseen": _average(rows, "unseen"),
            "score_reference": _average(rows, "reference"),
            "worst_unseen": worst["unseen"],
            "worst_environment": worst["environment"],
            "gap": _average(rows, "gap"),
            "difficulty": _average(rows, "difficulty"),
            "cost_of_unseen": _average(rows, "cost_of_unseen"),
            "cost_low": fixed.low,
            "cost_high": fixed.high,
            "new_environment_low": new.low,
            "new_environment_high": new.high,
            "difference_from_erm": comparison.difference.estimate if comparison else None,
            "difference_low": comparison.difference.low if comparison else None,
            "difference_high": comparison.difference.high if comparison else None,
            "verdict": comparison.verdict if comparison else None,
            "selection_rule": self.rule.name,
            "seconds": sum(stored.seconds for stored in self.store.runs(keys=keys)),
        }

    @cached_property
    def _rule_rows(self) -> list[Row]:
        rows = []
        for rule in RULES.values():
            for name, scores in self._scores.items():
                choices, looks = scores.choices(rule)
                row: Row = {
                    "rule": rule.name,
                    "method": name,
                    "peeks": rule.peeks,
                    "score_unseen": None,
                    "score_low": None,
                    "score_high": None,
                    "looks": looks,
                    "available": bool(choices),
                    "note": rule.summary,
                }
                if choices:
                    p = scores.paired(choices)
                    v = scores.paired(choices, "validation")
                    interval = mean_interval(
                        p.unseen,
                        p.environment,
                        p.seed,
                        p.example,
                        overlap=self._overlap,
                        validation=Differences(v.unseen, v.environment, v.seed, v.example),
                    )
                    row["score_unseen"] = _mean_of_environments(p)
                    row["score_low"], row["score_high"] = interval.low, interval.high
                else:
                    diverged = scores.diverged(rule)
                    row["note"] = (
                        "not measured: the run it keeps diverged"
                        if diverged
                        else "not measured: needs the extra runs of --inner"
                    )
                rows.append(row)
        return rows

    def _study_row(self) -> Row:
        study, metric = self.study, self.study.metric_used
        looks: dict[str, int] = {}
        for row in self._rule_rows:
            looks[row["rule"]] = looks.get(row["rule"], 0) + row["looks"]
            if row["looks"]:
                self.store.record_looks(
                    study.problem.fingerprint, row["rule"], row["method"], row["looks"]
                )
        networks = any(entry.method is not None for entry in study.entries)
        keys = [run.key for runs in study.plan.values() for run, _ in runs]
        stored = self.store.runs(keys=keys)
        return {
            "name": study.name,
            "task": study.environments.task,
            "metric": metric.name,
            "higher_is_better": metric.higher_is_better,
            "metric_is_fraction": metric.fraction,
            "environments": list(study.environments.names),
            "examples": len(study.environments),
            "seeds": study.seed_list,
            "trials": study.trials,
            "steps": study.steps if networks else None,
            "batch": study.batch if networks else None,
            "model": study.architecture.name if networks else "",
            "splits": study.splits if isinstance(study.splits, str) else repr(study.splits),
            "selection_rule": self.rule.name,
            "looks": looks,
            "warnings": study.warnings,
            "skipped": [
                {"method": name, "reason": reason} for name, reason in study.skipped.items()
            ],
            "fingerprint": study.problem.fingerprint,
            "versions": versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": sum(s.seconds for s in stored),
            "runs": len(stored),
            "chance": self._chance(),
            "command": study.command,
            "environment_word": study.environments.kind,
            "headline_method": study.entries[0].name,
        }

    def _chance(self) -> float | None:
        """Score of always answering the most frequent class, or the mean, of all the data."""
        e, metric = self.study.environments, self.study.metric_used
        if metric.name == "accuracy":
            return float(np.bincount(e.y).max() / len(e))
        if metric.name == "balanced_accuracy":
            return 1 / len(e.classes)
        return {"r2": 0.0, "squared_error": float(np.var(e.y))}.get(metric.name)


def _mean_of_seeds(values: np.ndarray, seed: np.ndarray) -> float:
    """Average the seeds' means, so that a larger test fold does not weigh more."""
    return float(np.mean([values[seed == s].mean() for s in np.unique(seed)]))


def _mean_of_environments(p: Paired) -> float:
    codes = np.unique(p.environment)
    own = (p.environment == code for code in codes)
    return float(np.mean([_mean_of_seeds(p.unseen[rows], p.seed[rows]) for rows in own]))


def _average(rows: list[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
