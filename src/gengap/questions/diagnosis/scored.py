"""Rows of a finished study with what its models lost on them, as statistics of causes take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.preparation import fit_preparation
from gengap.questions.diagnosis.material import Material
from gengap.records.run import ExampleSet, Outcome
from gengap.statistics.decomposition.parts import FOLDS, Sample
from gengap.study.metric_names import metric_named
from gengap.study.metrics import Metric
from gengap.training.tables import Tables

MOST_ROWS = 20_000  # in all, and of an environment what falls to it, though at least LEAST_ROWS
LEAST_ROWS = 100
FEWEST = 12  # scored rows of an environment
MOST_COLUMNS = 40  # of encoded inputs, beyond which COMPONENTS stand for them
COMPONENTS = 20
LEAST_PROBABILITY = 0.02


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that a study tested, or a draw of them.

    Attributes:
        row: ``(n,)`` row numbers in the data.
        sample: what models lost on them; environments are those with enough rows.
        codes: the environments' codes in the data, by their code in the sample.
        of: how many rows were tested, of which these are drawn.
    """

    row: np.ndarray
    sample: Sample
    codes: np.ndarray
    of: int


def scored(material: Material, seed: int = 0) -> Scored:
    """Rows that were tested, each once, its losses averaged over the seeds that tested it.

    Raises:
        UsageError: fewer than two environments have enough rows.
    """
    plan = material.result.plan
    weight, of = _weights(material, seed)
    row = np.flatnonzero(weight)
    codes, environment = np.unique(material.data.environment[row], return_inverse=True)
    unseen = _unseen_codes(material)
    known = [k for k, code in enumerate(codes) if code in unseen]
    if len(codes) < 2 or not known:
        raise UsageError(
            f"Fewer than two environments have {FEWEST} tested rows, too few to say why one costs "
            "more than others."
        )
    place = np.full(len(material.data), -1)
    place[row] = np.arange(len(row))
    read = _Read(place, len(row), codes[known])
    for step in _steps(material):
        read.add(step)
    w = weight[row] / np.bincount(environment, weight[row])[environment]
    loss, saved, base = read.means()
    several = bool(material.data.target_names)
    target = material.data.y[row]
    cluster = row if plan.clusters is None else plan.clusters[row]
    sample = Sample(
        features=_features(material, row, seed),
        environment=environment,
        weight=w,
        fold=_folds(environment, cluster, seed),
        cluster=cluster,
        unseen=np.array(known),
        loss=loss,
        saved=saved,
        base=base,
        target=_columns(material, target),
        loss_of=lambda made: _loss_of(material, made, row),
        label=target if material.data.classes and not several else None,
    )
    return Scored(row, sample, codes, of)


def explained_metric(material: Material) -> Metric:
    """The study's metric, or accuracy or squared error for one that answers alone do not give.

    Causes are told by where rows lie and what each of them loses, which of a metric such as AUROC
    no row has by itself; and made-up rows and corrected answers have no scores of classes.

    Raises:
        UsageError: targets are times that may end without the event, of which no row has an error.
    """
    metric = material.result.plan.score
    if material.data.scale == "survival":
        raise UsageError(
            "A row whose time may end without the event has no error of its own, and a model's "
            "risks no scale that another model shares."
        )
    if metric.averages and not metric.scores:
        return metric
    return metric_named("accuracy" if material.data.classes else "squared_error")


class _Step(NamedTuple):
    """One split under one seed: what its runs scored on the test part."""

    examples: ExampleSet
    inside: np.ndarray
    outside: np.ndarray
    loss: np.ndarray
    reference: np.ndarray
    predicted: np.ndarray  # (n, C) by the reference


def _steps(material: Material) -> Iterator[_Step]:
    plan, scores = material.result.plan, material.result.scores[material.method]
    choices, _ = scores.choices(material.result.rule)
    metric = explained_metric(material)
    sign = -1.0 if metric.higher_is_better else 1.0
    for cell in plan.unseen:
        for seed in plan.seeds:
            pair = choices[cell.name, seed]
            found = material.result.store.outcomes(
                {c.key for c in pair}, "test", {c.step for c in pair}, scores=metric.scores
            )
            unseen, beside = (found[c.key, c.step] for c in pair)
            examples = scores.examples(seed, "test")
            every = np.ones(len(examples.example), dtype=bool)
            yield _Step(
                examples,
                cell.rows[examples.example],
                cell.held_out[examples.example],
                sign * scores.values(unseen, examples, every, metric),
                sign * scores.values(beside, examples, every, metric),
                _columns(material, beside.predicted),
            )


def _columns(material: Material, values: np.ndarray) -> np.ndarray:
    """Targets or answers ``(n, C)``: a number, a column for each class, or of several targets each
    in its standard deviations, for corrections weigh columns alike."""
    if material.data.target_names:
        return values.astype(np.float64) / _units(material)
    if classes := len(material.data.classes):
        return np.asarray(np.eye(classes)[values])
    return values.astype(np.float64)[:, None]


def _units(material: Material) -> np.ndarray:
    return np.sqrt(list(material.result.plan.problem.targets.values()))


