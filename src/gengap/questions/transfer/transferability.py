"""What weights of one task are worth for another: every task started from every other's weights.

Each task is learnt from drawn weights, and from those that the same method has learnt on each other
task, for as many steps. What a start is worth is

    transfer = score when started from the source - score from drawn weights,

both on the target's test part, under the same seed: the same division of the target's units and the
same batches, so that nothing but the weights differs. It is *negative* where its limits over seeds
lie below 0: then the source has not only taught nothing, it is in the way. (Limits are for 95% of
pairs, so of forty pairs without any transfer one is flagged on average.)

A started network has had as many steps again on the source. That this is no head start is what
M. Sabatelli & P. Geurts report of deep Q-networks (On the transferability of deep-Q networks, Deep
Reinforcement Learning Workshop at NeurIPS 2021, arXiv 2110.02639): in most cases transfer is
negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from gengap.base.errors import check_whole
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.questions.transfer.tasks import Learnt, Task, Training, learnt, tasks_of
from gengap.records.store import Store
from gengap.statistics.intervals import Interval, student_mean


@dataclass(frozen=True)
class Pair:
    """What a source's weights are worth for a target.

    Attributes:
        source, target: names of the tasks.
        started: mean score of networks that start from the source's weights, at the end.
        early: transfer at the first checkpoint, with limits over seeds; ``late`` at the end.
            Positive is better than from drawn weights, whatever the score.
    """

    source: str
    target: str
    started: float
    early: Interval
    late: Interval

    @property
    def flag(self) -> Literal["negative", "positive", "unclear"]:
        """What the limits at the end say."""
        if self.late.high < 0:
            return "negative"
        return "positive" if self.late.low > 0 else "unclear"


@dataclass(frozen=True, repr=False, eq=False)
class Transferability(Finding):
    """Every task started from every other's weights.

    Attributes:
        problem: name of the data, or of the suites.
        word: what a task is called.
        method: how networks are trained; ``model`` their architecture.
        metric: the score; ``fraction`` whether it is a share, ``higher`` whether more is better.
        steps: of each training; ``early`` the first checkpoint.
        seeds: how many.
        tasks: their names.
        scratch: by task, the mean score from drawn weights.
        pairs: each source and target.
        mean: transfer over all pairs at the end, with limits over seeds.
    """

    kind: ClassVar[str] = "transfer"
    problem: str
    word: str
    method: str
    model: str
    metric: str
    fraction: bool
    higher: bool
    steps: int
    early: int
    seeds: int
    tasks: tuple[str, ...]
    scratch: dict[str, Interval]
    pairs: list[Pair]
    mean: Interval

    def pair(self, source: str, target: str) -> Pair:
        """What one task's weights are worth for another."""
        return next(p for p in self.pairs if (p.source, p.target) == (source, target))

    def flagged(self, flag: str) -> list[Pair]:
        """Pairs of a flag."""
        return [pair for pair in self.pairs if pair.flag == flag]


def transferability(
    tasks: Any,
    method: Any = None,
    *,
    model: Any = None,
    seeds: int | Sequence[int] = 5,
    steps: int | None = None,
    batch: int | None = None,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Transferability:
    """Train every task from drawn weights and from those of every other task.

    Args:
        tasks: a problem, whose environments are the tasks; or problems by name, each of which is
            one as a whole. Inputs and outputs of all are of one shape.
        method: as a study takes it; cloning of logs, else plain training, unless given.
        model: as a study takes it; what the data suggest unless given.
        seeds: how often all of it is done, or under which.
        steps, batch: of each training.
        store: database URL or path where runs are kept, and found again.
        progress: called with a :class:`~gengap.base.progress.Progress`.
        settings: further settings of the study.

    Raises:
        UsageError: there is one task only, they do not fit, or the method trains no network.
    """
    if isinstance(seeds, int):
        check_whole(seeds=seeds)
        seeds = range(seeds)
    found = tasks_of(tasks)
    how = Training(method, model, steps, batch, settings)
    scratch: list[dict[str, Learnt]] = []
    started: list[dict[tuple[str, str], Learnt]] = []
    total = len(seeds) * (1 + len(found))
    with Store(store if store is not None else "sqlite://") as records:
        for seed in seeds:
            done = len(scratch) * (1 + len(found))
            tell = _telling(progress, done, total, "from drawn weights")
            own = learnt(found, how, seed, records, keep=True, progress=tell)
            scratch.append(own)
            beside: dict[tuple[str, str], Learnt] = {}
            for number, source in enumerate(found, 1):
                others = [task for task in found if task is not source]
                tell = _telling(progress, done + number, total, f"from {source.name}")
                start = own[source.name].weights
                made = learnt(others, how, seed, records, start=start, progress=tell)
                beside |= {(source.name, target): one for target, one in made.items()}
            started.append(beside)
    study = how.study(found[0], seeds[0], None, keep=False)
    return _found(found, study, scratch, started)


def _found(
    tasks: list[Task],
    study: Any,
    scratch: list[dict[str, Learnt]],
    started: list[dict[tuple[str, str], Learnt]],
) -> Transferability:
    (entry,), metric = study.plan.entries, study.metric_used
    sign = 1.0 if metric.higher_is_better else -1.0
    first, last = study.scored_at[0], study.scored_at[-1]

    def transfer(source: str, target: str, step: int) -> np.ndarray:
        apart = [
            beside[source, target].scores[step] - own[target].scores[step]
            for own, beside in zip(scratch, started, strict=True)
        ]
        return sign * np.array(apart)

    places = list(started[0])
    pairs = [
        Pair(
            source, target,
            float(np.mean([beside[source, target].scores[last] for beside in started])),
            student_mean(transfer(source, target, first)),
            student_mean(transfer(source, target, last)),
        )
        for source, target in places
    ]  # fmt: skip
    ends = {task.name: np.array([own[task.name].scores[last] for own in scratch]) for task in tasks}
    whole = tasks[0].environment is None
    return Transferability(
        problem=" and ".join(ends) if whole else tasks[0].problem.name,
        word="suite" if whole else getattr(tasks[0].problem, "kind", "environment"),
        method=entry.name,
        model=entry.model,
        metric=metric.name,
        fraction=metric.fraction,
        higher=metric.higher_is_better,
        steps=last,
        early=first,
        seeds=len(scratch),
        tasks=tuple(ends),
        scratch={name: student_mean(own).within(*metric.limits) for name, own in ends.items()},
        pairs=pairs,
        mean=student_mean(np.mean([transfer(*place, last) for place in places], axis=0)),
    )


def _telling(
    progress: Callable[[Progress], None] | None, done: int, total: int, doing: str
) -> Callable[[Progress], None] | None:
    if progress is None:
        return None
    return lambda now: progress(Progress(done + now.done / max(now.total, 1), total, doing))
