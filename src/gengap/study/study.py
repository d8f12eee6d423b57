"""A study: environments x splits x methods x seeds x hyperparameters, trained once and recorded.

The plan fixes every run and the chunks that train together before anything starts, so a study
that was interrupted and started again computes exactly what it would have computed undisturbed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.checks import check, drop_small
from gengap.environments.core import Environments
from gengap.environments.splits import parse_splits
from gengap.records.database import parse
from gengap.records.run import Problem, Run
from gengap.records.store import Store
from gengap.study.keys import DEFAULT_MEMORY
from gengap.study.metrics import Metric, metric_for
from gengap.study.plan import Cell, Layout, runs_of
from gengap.study.resolve import Entry, estimator_kind, resolve
from gengap.study.rules import rule_named
from gengap.training.tables import Tables
from gengap.training.tasks import Task

if TYPE_CHECKING:
    from gengap.study.result import Result

MethodLike = Any  # a name, "sklearn:Name", {"name": {hyperparameters}}, a Method or an estimator


@dataclass(frozen=True)
class Progress:
    """Where a running study is.

    Attributes:
        done: runs done; a fraction while runs train together.
        total: runs of the study.
        doing: what is running.
    """

    done: float
    total: int
    doing: str


@dataclass
class Study:
    """What to train and how.

    Args:
        environments: the data; see :class:`~gengap.environments.core.Environments`.
        methods: registry names, ``"sklearn:Name"``, ``{"irm": {"penalty": 10}}``, method objects
            or scikit-learn estimators. Plain training is added when it is missing.
        seeds: how many seeds (0, 1, ...), or which.
        splits: ``"auto"``, a form that ``parse_splits`` reads, or a splitter object.
        trials: hyperparameter settings per method: the defaults and ``trials - 1`` random draws.
        steps: training steps of a network; ``batch`` examples per environment and step.
        model: ``"mlp"``, ``"mlp(64,64)"``, ``"linear"``, ``"cnn"`` or a function that returns a
            ``torch.nn.Module``.
        metric: None for accuracy or r2; see ``gengap.study.metrics``.
        selection: the selection rule of the headline.
        inner: also train the runs that leave-one-environment-out selection needs.
        store: database URL or path; None keeps the records in memory.
        jobs: processes for runs that cannot share a program (0: one per core).
        threads: threads of the fleet (0: one per core).
        memory: bytes the fleet may use of its own.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        plain_training: whether plain training joins the table when it is not asked for.
    """

    environments: Environments
    methods: Sequence[MethodLike] = ("erm",)
    seeds: int | Sequence[int] = 5
    splits: Any = "auto"
    trials: int = 1
    steps: int = 300
    batch: int = 32
    model: Any = "mlp"
    metric: str | None = None
    selection: str = "validation"
    inner: bool = False
    store: str | Path | None = None
    jobs: int = 0
    threads: int = 0
    memory: int = DEFAULT_MEMORY
    device: str = "auto"
    plain_training: bool = True
    name: str = ""
    command: str = ""
    warnings: list[str] = field(default_factory=list, init=False)
    skipped: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for label in ("steps", "batch", "trials", "memory"):
            _whole(label, getattr(self, label), 1)
        for label in ("jobs", "threads"):
            _whole(label, getattr(self, label), 0)
        self.name = self.name or self.environments.name
        self.environments = drop_small(self.environments)
        self.warnings = [*self.environments.notes, *check(self.environments)]
        self.metric_used: Metric = metric_for(self.metric, self.environments.task)

    @cached_property
    def seed_list(self) -> list[int]:
        """The seeds as a list."""
        if isinstance(self.seeds, int):
            _whole("seeds", self.seeds, 1)
            return list(range(self.seeds))
        found = [int(s) for s in self.seeds]
        if not found or min(found) < 0 or len(set(found)) < len(found):
            raise UsageError(
                f"seeds must be a number of at least 1 or distinct numbers from 0 up, not {found}."
            )
        return found

    @cached_property
    def layout(self) -> Layout:
        """Splits with their references."""
        splitter = parse_splits(self.splits) if isinstance(self.splits, str) else self.splits
        splits = splitter.iterate(self.environments)
        return Layout(self.environments, splits, inner=self.inner)

    @cached_property
    def problem(self) -> Problem:
        """What the records say of the data."""
        e = self.environments
        return Problem(
            fingerprint=e.fingerprint,
            name=self.name,
            task=e.task,
            environments=e.names,
            classes=e.classes,
            examples=len(e),
            target_variance=float(np.var(e.y)) if e.task == "regression" else 0.0,
        )

    @cached_property
    def data(self) -> Tables:
        """What the fleet reads."""
        return Tables.of(self.environments)

    @cached_property
    def architecture(self) -> Any:
        """The networks' architecture, made once to learn its shape."""
        from gengap.models.networks import architecture

        found = architecture(self.model)
        found.initialise(self.data.shape, self.data.outputs, 0)
        return found

    @cached_property
    def entries(self) -> list[Entry]:
        """The methods, resolved; those that cannot apply are in ``skipped`` with the reason."""
        from gengap.models.networks import MLP, architecture

        fewest = min(len(cell.train) for cell in self.layout.cells())
        found, self.skipped = resolve(
            list(self.methods),
            self.environments.task,
            fewest,
            self.trials,
            self.plain_training,
            hidden_features=architecture(self.model) != MLP(()),
        )
        return found

    def runs(self, entry: Entry) -> list[tuple[Run, Cell]]:
        """Every run of one method, in the order of the plan."""
        if entry.method is None:
            from gengap.training.estimators import takes_raw_input

            raw = not entry.name.startswith("sklearn:") and takes_raw_input(
                entry.estimator, self.environments.X
            )
            settings: dict[str, Any] = {"input": "raw" if raw else "prepared"}
            model = ""
        else:
            settings = {
                "steps": self.steps,
                "batch": self.batch,
                "checkpoints": self.checkpoints,
            }
            model = self.architecture.name
        return list(
            runs_of(
                self.layout,
                self.problem.fingerprint,
                entry.name,
                entry.trials,
                model,
                self.seed_list,
                settings,
            )
        )

    @property
    def checkpoints(self) -> list[int]:
        """Steps at which runs are scored: each third of the training."""
        return sorted({max(1, round(self.steps * k / 3)) for k in (1, 2, 3)})

    @cached_property
    def plan(self) -> dict[str, list[tuple[Run, Cell]]]:
        """All runs by method."""
        return {entry.name: self.runs(entry) for entry in self.entries}

    def validate(self) -> None:
        """Work out the whole plan, which ``run`` does as well.

        Raises:
            UsageError: the study cannot run as described; nothing has been written yet.
        """
        from gengap.study.execution import device

        device(self.device)
        if self.store is not None:
            parse(self.store)
        needs_inner = rule_named(self.selection).criterion == "left_out"
        if needs_inner and not self.inner:
            raise UsageError(f"The selection rule {self.selection} needs more runs; add --inner.")
        if needs_inner and any(len(cell.train) < 2 for cell in self.layout.unseen):
            raise UsageError(
                f"The selection rule {self.selection} needs two training environments in every "
                "split; use --selection validation."
            )
        _ = self.plan

    def part(self, seeds: Sequence[int], methods: Collection[str]) -> Study:
        """The same study with only some of its seeds and methods; data and splits are shared."""
        smaller = copy.copy(self)
        smaller.seeds = list(seeds)
        smaller.entries = [entry for entry in self.entries if entry.name in methods]
        smaller.skipped = dict(self.skipped)
        for stale in ("seed_list", "plan"):
            smaller.__dict__.pop(stale, None)
        return smaller

    def skip(self, entry: Entry, reason: str) -> None:
        """Leave a method out of the study, with the reason shown in the report."""
        self.skipped[entry.name] = reason
        self.entries.remove(entry)
        del self.plan[entry.name]

    def task(self, run: Run, cell: Cell) -> Task:
        """Gather what the training of one run reads."""
        rows = self.layout.training_rows(cell, run.seed)
        every = np.concatenate(rows)
        return Task(
            run=run,
            train=rows,
            prepared=self._prepared(run, every),
            score={
                "validation": self.layout.example_set(run.seed, "validation").example,
                "test": self.layout.example_set(run.seed, "test").example,
            },
        )

    def _prepared(self, run: Run, rows: np.ndarray) -> Any:
        key = (run.role, run.split, run.seed)
        if key not in self._preparations:
            self._preparations[key] = self.data.prepare(rows)
        return self._preparations[key]

    @cached_property
    def _preparations(self) -> dict[tuple[str, str, int], Any]:
        return {}

    def run(self, progress: Callable[[Progress], None] | None = None) -> Result:
        """Train what the store does not hold yet, and return the result.

        Args:
            progress: called often with a :class:`Progress`.

        Raises:
            UsageError: the study cannot run as described.
            KeyboardInterrupt: finished chunks are kept; running the study again goes on from there.
        """
        from gengap.study.execution import execute
        from gengap.study.result import Result

        self.validate()
        store = Store(self.store if self.store is not None else "sqlite://")
        try:
            execute(self, store, progress or (lambda _: None))
        except BaseException:
            store.close()
            raise
        return Result(self, store)