class _Read:
    """Adds up what splits and seeds say of the same rows."""

    def __init__(self, place: np.ndarray, rows: int, unseen: np.ndarray) -> None:
        """Args: the position of each row or -1, how many have one, codes of environments."""
        self.place, self.unseen = place, unseen
        self.total = np.zeros((rows, len(unseen)))
        self.loss, self.saved = np.zeros_like(self.total), np.zeros_like(self.total)
        self.base: np.ndarray | None = None
        self.seen = np.zeros(rows)

    def add(self, step: _Step) -> None:
        where = self.place[step.examples.example]
        code = step.examples.environment.astype(np.int64)
        sizes = np.bincount(code)
        each = 1 / sizes[code]
        if self.base is None:
            self.base = np.zeros((len(self.seen), step.predicted.shape[1]))
        for column, e in enumerate(self.unseen):
            own = code == e
            if not (step.outside & own).any():
                continue
            rows = (where >= 0) & ((step.outside & own) | (step.inside & ~own))
            to, w = where[rows], each[rows]
            self.total[to, column] += w
            self.loss[to, column] += w * step.loss[rows]
            self.saved[to, column] += w * (step.loss - step.reference)[rows]
        # The reference beside a row's own environment has seen it as every other one is seen.
        for rows, worth in ((step.outside, 1.0), (step.inside, 1e-9)):
            rows = rows & (where >= 0)
            to, w = where[rows], worth * each[rows]
            self.base[to] += w[:, None] * step.predicted[rows]
            self.seen[to] += w

    def means(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Loss and what the reference saves ``(n, E)``, NaN where never scored; its answers."""
        assert self.base is not None
        with np.errstate(invalid="ignore"):
            loss, saved = self.loss / self.total, self.saved / self.total
            return loss, saved, self.base / self.seen[:, None]


def _weights(material: Material, seed: int) -> tuple[np.ndarray, int]:
    """How much each row of the data counts, 0 where it does not; and how many were tested."""
    plan, scores = material.result.plan, material.result.scores[material.method]
    data = material.data
    weight = np.zeros(len(data))
    for s in plan.seeds:
        examples = scores.examples(s, "test")
        code = examples.environment.astype(np.int64)
        weight[examples.example] += 1 / np.bincount(code)[code]
    tested = np.flatnonzero(weight)
    most = max(LEAST_ROWS, MOST_ROWS // len(data.names))
    rng = generator(seed, "rows of causes")
    for k in range(len(data.names)):
        own = tested[data.environment[tested] == k]
        if len(own) < FEWEST:
            weight[own] = 0.0
        elif len(own) > most:
            weight[rng.choice(own, len(own) - most, replace=False)] = 0.0
    return weight, len(tested)


def _unseen_codes(material: Material) -> set[int]:
    plan = material.result.plan
    found = (np.unique(plan.units.environment[cell.held_out]) for cell in plan.unseen)
    return {int(code) for codes in found for code in codes}


def _features(material: Material, row: np.ndarray, seed: int) -> np.ndarray:
    """Standardised inputs ``(n, d)``; of many columns their main directions."""
    tables = Tables.of(material.study.problem)
    prepared = fit_preparation(tables.encoded, row).apply(tables.matrix[row])
    flat = prepared.reshape(len(row), -1).astype(np.float64)
    flat = flat[:, flat.std(axis=0) > 0]
    if flat.shape[1] > MOST_COLUMNS:
        from sklearn.decomposition import PCA

        count = min(COMPONENTS, len(flat) - 1)
        flat = PCA(count, svd_solver="randomized", random_state=seed % 2**32).fit_transform(flat)
    spread = flat.std(axis=0)
    return np.asarray((flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _folds(environment: np.ndarray, cluster: np.ndarray, seed: int) -> np.ndarray:
    """A fold per row, the clusters of each environment dealt out evenly."""
    rng = generator(seed, "folds of causes")
    _, first, code = np.unique(cluster, return_index=True, return_inverse=True)
    fold, home = np.empty(len(first), dtype=np.int64), environment[first]
    for k in np.unique(home):
        own = rng.permutation(np.flatnonzero(home == k))
        fold[own] = np.arange(len(own)) % FOLDS
    return np.asarray(fold[code])


def _loss_of(material: Material, made: np.ndarray, row: np.ndarray) -> np.ndarray:
    """What predictions ``(n, C)`` of rows lose by the study's metric."""
    scores, metric = material.result.scores[material.method], explained_metric(material)
    data = material.data
    examples = ExampleSet(row, data.environment[row], data.y[row])
    if data.target_names:
        outcome = _of_several(made * _units(material), examples.target, bool(data.classes))
    elif data.classes:
        share = np.maximum(made, LEAST_PROBABILITY)
        share /= share.sum(axis=1, keepdims=True)
        true = share[np.arange(len(row)), data.y[row]]
        outcome = Outcome(0, "test", made.argmax(axis=1), true)
    else:
        outcome = Outcome(0, "test", made[:, 0])
    sign = -1.0 if metric.higher_is_better else 1.0
    return sign * scores.values(outcome, examples, np.ones(len(row), dtype=bool), metric)


def _of_several(said: np.ndarray, y: np.ndarray, labels: bool) -> Outcome:
    """Predictions ``(n, k)`` of several targets; of labels how likely each is there."""
    if not labels:
        return Outcome(0, "test", said)
    present = np.clip(said, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    true = np.where(y == 1, present, 1 - present)
    return Outcome(0, "test", (said > 0.5).astype(np.int64), true)
