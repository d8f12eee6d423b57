"""Tasks that weights go between, and networks that are trained on each of them.

A task is an environment of a problem, or a problem as a whole. A network that learns a task sees
the training part of its units and is scored on their test part; what inputs are scaled by is learnt
from the task's own training part, whatever weights it starts from. Tasks of one problem train as
one fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.progress import Progress
from gengap.environments.checks import drop_small
from gengap.environments.core import Environments
from gengap.methods.registry import TRANSITIONS
from gengap.models.starting import Start, start_of
from gengap.records.store import Store
from gengap.records.study import Cell
from gengap.study.cells import MOST_SLOTS
from gengap.study.plan import Plan
from gengap.study.scores import Scores
from gengap.study.study import Study
from gengap.study.trained import everything, trained_model
from gengap.training.tables import Tables


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt.

    Attributes:
        name: what reports call it.
        problem: as a study takes it.
        environment: the one that is learnt; None for all of them together.
    """

    name: str
    problem: Any
    environment: str | None = None

    def cell(self, plan: Plan) -> Cell:
        """Its units, as a run of a plan is told them."""
        whole = everything(plan)
        names = plan.problem.environments
        if self.environment is None:
            return replace(whole, slots=min(len(whole.train), MOST_SLOTS))
        rows = plan.units.environment == names.index(self.environment)
        return replace(
            whole, name=f"{self.environment} alone", rows=rows, slots=1, train=(self.environment,)
        )


@dataclass(frozen=True, eq=False)
class Training:
    """How all tasks are learnt.

    Attributes:
        method: as a study takes it; None for plain training.
        model, steps, batch: as a study takes them.
        settings: further ones of the study.
    """

    method: Any = None
    model: Any = None
    steps: int | None = None
    batch: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def study(self, task: Task, seed: int, start: Start | None, keep: bool) -> Study:
        """The study that a task's runs under a seed are runs of."""
        learns = TRANSITIONS in getattr(task.problem, "offers", ())
        count = 1 if task.environment else min(len(task.problem.names), MOST_SLOTS)
        drawn = getattr(task.problem, "drawn", None)
        batch = self.batch or (max(1, round(drawn / count)) if drawn else None)
        return Study(
            task.problem, [self.method or ("bc" if learns else "erm")], seeds=[seed],
            model=self.model, steps=self.steps, batch=batch, start=start, plain_training=False,
            selection="last-step", keep_models="all" if keep else "none", **self.settings,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Learnt:
    """A network trained on a task.

    Attributes:
        scores: by step, the mean score on the task's test part.
        weights: after the last step; None where they are not wanted.
    """

    scores: dict[int, float]
    weights: Start | None = None


def tasks_of(given: Any) -> list[Task]:
    """Tasks: the environments of a problem, or of several problems by name each as a whole.

    Raises:
        UsageError: there is one only, or weights of one do not fit another.
    """
    if isinstance(given, Mapping):
        found = [Task(name, _kept(problem)) for name, problem in given.items()]
    else:
        problem = _kept(given)
        found = [Task(name, problem, name) for name in problem.names]
    if len(found) < 2:
        raise UsageError(
            f"There is one task only, {found[0].name}; name data of two environments, or a "
            "further suite."
        )
    _check_spaces(found)
    return found


def _kept(problem: Any) -> Any:
    return drop_small(problem) if isinstance(problem, Environments) else problem


def _check_spaces(tasks: Sequence[Task]) -> None:
    """Refuse tasks of which one has other inputs or outputs than the first."""

    def spaces(task: Task) -> tuple[Any, ...]:
        own = task.problem
        own = Tables.of(own) if isinstance(own, Environments) else own
        return tuple(own.shape), own.outputs, own.targets

    first = spaces(tasks[0])
    for task in tasks[1:]:
        own = spaces(task)
        if own != first:
            raise UsageError(
                f"Weights of {tasks[0].name} do not fit {task.name}: inputs {_said(first)} "
                f"against {_said(own)}; name tasks of equal inputs and outputs."
            )


def _said(spaces: tuple[Any, ...]) -> str:
    shape, outputs, targets = spaces
    what = "outputs" if targets == "classification" else "values"
    return f"{'x'.join(map(str, shape)) or '1'} with {outputs} {what}"


def learnt(
    tasks: Sequence[Task],
    how: Training,
    seed: int,
    store: Store,
    *,
    start: Start | None = None,
    keep: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Learnt]:
    """Train a network on each of some tasks, by name; what a store holds is found again.

    Args:
        start: weights that all start from; None for weights that are drawn.
        keep: whether trained weights are wanted.

    Raises:
        UsageError: the method trains no network, or not on these tasks.
    """
    problems: dict[int, list[Task]] = {}
    for task in tasks:
        problems.setdefault(id(task.problem), []).append(task)
    found: dict[str, Learnt] = {}
    for own in problems.values():
        study = how.study(own[0], seed, start, keep)
        plan = replace(study.plan, cells=tuple(task.cell(study.plan) for task in own))
        (entry,) = plan.entries
        if not entry.model:
            raise UsageError(f"{entry.name} trains no network; name a method of gengap methods.")
        study.validate()
        study.carry_out(store, plan, progress)
        found |= _read(study, plan, store, own, keep)
    return found


def _read(
    study: Study, plan: Plan, store: Store, tasks: Sequence[Task], keep: bool
) -> dict[str, Learnt]:
    (name,) = plan.runs
    scores, at = Scores(plan, store, name), study.scored_at
    found = {}
    for (run, cell), task in zip(plan.runs[name], tasks, strict=True):
        test = scores.examples(run.seed, "test")
        read = store.outcomes([run.key], "test", scores=scores.metric.scores)
        by_step = {
            step: scores.mean_over_environments(read[run.key, step], test, cell.rows) for step in at
        }
        weights = None
        if keep:
            network = trained_model(study, store, plan, run, cell, at[-1]).model
            own = study.architecture.initialise(study.problem.shape, study.problem.outputs, 0)
            weights = start_of({name: network.parameters[name][0] for name in own})
        if not all(np.isfinite(list(by_step.values()))):
            raise UsageError(
                f"The score of {task.name} is no number under seed {run.seed}: its test part is "
                "empty or its training diverged; give more examples, or another --metric."
            )
        found[task.name] = Learnt(by_step, weights)
    return found