def measure(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    environment: Any,
    seeds: int | Sequence[int] = 5,
    metric: str | None = None,
    splits: Any = "auto",
    jobs: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Measure what unseen environments cost any scikit-learn estimator.

    Args:
        estimator: a classifier, regressor or pipeline; cloned, never changed.
        X: ``(n, d)`` features as the estimator takes them: array, DataFrame or tensor.
        y: ``(n,)`` targets.
        environment: ``(n,)`` labels that say where each row came from.

    Returns:
        the result of a study with this estimator alone; ``print(result)`` gives the answer.

    Example:
        >>> import numpy as np, gengap as gg
        >>> from sklearn.linear_model import Ridge
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 3)); where = np.repeat([0, 1, 2], 100)
        >>> result = gg.measure(Ridge(), X, X.sum(1) + where, environment=where, jobs=1)
        >>> result.gaps.cost_of_unseen.mean() > 0
        True
    """
    tasks: dict[str | None, Literal["classification", "regression"]] = {
        "classifier": "classification",
        "regressor": "regression",
    }
    environments = Environments.from_arrays(
        X, y, environment, task=tasks.get(estimator_kind(estimator))
    )
    study = Study(
        environments,
        [estimator],
        seeds=seeds,
        metric=metric,
        splits=splits,
        jobs=jobs,
        plain_training=False,
    )
    return study.run(progress)


def _whole(label: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(f"{label} must be a whole number of at least {least}, not {value!r}.")
