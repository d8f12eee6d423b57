"""What a model could memorise: trained on labels and inputs in which there is nothing to learn.

The same model is trained on the training parts of all environments

- as they are;
- with labels dealt anew within each environment: the share of classes stays, nothing else;
- with pixels or columns in another order, the same for all examples: what a network that knows
  nothing of neighbours makes no difference of;
- with another order for each example;
- with random inputs of the same mean and spread.

Where it fits labels that were dealt at random as well as the true ones, its training score tells
nothing about what it learnt, and no property of the model alone (its size, its penalties) explains
the score on new examples. That is read on the test parts, and in unseen environments by
``gengap run``.

Each condition is a problem of its own whose runs are recorded and found again. Columns of a table
are brought to mean 0 and standard deviation 1 before they change places.

Source: C. Zhang, S. Bengio, M. Hardt, B. Recht & O. Vinyals, Understanding deep learning requires
rethinking generalization, International Conference on Learning Representations (2017),
arXiv:1611.03530.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.base.seeds import generator
from gengap.environments.checks import drop_small
from gengap.environments.core import Environments
from gengap.records.run import ExampleSet
from gengap.records.store import Store
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.intervals import Interval
from gengap.study.plan import Plan
from gengap.study.resolve import is_estimator, is_named_estimator
from gengap.study.scores import Scores
from gengap.study.study import Study
from gengap.study.trained import everything, model_name
from gengap.training.tables import Tables

TRUE, LABELS = "as it is", "labels shuffled"
ORDER, EACH, RANDOM = "inputs in another order", "each input in its own order", "random inputs"
CONDITIONS = (TRUE, LABELS, ORDER, EACH, RANDOM)
# A model has fitted where its training score has come this far from chance to the best.
FITTED = 0.95
STEPS, CHECKPOINTS = 1000, 12


@dataclass(frozen=True)
class Condition:
    """What a model made of one condition.

    Attributes:
        name: one of :data:`CONDITIONS`.
        train: score on the rows trained on, with its limits over seeds.
        test: score on rows kept apart, under the same condition.
        steps_to_fit: steps after which the training score had come 95% of the way from chance to
            the best, the median over seeds; None where fewer than half of the seeds came so far.
        steps: at which the training score is known; empty of an estimator.
        curve: the training score at these, mean over seeds.
    """

    name: str
    train: Interval
    test: Interval
    steps_to_fit: float | None
    steps: tuple[int, ...]
    curve: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Memorising(Finding):
    """What a model could memorise.

    Attributes:
        data: their name; ``examples`` how many are trained on, on average over seeds.
        model: its name; ``steps`` of a network's training, else None.
        metric: the score; ``fraction`` whether it is a share.
        chance: the score of always giving the most frequent class, the mean, or any time.
        seeds: how many.
        conditions: in the order of :data:`CONDITIONS`.
    """

    kind: ClassVar[str] = "memorising"
    data: str
    examples: float
    model: str
    steps: int | None
    metric: str
    fraction: bool
    chance: float
    seeds: int
    conditions: tuple[Condition, ...]

    def condition(self, name: str) -> Condition:
        """The condition of a name."""
        return next(each for each in self.conditions if each.name == name)

    @property
    def capacity(self) -> float:
        """How far from chance to the best it fits shuffled labels: 0 nothing, 1 all of them."""
        return (self.condition(LABELS).train.estimate - self.chance) / (1 - self.chance)


def memorising(
    environments: Environments,
    model: Any = "mlp",
    *,
    seeds: int = 3,
    steps: int = STEPS,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Memorising:
    """Train a model on true and on random labels and inputs.

    Args:
        environments: the data.
        model: ``"mlp"``, ``"mlp(64,64)"``, ``"linear"``, ``"cnn"``, ``"sklearn:NAME"``, an
            estimator, or a function that returns a ``torch.nn.Module``.
        seeds: how many runs each condition has, each with its own shuffling and rows kept apart.
        steps: training steps of a network.
        store: where the runs are kept and found again; None keeps them in memory.
        progress: called with a :class:`~gengap.base.progress.Progress`.

    Raises:
        UsageError: the model cannot be trained on these data.
    """
    check_whole(seeds=seeds, steps=steps)
    environments = drop_small(environments)
    if environments.scale == "survival" and not (is_named_estimator(model) or is_estimator(model)):
        raise UsageError(
            "A network knows no times that end without the event; name a survival model, such as "
            "--model sksurv:CoxPHSurvivalAnalysis."
        )
    found: dict[str, list[_Read]] = {name: [] for name in CONDITIONS}
    total = len(CONDITIONS) * seeds
    with Store(store if store is not None else "sqlite://") as records:
        for number, (name, seed) in enumerate((n, s) for n in CONDITIONS for s in range(seeds)):
            if progress is not None:
                progress(Progress(number, total, name))
            study = _study(condition(environments, name, seed), model, seed, steps)
            found[name].append(_carried_out(study, records))
    plan = study.plan
    (entry,) = plan.entries
    reads = [read for own in found.values() for read in own]
    return Memorising(
        data=environments.name,
        examples=float(np.mean([read.examples for read in reads])),
        model=model if isinstance(model, str) else model_name(study),
        steps=steps if entry.model else None,
        metric=plan.metric,
        fraction=plan.score.fraction,
        chance=_chance(plan),
        seeds=seeds,
        conditions=tuple(
            _condition(name, own, _chance(plan), plan.score.limits) for name, own in found.items()
        ),
    )


def condition(environments: Environments, name: str, seed: int) -> Environments:
    """The data of a condition: encoded inputs, of tables standardised, changed as it says.

    Args:
        environments: the data.
        name: one of :data:`CONDITIONS`.
        seed: of what is drawn.
    """
    X: np.ndarray = np.array(Tables.of(environments).matrix, dtype=np.float32)
    y = np.array(environments.y)
    draw = generator(seed, "memorising", name)
    if X.ndim == 2:
        spread = np.nanstd(X, axis=0)
        X = np.nan_to_num((X - np.nanmean(X, axis=0)) / np.where(spread > 0, spread, 1))
    flat: np.ndarray = X.reshape(len(X), -1)
    if name == LABELS:
        for code in np.unique(environments.environment):
            rows = np.flatnonzero(environments.environment == code)
            y[rows] = y[draw.permutation(rows)]
    elif name == ORDER:
        flat = flat[:, draw.permutation(flat.shape[1])]
    elif name == EACH:
        flat = draw.permuted(flat, axis=1)
    elif name == RANDOM:
        flat = draw.normal(flat.mean(), flat.std(), flat.shape)
    labels = np.array(environments.classes)[y] if environments.classes else y
    made = Environments.from_arrays(
        flat.reshape(X.shape).astype(np.float32),
        labels,
        np.array(environments.names)[environments.environment],
        cluster=_clusters(environments),
        task=environments.task,
        name=f"{environments.name}, {name}",
    )
    # Ranks are learnt as classes; times without their events would be other targets.
    return replace(made, scale="survival") if environments.scale == "survival" else made


def _clusters(environments: Environments) -> Any:
    column = getattr(environments, "cluster", "")
    return environments.factors[column].to_numpy() if column else None


@dataclass(frozen=True)
class _Read:
    """One run: its training examples and scores by step."""

    examples: int
    train: dict[int, float]
    test: dict[int, float]


def _study(data: Environments, model: Any, seed: int, steps: int) -> Study:
    import warnings

    from gengap.base.errors import SuspiciousInput

    estimator = is_named_estimator(model) or is_estimator(model)
    with warnings.catch_warnings():  # shuffled data are suspicious on purpose
        warnings.simplefilter("ignore", SuspiciousInput)
        return Study(
            data,
            [model] if estimator else ["erm"],
            seeds=[seed],
            splits="leave-one-out",
            steps=steps,
            checkpoints=f"log:{min(CHECKPOINTS, steps)}",
            curves=True,
            model="linear" if estimator else model,
            selection="last-step",
            keep_models="none",
        )


def _carried_out(study: Study, store: Store) -> _Read:
    study.validate()
    plan = replace(study.plan, cells=(everything(study.plan),))
    skipped = study.carry_out(store, plan)
    (entry,) = plan.entries
    if entry.name in skipped:
        raise UsageError(skipped[entry.name])
    ((run, cell),) = plan.runs[entry.name]
    scores = Scores(plan, store, entry.name)
    rows = np.concatenate(plan.training_rows(cell, run.seed))
    examples = ExampleSet(rows, plan.units.environment[rows], plan.units.target[rows])
    everywhere = np.ones(len(plan.units), bool)
    needs = scores.metric.scores

    def by_step(part: Any, of: ExampleSet) -> dict[int, float]:
        read = store.outcomes([run.key], part, scores=needs)
        return {
            step: scores.mean_over_environments(outcome, of, everywhere)
            for (_, step), outcome in read.items()
        }

    return _Read(
        len(rows),
        by_step("train", examples),
        by_step("test", scores.examples(run.seed, "test")),
    )


def _condition(
    name: str, reads: list[_Read], chance: float, limits: tuple[float, float]
) -> Condition:
    last = [max(read.train) for read in reads]
    train = [read.train[step] for read, step in zip(reads, last, strict=True)]
    test = [read.test[step] for read, step in zip(reads, last, strict=True)]
    enough = chance + FITTED * (1 - chance)
    fitted = [
        min((step for step, score in read.train.items() if score >= enough), default=np.inf)
        for read in reads
    ]
    steps = sorted(reads[0].train) if last[0] else []
    median = float(np.median(fitted))
    return Condition(
        name=name,
        train=student_interval(train).within(*limits),
        test=student_interval(test).within(*limits),
        steps_to_fit=median if steps and np.isfinite(median) else None,
        steps=tuple(steps),
        curve=tuple(float(np.mean([read.train[step] for read in reads])) for step in steps),
    )


def _chance(plan: Plan) -> float:
    """The score of giving each environment's most frequent class, or of one answer for all."""
    if plan.problem.task == "survival":
        return 0.5  # of the pairs that can be told, in whatever order
    if not plan.problem.classes:
        return 0.0
    y, environment = plan.units.target, plan.units.environment
    shares = [_most_frequent(y[environment == k]) for k in np.unique(environment)]
    return max(_most_frequent(y), float(np.mean(shares)))


def _most_frequent(y: np.ndarray) -> float:
    """Share of the most frequent class of ``y (n,)``; of several targets the mean over them."""
    return float(np.mean([np.bincount(own).max() / len(own) for own in np.atleast_2d(y.T)]))
