"""The result of a study: tables with intervals, the answer in a sentence, the report.

Everything is computed from the records, by the study that trained them or by whoever reads them.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, unknown
from gengap.base.finding import Finding
from gengap.records.store import Store
from gengap.records.studies import study_record
from gengap.records.study import Execution
from gengap.statistics import (
    Comparison,
    Differences,
    Interval,
    compare,
    environment_intervals,
    mean_interval,
    source_intervals,
)
from gengap.statistics.source import cost_share, environments_needed
from gengap.study.along_stream import stream_rows
from gengap.study.convergence import said_of_convergence
from gengap.study.curves import Curve, training_curves
from gengap.study.each_target import target_rows
from gengap.study.finding import (
    CurveRow,
    EnvironmentRow,
    MethodRow,
    RuleRow,
    StudyFinding,
)
from gengap.study.metrics import Metric
from gengap.study.ordered import ordered_finding
from gengap.study.plan import Plan, read_plan
from gengap.study.rules import RULES, Rule, rule_named
from gengap.study.scores import Paired, Scores
from gengap.study.size_finding import sizes_finding
from gengap.study.spending import spending
from gengap.study.study_row import study_row
from gengap.study.telling import around, as_told
from gengap.study.until_decided import replay, sequential_finding

if TYPE_CHECKING:
    from gengap.study.study import Study

MOST_NEEDED = 200


def read_result(store: Store, study: str | None = None, *, curves: bool = False) -> Result:
    """The result of a study that a store holds, as the study itself gave it.

    Args:
        study: its name or the beginning of its key, or the name of its data; None for the one
            carried out last.
        curves: whether the finding has training curves though the study did not ask for them.

    Raises:
        UsageError: no finished study, or none of that name.
    """
    record, execution = study_record(store, study)
    return Result(read_plan(store, record), store, execution, curves=curves)


class Result(Finding):
    """What a finished study says.

    Args:
        plan: the study, planned.
        store: its records.
        execution: when it was carried out, and what was left out.
        curves: whether the finding has training curves though the study did not ask for them.

    Attributes:
        plan: the study's plan, with the methods that ran and the seeds that all of them have.
        study: what trained it, with its data; None where it was read from records.
    """

    kind: ClassVar[str] = "study"

    def __init__(
        self, plan: Plan, store: Store, execution: Execution, *, curves: bool = False
    ) -> None:
        self.store, self.execution = store, execution
        self.study: Study | None = None
        self.rule = rule_named(plan.selection)
        self.shows_curves = curves or bool(plan.about.get("curves"))
        skipped = execution.skipped
        self.planned = plan
        self.decided = None if plan.level is None else replay(plan, store, skipped)
        self.plan = plan.part(
            seeds=None if self.decided is None else plan.seeds[: self.decided.common],
            methods=[entry.name for entry in plan.entries if entry.name not in skipped],
        )

    @property
    def name(self) -> str:
        """The study's name."""
        return self.plan.name

    @property
    def skipped(self) -> Mapping[str, str]:
        """Methods that were left out, with the reason."""
        return self.execution.skipped

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """The reader of each method's runs."""
        return {e.name: Scores(self.plan, self.store, e.name) for e in self.plan.entries}

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

    @cached_property
    def finding(self) -> StudyFinding:
        """Everything the report shows, as numbers."""
        environments = {name: self._environment_rows(name) for name in self.paired}
        methods = [self._method_row(name, rows) for name, rows in environments.items()]
        unfinished = said_of_convergence(self.scores, self.rule)
        return StudyFinding(
            study=study_row(
                self.plan, self.execution, self.store, self.skipped, self._rule_rows, unfinished
            ),
            environments=[row for rows in environments.values() for row in rows],
            methods=methods,
            rules=self._rule_rows,
            sequential=None
            if self.decided is None
            else sequential_finding(self.planned, self.decided),
            curves=self._curve_rows() if self.shows_curves else None,
            sizes=sizes_finding(self.plan, self.scores, self.rule),
            targets=target_rows(self),
            ordered=ordered_finding(self.plan, self.scores, self.rule),
            spending=spending(self.plan, self.store, self.scores, self.rule),
            streams=stream_rows(self.plan, self.store, self.scores, self.rule),
        )

    @cached_property
    def curves(self) -> list[Curve]:
        """Scores and norms along training; see :mod:`gengap.study.curves`."""
        return training_curves(self.plan, self.store, self.scores)

    def _curve_rows(self) -> list[CurveRow]:
        return [
            CurveRow(c.method, c.name, *(x.tolist() for x in (c.steps, c.mean, c.low, c.high)))
            for c in self.curves
        ]

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The finding as JSON values; what ``gap.json`` holds."""
        return self.finding.as_json()

    def fit(self, method: str = "best", **options: Any) -> Any:
        """Train a method on all environments, with a guard and a card, to be put to work.

        Args:
            method: of the study; ``"best"`` is the one that did best where environments were
                unseen.
            options: see :func:`gengap.delivery.fit`, such as ``out``, the folder to save it in.

        Returns:
            a scikit-learn estimator, :class:`gengap.delivery.Delivered`.

        Raises:
            UsageError: no such method, or the data are not at hand.
        """
        # Delivering lies above studies, so it is loaded by name when it is asked for.
        return importlib.import_module("gengap.delivery").fit(self, method, **options)

    def explain(self, method: str | None = None, **options: Any) -> Any:
        """Why unseen environments cost what they cost.

        See :func:`gengap.questions.diagnosis.explanation.explain`, which lies above this module.
        """
        question = importlib.import_module("gengap.questions.diagnosis.explanation")
        return question.explain(self, method, **options)

    def mend(self, **options: Any) -> Any:
        """What wins the cost of unseen environments back.

        See :func:`gengap.questions.prescription.mending.mend`, which lies above this module.
        """
        return importlib.import_module("gengap.questions.prescription.mending").mend(
            self, **options
        )

    def __repr__(self) -> str:
        return f"Result({self.name!r}): {self.answer}"

    @property
    def _sign(self) -> float:
        return 1.0 if self.plan.score.higher_is_better else -1.0

    @cached_property
    def paired(self) -> dict[str, Paired]:
        """What each method's selected runs scored, example by example."""
        return {name: self.paired_under(name) for name in self.scores}

    def paired_under(self, method: str, metric: Metric | None = None) -> Paired:
        """What a method's selected runs scored, under the study's metric or another.

        Raises:
            UsageError: no such method; a selection rule that needs runs the study did not train.
        """
        if method not in self.scores:
            raise unknown(f"There are no runs of {method!r} on {self.name}", method, self.scores)
        kept = self._kept(method, metric)
        if (metric or self.plan.score).averages:
            return kept
        # The same entries of every method, so that they stay paired.
        defined = np.logical_and.reduce([self._kept(m, metric).defined for m in self.scores])
        if not defined.any():
            name = (metric or self.plan.score).name
            raise UsageError(
                f"{name} is defined in no test part of an unseen environment, which holds "
                f"{len(kept.example) // len(np.unique(kept.seed)):,} rows in all; choose another "
                "metric, or larger environments."
            )
        return kept.at(defined)

    def _kept(self, method: str, metric: Metric | None) -> Paired:
        kept = self.scores[method].under(self.rule, metric=metric)
        if kept is None:
            raise UsageError(
                f"The selection rule {self.rule.name} needs runs that this study did not train; "
                "add --inner."
            )
        return kept

    def differences(
        self, method: str, against: str | None = None, metric: Metric | None = None
    ) -> dict[int, float]:
        """A method's cost of unseen by environment code, or how much better it is than another.

        Raises:
            UsageError: see :meth:`paired_under`.
        """
        sign = 1.0 if (metric or self.plan.score).higher_is_better else -1.0
        p = self.paired_under(method, metric)
        unseen = self.scores[method].means(p)
        if against is None:
            reference = self.scores[method].means(p, "reference")
            return {code: sign * (reference[code] - unseen[code]) for code in unseen}
        other = self.scores[against].means(self.paired_under(against, metric))
        return {code: sign * (unseen[code] - other[code]) for code in unseen}

    def _better(self, name: str) -> float:
        return float(np.mean(list(self.differences(name, self.plan.baseline).values())))

    def _around_cost(self, cost: float, reference: float, interval: Interval) -> Interval:
        """The interval around a cost in these environments, cut to what their reference leaves."""
        ends = sorted(self._sign * (reference - limit) for limit in self.plan.score.limits)
        return around(cost, interval).within(*ends)

    def told(self, cost: float, interval: Interval) -> Interval:
        """The interval around a cost elsewhere; without limits where it says next to nothing."""
        return as_told(around(cost, interval), self.plan.score.limits)

    def against_baseline(self, methods: Sequence[str] | None = None) -> dict[str, Comparison]:
        """How much better methods are than the baseline, corrected for how many are asked about.

        Args:
            methods: all but the baseline unless given; one alone gets the limits of a single test.
        """
        base, found = self.paired[self.plan.baseline], {}
        for name, p in self.paired.items():
            if name != self.plan.baseline and (methods is None or name in methods):
                better = self._sign * (p.unseen - base.unseen)
                found[name] = Differences(better, p.environment, p.seed, p.example)
        return {
            name: replace(one, difference=self.told(self._better(name), one.difference))
            for name, one in compare(found).items()
        }

    @cached_property
    def _comparisons(self) -> dict[str, Comparison]:
        return self.against_baseline()

    @cached_property
    def _training(self) -> dict[str, dict[str, Any]]:
        return {name: self.training_noise(name) for name in self.paired}

    @cached_property
    def _overlap(self) -> float:
        return self.plan.training_overlap()

    @cached_property
    def share_with_all(self) -> float:
        """What is left of the cost with all environments to train on; NaN where none is left out.

        Only splits that train on all environments but some whole ones can tell.
        """
        every = set(self.plan.problem.environments)
        if any(
            {*cell.train, *cell.unseen} != every or set(cell.train) & set(cell.unseen)
            for cell in self.plan.unseen
        ):
            return math.nan
        return cost_share([len(cell.train) for cell in self.plan.unseen], len(every))

    def training_noise(self, name: str, metric: Metric | None = None) -> dict[str, Any]:
        """What shows the intervals of a cost how much other training sets would change it."""
        v = self.scores[name].under(self.rule, "validation", metric)
        assert v is not None
        v = v.at(v.defined)
        return {
            "overlap": self._overlap,
            "validation": Differences(
                self._sign * (v.reference - v.unseen), v.environment, v.seed, v.example
            ),
            "largest": 1.0 if self.plan.score.name == "accuracy" else math.inf,
        }

    def _environment_rows(self, name: str) -> list[EnvironmentRow]:
        p = self.paired[name]
        difference = self._sign * (p.reference - p.unseen)
        intervals = environment_intervals(
            difference, p.environment, p.seed, p.example, **self._training[name]
        )
        costs = self.differences(name)
        unseen_means = self.scores[name].means(p)
        reference_means = self.scores[name].means(p, "reference")
        inside = p.means_inside()
        runs, examples = (_distinct(p.environment, other) for other in (p.seed, p.example))
        differs = difference != 0
        differing = _distinct(p.environment[differs], p.example[differs])
        rows = []
        for code, interval in intervals.items():
            in_distribution = inside[code]
            unseen, reference, cost = unseen_means[code], reference_means[code], costs[code]
            interval = self._around_cost(cost, reference, interval)
            rows.append(
                EnvironmentRow(
                    method=name,
                    environment=self.plan.problem.environments[code],
                    in_distribution=in_distribution,
                    unseen=unseen,
                    reference=reference,
                    gap=self._sign * (in_distribution - unseen),
                    difficulty=self._sign * (in_distribution - reference),
                    cost_of_unseen=cost,
                    cost_low=interval.low,
                    cost_high=interval.high,
                    runs=2 * runs[code],
                    examples=examples[code],
                    differing_examples=differing[code],
                )
            )
        return rows

    def _method_row(self, name: str, rows: list[EnvironmentRow]) -> MethodRow:
        p, comparison = self.paired[name], self._comparisons.get(name)
        difference = self._sign * (p.reference - p.unseen)
        columns = difference, p.environment, p.seed, p.example
        noise = self._training[name]
        cost = _average(rows, "cost_of_unseen")
        reference = _average(rows, "reference")
        fixed = self._around_cost(cost, reference, mean_interval(*columns, **noise))
        expected, new = (self.told(cost, i) for i in source_intervals(*columns, **noise))
        share = self.share_with_all if expected.defined else math.nan
        better = comparison.difference if comparison else None
        worst = min(rows, key=lambda row: self._sign * row.unseen)
        keys = [run.key for run, _ in self.plan.runs[name]]
        return MethodRow(
            method=name,
            score_in_distribution=_average(rows, "in_distribution"),
            score_unseen=_average(rows, "unseen"),
            score_reference=reference,
            worst_unseen=worst.unseen,
            worst_environment=worst.environment,
            gap=_average(rows, "gap"),
            difficulty=_average(rows, "difficulty"),
            cost_of_unseen=cost,
            cost_low=fixed.low,
            cost_high=fixed.high,
            expected_low=expected.low,
            expected_high=expected.high,
            new_environment_low=new.low,
            new_environment_high=new.high,
            environments_needed=environments_needed(
                abs(cost), expected.half_width, len(rows), most=MOST_NEEDED
            ),
            cost_with_all=share * cost,
            cost_with_all_low=share * expected.low,
            cost_with_all_high=share * expected.high,
            difference_from_baseline=better.estimate if better else None,
            difference_low=better.low if better else None,
            difference_high=better.high if better else None,
            verdict=comparison.verdict if comparison else None,
            selection_rule=self.rule.name,
            seconds=sum(stored.seconds for stored in self.store.runs(keys=keys)),
        )

    @cached_property
    def _rule_rows(self) -> list[RuleRow]:
        return [
            self._rule_row(rule, scores)
            for rule in RULES.values()
            for scores in self.scores.values()
        ]

    def _rule_row(self, rule: Rule, scores: Scores) -> RuleRow:
        p, v = scores.under(rule), scores.under(rule, "validation")
        score, low, high, note = None, None, None, rule.summary
        if p is not None and v is not None and p.defined.any():
            if (scores.method, id(p), id(v)) not in self._rule_scores:
                self._rule_scores[scores.method, id(p), id(v)] = self._rule_score(p, v, scores)
            score, low, high = self._rule_scores[scores.method, id(p), id(v)]
        elif scores.diverged(rule):
            note = "not measured: the run it keeps diverged"
        else:
            note = f"not measured: needs {rule.needs}"
        return RuleRow(
            rule=rule.name,
            method=scores.method,
            peeks=rule.peeks,
            score_unseen=score,
            score_low=low,
            score_high=high,
            looks=scores.choices(rule)[1],
            available=p is not None,
            note=note,
        )

    def _rule_score(self, p: Paired, v: Paired, scores: Scores) -> tuple[float, float, float]:
        """Mean score where environments were unseen, with its interval."""
        p, v = p.at(p.defined), v.at(v.defined)
        interval = mean_interval(
            p.unseen,
            p.environment,
            p.seed,
            p.example,
            overlap=self._overlap,
            validation=Differences(v.unseen, v.environment, v.seed, v.example),
        )
        score = float(np.mean(list(scores.means(p).values())))
        interval = around(score, interval).within(*self.plan.score.limits)
        return score, interval.low, interval.high

    @cached_property
    def _rule_scores(self) -> dict[tuple[str, int, int], tuple[float, float, float]]:
        """By what a rule's runs scored, which Scores holds: rules that keep the same share it."""
        return {}


def _distinct(environment: np.ndarray, codes: np.ndarray) -> Counter[int]:
    """How many different codes come with each environment."""
    base = int(codes.max(initial=0)) + 1
    return Counter((np.unique(environment * base + codes) // base).tolist())


def _average(rows: list[EnvironmentRow], key: str) -> float:
    return float(np.mean([getattr(row, key) for row in rows]))
