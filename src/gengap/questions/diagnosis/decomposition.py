"""Why unseen environments cost what they cost: inputs, relation, noise, or shares of classes.

The parts of the gap, of the cost of unseen and of the difficulty, with intervals, of each unseen
environment and over all; how they are defined is told in :mod:`gengap.statistics.decomposition`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gengap.questions.diagnosis.material import Material
from gengap.questions.diagnosis.scored import explained_metric, scored
from gengap.statistics.decomposition.moves import Moves, moves
from gengap.statistics.decomposition.parts import CAUSES, Parts, Sample, decompose
from gengap.statistics.intervals import Interval, p_value, skewed_student, student
from gengap.statistics.multiple import holm
from gengap.statistics.source import mean_of_costs

ALPHA = (
    0.01  # of naming: the limits of one environment are a little narrow, see docs/calibration.md
)
LEVELS = 2  # each environment, and their mean: two families of tests
FEWEST = 3  # environments for limits of others like them


@dataclass(frozen=True)
class Cause:
    """What one cause makes of the gap, in the unit of the loss: positive is worse off.

    Attributes:
        name: ``inputs``, ``relation``, ``noise`` or ``shares``.
        gap: its part of the gap; ``cost`` and ``difficulty`` add up to it.
        cost: its part of the cost of unseen: what a model that has seen the environment wins back.
        difficulty: its part of the difficulty.
        adjusted_p: of no part in gap or cost, corrected for all that were tested; on average over
            environments like these, but of ``shares`` over these.
    """

    name: str
    gap: Interval
    cost: Interval
    difficulty: Interval
    adjusted_p: float

    @property
    def named(self) -> bool:
        """Whether it is beyond chance that this cause plays a part."""
        return self.adjusted_p <= ALPHA


@dataclass(frozen=True)
class Causes:
    """The causes in one unseen environment, or on average.

    Attributes:
        environment: its name; empty for the mean.
        causes: largest part of the gap first.
        gap, cost, difficulty: of the rows that were read.
        dilution: what training environments lose by the reference's share for this one: part of the
            cost, and taken off the difficulty.
        spoken_for: share of its rows that have neighbours in the training environments.
        overlap: mean overlap with one training environment, 1 where inputs are alike.
        compared: training environments near enough to be compared with it.
        covariate, diversity, correlation, concept: how far it has moved, from 0 to 1; see
            :mod:`gengap.statistics.decomposition.moves`.
    """

    environment: str
    causes: tuple[Cause, ...]
    gap: float
    cost: float
    difficulty: float
    dilution: float
    spoken_for: float
    overlap: float
    compared: float
    covariate: float
    diversity: float
    correlation: float
    concept: float

    @property
    def named(self) -> tuple[Cause, ...]:
        """Causes that play a part beyond chance."""
        return tuple(cause for cause in self.causes if cause.named)


@dataclass(frozen=True)
class Decomposition:
    """Why unseen environments cost what they cost.

    Attributes:
        method: whose models.
        metric: what is lost, turned so that larger is worse: the study's metric, or another where
            answers alone do not give it; see :mod:`gengap.questions.diagnosis.scored`.
        asked: the study's metric.
        fraction: whether it is a share.
        mean: over the environments.
        environments: each unseen environment.
        rows: how many were read, ``of`` so many that were tested.
        shares_first: whether shares of classes were made the same before inputs were compared;
            None for numbers, which have no classes.
        told_apart: what told environments apart by their inputs.
        corrected: how predictions were corrected to an environment's own relation.
    """

    method: str
    metric: str
    asked: str
    fraction: bool
    mean: Causes
    environments: tuple[Causes, ...]
    rows: int
    of: int
    shares_first: bool | None
    told_apart: str
    corrected: str

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of the causes that could be told apart."""
        return tuple(name for name in CAUSES[:4] if name != "shares" or self.shares_first)


