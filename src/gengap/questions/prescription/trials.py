"""Remedies tried beside plain training on the same environments, paired row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gengap.base.progress import Progress
from gengap.environments.core import Environments
from gengap.questions.diagnosis.material import without
from gengap.records.store import Store
from gengap.records.study import Execution
from gengap.statistics import Comparison, Differences
from gengap.study.result import Result
from gengap.study.study import Study

Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Candidate:
    """What could be used instead of the baseline.

    Attributes:
        name: what tables call it.
        method: a training method's name; None for the baseline's own.
        without: columns that it does not see.
        cause: what it is for.
    """

    name: str
    method: str | None
    without: tuple[str, ...]
    cause: str


@dataclass(frozen=True, eq=False)
class Settings:
    """How every training of a prescription is done.

    Attributes:
        study: the study to take method, network, steps and metric from.
        baseline: its first method, as the study was given it.
        seeds: the seeds.
        store: where runs are recorded, so that none is trained twice.
    """

    study: Study
    baseline: Any
    seeds: int
    store: Store

    def study_of(self, data: Environments, methods: Sequence[Any]) -> Study:
        """A study of some methods on some environments, each left out in turn."""
        made = self.study
        return Study(
            data, list(methods), seeds=self.seeds, splits="leave-one-out", store=self.store.address,
            steps=made.steps, batch=made.batch, model=made.model, metric=made.metric,
            selection="last-step" if made.selection == "last-step" else "validation",
            keep_models="all", threads=made.threads, jobs=made.jobs, memory=made.memory,
            device=made.device, precision=made.precision, trials=made.trials,
            plain_training=False, prepared_inputs=made.prepared_inputs,
        )  # fmt: skip

    def result(self, data: Environments, methods: Sequence[Any], tell: Tell | None) -> Result:
        """Train what the store lacks of such a study, and read it."""
        study = self.study_of(data, methods)
        study.skipped.update(study.carry_out(self.store, study.plan, tell))
        # Not recorded as carried out: records are asked for what the user carried out.
        done = Execution(study.plan.record.key, datetime.now(UTC), skipped=dict(study.skipped))
        result = Result(study.plan, self.store, done)
        result.study = study
        return result


def differences(
    data: Environments, candidates: Sequence[Candidate], settings: Settings, tell: Tell | None
) -> dict[str, Differences]:
    """How much better each candidate is than the baseline, unseen, row by row; larger is better.

    Candidates that cannot be trained on these data are left out.
    """
    found: dict[str, Differences] = {}
    own = [c for c in candidates if not c.without]
    whole = settings.result(data, [settings.baseline, *(c.method for c in own)], tell)
    base = whole.paired_under(whole.plan.baseline)
    sign = 1.0 if whole.plan.score.higher_is_better else -1.0
    others = {c.name: (whole, c.method) for c in own if c.method in whole.scores}
    for candidate in candidates:
        if candidate.without:
            reduced = without(data, candidate.without)
            result = settings.result(reduced, [settings.baseline], tell)
            others[candidate.name] = (result, result.plan.baseline)
    for name, (result, method) in others.items():
        paired = result.paired_under(str(method))
        assert np.array_equal(paired.example, base.example)
        found[name] = Differences(
            sign * (paired.unseen - base.unseen), base.environment, base.seed, base.example
        )
    return found


def best(compared: dict[str, Comparison]) -> str | None:
    """The candidate that is better by most among those shown to be better; None for none."""
    shown = {name: c for name, c in compared.items() if c.verdict == "better"}
    return max(shown, key=lambda name: shown[name].difference.estimate, default=None)
