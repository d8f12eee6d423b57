"""Remedies tried beside plain training on the same environments, paired row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.progress import Progress
from gengap.environments.core import Environments
from gengap.questions.diagnosis.material import without
from gengap.records.store import Store
from gengap.records.study import Execution
from gengap.statistics import Comparison, Differences, compare
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm
from gengap.study.result import Result
from gengap.study.scores import Paired
from gengap.study.study import Study

ALPHA = 0.05  # chance that any remedy is called better that is not
Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Candidate:
    """What could be used instead of the baseline.

    Attributes:
        name: what tables call it.
        method: a training method's name; None for the baseline's own.
        without: columns that it does not see.
        cause: what it is for.
        model: the network, where it is not the study's.
    """

    name: str
    method: str | None
    without: tuple[str, ...]
    cause: str
    model: str | None = None


@dataclass(frozen=True, eq=False)
class Settings:
    """How every training of a prescription is done.

    Attributes:
        study: the study to take method, network, steps and metric from.
        baseline: its first method, as the study was given it.
        shared: hyperparameters of every method that the baseline was given: how far a step goes is
            part of how long training is.
        seeds: the seeds.
        store: where runs are recorded, so that none is trained twice.
    """

    study: Study
    baseline: Any
    seeds: int
    store: Store
    shared: Mapping[str, Any] = field(default_factory=dict)

    def given(self, method: str) -> Any:
        """A method as a study is given it."""
        return {method: dict(self.shared)} if self.shared else method

    def study_of(
        self, data: Environments, methods: Sequence[Any], model: str | None = None
    ) -> Study:
        """A study of some methods on some environments, each left out in turn."""
        made = self.study
        return Study(
            data, list(methods), seeds=self.seeds, splits="leave-one-out", store=self.store.address,
            steps=made.steps, batch=made.batch, model=model or made.model, metric=made.metric,
            selection="last-step" if made.selection == "last-step" else "validation",
            keep_models="all", threads=made.threads, jobs=made.jobs, memory=made.memory,
            device=made.device, precision=made.precision, trials=made.trials, start=made.start,
            plain_training=False, prepared_inputs=made.prepared_inputs,
        )  # fmt: skip

    def result(
        self,
        data: Environments,
        methods: Sequence[Any],
        tell: Tell | None,
        model: str | None = None,
    ) -> Result:
        """Train what the store lacks of such a study, and read it."""
        study = self.study_of(data, methods, model)
        study.skipped.update(study.carry_out(self.store, study.plan, tell))
        # Not recorded as carried out: records are asked for what the user carried out.
        done = Execution(study.plan.record.key, datetime.now(UTC), skipped=dict(study.skipped))
        result = Result(study.plan, self.store, done)
        result.study = study
        return result


class Tried(NamedTuple):
    """Candidates beside the baseline.

    Attributes:
        tables: by name, how much better each is, unseen, row by row; larger is better.
        left_out: by name, scores without a counterpart: some metrics are not defined everywhere.
        unchanged: the baseline beside itself.
        skipped: why a candidate cannot be trained on the data or the network, by name.
    """

    tables: dict[str, Differences]
    left_out: dict[str, int]
    unchanged: Differences
    skipped: dict[str, str]


@dataclass(frozen=True)
class Trial:
    """One remedy beside the baseline on all environments, each unseen in turn.

    Attributes:
        name, cause: of the remedy.
        gain: how much better it is, for itself; its lower limit errs in :data:`ALPHA`.
        p_value: of being no better, corrected for the number of remedies; NaN where it cannot be
            had.
        left_out: scores of either that have no counterpart.
    """

    name: str
    cause: str
    gain: Interval
    p_value: float
    left_out: int

    @property
    def shown(self) -> bool:
        """Whether it is shown to be better."""
        return self.p_value <= ALPHA


def tried(
    data: Environments, candidates: Sequence[Candidate], settings: Settings, tell: Tell | None
) -> Tried:
    """Train candidates beside the baseline; those that cannot be trained on the data are left out.

    Raises:
        UsageError: the metric is defined in nothing that a candidate and the baseline both scored.
    """
    own = {c.name: c.method for c in candidates if c.method is not None}
    given = [settings.given(method) for method in own.values()]
    whole = settings.result(data, [settings.baseline, *given], tell)
    base = whole.paired_under(whole.plan.baseline)
    results = {name: (whole, method) for name, method in own.items() if method in whole.scores}
    for candidate in candidates:
        if candidate.method is None:
            seen = without(data, candidate.without) if candidate.without else data
            result = settings.result(seen, [settings.baseline], tell, candidate.model)
            results[candidate.name] = (result, result.plan.baseline)
    metric = whole.plan.score
    unchanged = Differences(np.zeros(len(base.example)), base.environment, base.seed, base.example)
    made = Tried({}, {}, unchanged, dict(whole.skipped))
    for name, (result, method) in results.items():
        other = result.paired_under(method)
        first, second = shared(base, other)
        if not len(first):
            raise UsageError(
                f"{metric.name} is defined in nothing that both {name} and "
                f"{whole.plan.baseline} scored; give gengap run another --metric."
            )
        gain = other.unseen[second] - base.unseen[first]
        made.tables[name] = Differences(
            gain if metric.higher_is_better else -gain,
            base.environment[first], base.seed[first], base.example[first],
        )  # fmt: skip
        made.left_out[name] = len(base.example) + len(other.example) - 2 * len(first)
    return made


def shared(first: Paired, second: Paired) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``(m,)`` in either of what both scored: environment, seed and example."""
    one, other = (
        pd.MultiIndex.from_arrays([p.environment, p.seed, p.example]) for p in (first, second)
    )
    place = other.get_indexer(one)
    return np.flatnonzero(place >= 0), place[place >= 0]


def trials(made: Tried, candidates: Sequence[Candidate]) -> tuple[Trial, ...]:
    """How much each candidate gains, the best first.

    Only a gain is looked for, so tests have one side; Holm's correction holds for their number.
    """
    causes = {candidate.name: candidate.cause for candidate in candidates}
    alone = {n: compare({n: table}, 1 - 2 * ALPHA)[n] for n, table in made.tables.items()}
    corrected = holm([_no_better(comparison) for comparison in alone.values()])
    found = [
        Trial(name, causes[name], comparison.difference, float(p), made.left_out[name])
        for (name, comparison), p in zip(alone.items(), corrected, strict=True)
    ]
    return tuple(sorted(found, key=lambda trial: -trial.gain.estimate))


def _no_better(comparison: Comparison) -> float:
    half = comparison.p_value / 2
    return half if comparison.difference.estimate > 0 else 1 - half