def decomposition(material: Material, seed: int = 0) -> Decomposition:
    """Decompose the gap of every unseen environment of a study.

    Args:
        material: of a study of tables or images.
        seed: of draws, folds and forests.

    Raises:
        UsageError: fewer than two environments have enough tested rows.
    """
    read = scored(material, seed)
    sample = read.sample
    parts = decompose(sample, seed)
    moved = moves(
        parts.member.probability, sample.features, _classes(sample), sample.environment,
        sample.weight, sample.fold, sample.unseen,
    )  # fmt: skip
    adjusted = adjusted_p_values(parts)
    names = [material.data.names[read.codes[k]] for k in sample.unseen]
    score = explained_metric(material)
    return Decomposition(
        method=material.method,
        metric=score.name,
        asked=material.result.plan.score.name,
        fraction=score.fraction,
        mean=_mean(parts, moved, adjusted[0]),
        environments=tuple(
            _environment(name, parts, moved, j, adjusted[1][j]) for j, name in enumerate(names)
        ),
        rows=len(read.row),
        of=read.of,
        shares_first=None if sample.label is None else parts.shares_first,
        told_apart=parts.member.chosen,
        corrected=parts.corrected,
    )


def mean_interval(parts: Parts, place: int, cause: int) -> tuple[Interval, float]:
    """Mean of a part over environments like these with its p-value.

    Of losses that could be avoided the limits of :mod:`gengap.statistics.source`, for they grow
    with the square of a distance as costs do; of noise Student's at the variance derived there.
    Limits from rows alone where those reach further. Below three environments from rows alone:
    these environments, and none like them.
    """
    values = parts.estimate[place, :, cause]
    told = ~np.isnan(values)
    values, K = values[told], int(told.sum())
    if K == 0:
        return Interval(math.nan, math.nan, math.nan), math.nan
    estimate, rows = float(values.mean()), float(parts.mean_variance[place, cause])
    if K < FEWEST:
        degrees = float(parts.degrees[place, :, cause].min())
        return student(estimate, rows, degrees), p_value(estimate, rows, degrees)
    noise = float(parts.variance[place, told, cause].mean())
    shaped = CAUSES[cause] != "noise"
    between, p = mean_of_costs(values, measurement=noise if shaped else 0.0)
    within = student(estimate, rows, math.inf)
    found = Interval(estimate, min(between.low, within.low), max(between.high, within.high))
    return found, max(p, p_value(estimate, rows, math.inf))


def environment_interval(
    parts: Parts, place: int, environment: int, cause: int
) -> tuple[Interval, float]:
    """A part in one environment with its p-value, by the scatter and the skewness of rows."""
    told = (parts.estimate, parts.variance, parts.skewness, parts.degrees)
    return _skewed(*(values[place, environment, cause] for values in told))


def _skewed(
    estimate: float, variance: float, skewness: float, degrees: float
) -> tuple[Interval, float]:
    if math.isnan(estimate):
        return Interval(math.nan, math.nan, math.nan), math.nan
    return skewed_student(float(estimate), float(variance), float(skewness), float(degrees))


def adjusted_p_values(parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Of each cause, corrected for all tests: of the mean ``(4,)`` and by environment ``(E, 4)``.

    A cause has two p-values, of its parts in the gap and in the cost; the smaller one counts.
    Holm's correction holds within the means and within the environments, each at half the level.

    Relation and noise in the gap are told apart by a correction fitted on each environment's own
    rows, which learns less where there is less to learn. That shifts loss from one to the other, so
    either must show in their sum as well, which no correction enters. Nothing fitted enters the
    part of the shares, so rows alone test its mean, over these environments.
    """
    E = parts.estimate.shape[1]
    means = np.array([[mean_interval(parts, at, c)[1] for c in range(4)] for at in (0, 1)])
    shares = CAUSES.index("shares")
    means[:, shares] = [_of_rows(parts, at, shares) for at in (0, 1)]
    each = np.array(
        [
            [[environment_interval(parts, at, j, c)[1] for c in range(4)] for j in range(E)]
            for at in (0, 1)
        ]
    )
    same = np.array([_skewed(*parts.same[:, j])[1] for j in range(E)])
    for cause in (CAUSES.index("relation"), CAUSES.index("noise")):
        each[0, :, cause] = np.maximum(each[0, :, cause], same)
        means[0, cause] = max(means[0, cause], _same_p(parts))
    return _smaller(means), _smaller(each)


def _of_rows(parts: Parts, place: int, cause: int) -> float:
    """P-value of a part's mean over these environments as they are."""
    values = parts.estimate[place, :, cause]
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    return p_value(float(values.mean()), float(parts.mean_variance[place, cause]), math.inf)


def _same_p(parts: Parts) -> float:
    """P-value of what the same inputs lose more, on average over environments like these."""
    values = parts.same[0][~np.isnan(parts.same[0])]
    return mean_of_costs(values)[1] if len(values) >= FEWEST else 0.0


def _smaller(p: np.ndarray) -> np.ndarray:
    """``(...)`` from ``(2, ...)``: the smaller of two corrected p-values, 1 where none is."""
    # Parts that are nothing by definition have a variance of 0 and were not tested.
    tested = np.where(p < 1, p, np.nan)
    corrected = np.minimum(LEVELS * holm(tested.ravel()), 1.0).reshape(p.shape)
    return np.asarray(np.nan_to_num(corrected, nan=1.0).min(axis=0))


def _environment(name: str, parts: Parts, moved: Moves, j: int, adjusted: np.ndarray) -> Causes:
    intervals = [
        [environment_interval(parts, at, j, c)[0] for at in range(3)] for c in range(len(adjusted))
    ]
    return _causes(name, intervals, adjusted, parts, moved, np.array([j]))


def _mean(parts: Parts, moved: Moves, adjusted: np.ndarray) -> Causes:
    intervals = [[mean_interval(parts, at, c)[0] for at in range(3)] for c in range(len(adjusted))]
    return _causes("", intervals, adjusted, parts, moved, np.arange(parts.total.shape[1]))


def _causes(
    name: str,
    intervals: list[list[Interval]],
    adjusted: np.ndarray,
    parts: Parts,
    moved: Moves,
    of: np.ndarray,
) -> Causes:
    """The causes of some environments, by gap, cost and difficulty, and what is known of them."""
    causes = [
        Cause(CAUSES[c], gap, cost, difficulty, float(adjusted[c]))
        for c, (gap, cost, difficulty) in enumerate(intervals)
    ]
    gap, cost, difficulty = parts.total[:, of].mean(axis=1).tolist()
    return Causes(
        environment=name,
        causes=_ordered(causes),
        gap=gap,
        cost=cost,
        difficulty=difficulty,
        dilution=float(parts.estimate[1, of, CAUSES.index("dilution")].mean()),
        spoken_for=float(parts.spoken_for[of].mean()),
        overlap=float(parts.overlap[of].mean()),
        compared=float(parts.pairs[of].mean()),
        covariate=float(moved.covariate[of].mean()),
        diversity=float(moved.diversity[of].mean()),
        correlation=float(moved.correlation[of].mean()),
        concept=float(moved.concept[of].mean()),
    )


def _ordered(causes: list[Cause]) -> tuple[Cause, ...]:
    def size(cause: Cause) -> float:
        return -abs(np.nan_to_num(cause.gap.estimate))

    return tuple(sorted(causes, key=size))


def _classes(sample: Sample) -> np.ndarray:
    """Classes, or numbers by their quarter."""
    if sample.label is not None:
        return sample.label
    value = sample.target.mean(axis=1)  # of several targets, each in its standard deviations
    return np.searchsorted(np.quantile(value, [0.25, 0.5, 0.75]), value, side="right")
