"""Which columns: those that moved, those that carry the cost, those whose relation does not hold.

*Moved.* Each column of each unseen environment is tested against the rows of the training
environments (:mod:`gengap.questions.shift.univariate`), corrected for all columns and environments.

*Carries.* A column is given the values of training rows that are alike in all else and in the
target. By how much that lowers the cost of unseen, or the gap, is what the column carries: 0 where
it depends on the rest as in training. Matching is not perfect; inside, rows are matched too, and
what that costs is taken off the gap. Columns that stand for one another share what they carry, and
parts need not add up.

*Relied on, and fails.* A column is shuffled within its environment. What that costs inside is how
far the model relies on it, outside what it is worth there; that the second is smaller means that
its relation with the target does not hold (a shortcut). With all other columns shuffled instead,
what a model still knows it knows from this one alone (H. Shah et al., The pitfalls of simplicity
bias in neural networks, NeurIPS 2020, arXiv:2006.07710, tell by such randomisation what networks
rely on).

*Search counted.* Rows are halved, clusters in one half. The first chooses ``TOP`` columns, and
``TOP`` pairs of a column and an environment; the second tests them, columns by Student's t with
environments as unit, pairs by their rows, corrected for their number, for the two questions and for
asking them twice. What is shown of carrying and failing comes from the second half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.questions.diagnosis.material import Material
from gengap.questions.diagnosis.randomised import Exchanged, exchanged
from gengap.questions.diagnosis.scored import explained_metric
from gengap.questions.shift.univariate import Change, column_tests
from gengap.statistics.intervals import Interval, p_value, student
from gengap.statistics.multiple import holm
from gengap.statistics.source import mean_of_costs
from gengap.study.mixed import column_names
from gengap.training.tables import Tables

ALPHA = 0.05
TOP = 5  # columns that one half suggests
QUESTIONS = 2  # what carries, and what fails
LEVELS = 2  # over environments, and in each
FEWEST = 3  # environments for limits
MOST_NEW, MOST_REFERENCE = 400, 800  # rows in the test of a column
UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class ColumnFinding:
    """One column of the inputs. Intervals are for the mean over environments like these.

    Attributes:
        name: as in the user's table.
        moved_in: in how many unseen environments its distribution differs, beyond chance.
        most_moved: in which of them most; empty where in none.
        change: what moved there; None where it moved in none.
        carried: its part of the cost of unseen.
        carried_gap: its part of the gap.
        carried_p: that it carries no cost and no gap, corrected; NaN where it was not tested.
        carries_in: unseen environments in which it is confirmed to carry cost.
        inside: what shuffling it costs in training environments.
        outside: what it costs in unseen ones.
        lost: the difference: what the column is worth less outside.
        lost_p: that it is worth the same, corrected; NaN where it was not tested.
        fails_in: unseen environments in which it is confirmed to be worth less than inside.
        alone: which share of what the model knows, inside, it knows from this column alone.
    """

    name: str
    moved_in: int
    most_moved: str
    change: Change | None
    carried: Interval
    carried_gap: Interval
    carried_p: float
    carries_in: tuple[str, ...]
    inside: Interval
    outside: Interval
    lost: Interval
    lost_p: float
    fails_in: tuple[str, ...]
    alone: float

    @property
    def carries(self) -> bool:
        """Whether it is confirmed to carry cost or gap, on average or somewhere."""
        most = max(self.carried.estimate, self.carried_gap.estimate)
        return bool(self.carries_in) or (self.carried_p <= ALPHA and most > 0)

    @property
    def fails(self) -> bool:
        """Whether it is confirmed to be worth less outside, on average or somewhere."""
        return bool(self.fails_in) or (self.lost_p <= ALPHA and self.lost.estimate > 0)


@dataclass(frozen=True, eq=False)
class ColumnDiagnosis:
    """Which columns moved, carry the cost, or fail.

    Attributes:
        method: whose models.
        metric: what is lost, turned so that larger is worse: the study's metric, or another where
            answers alone do not give it; see :mod:`gengap.questions.diagnosis.scored`.
        asked: the study's metric.
        fraction: whether it is a share.
        columns: those that carry most of the cost first.
        environments: names of the unseen environments.
        cost: ``(E, d)`` part of each environment's cost by column, from all rows asked; NaN where
            models were not asked.
        models: how many models were asked; 0 where they were not kept.
        rows: how many rows, counted once for each seed.
    """

    method: str
    metric: str
    asked: str
    fraction: bool
    columns: tuple[ColumnFinding, ...]
    environments: tuple[str, ...]
    cost: np.ndarray
    models: int
    rows: int


def columns(material: Material, seed: int = 0) -> ColumnDiagnosis:
    """Find the columns behind a study's gap.

    Without kept models only what moved is told.

    Args:
        material: of a study of tables.
        seed: of draws, shuffles and halves.

    Raises:
        UsageError: inputs are no table.
    """
    if material.data.X.ndim != 2:
        raise UsageError("Images and signals have no columns, so none can be named.")
    problem = Tables.of(material.study.problem)
    names = column_names(problem)
    plan = material.result.plan
    codes = sorted({int(k) for c in plan.unseen for k in plan.units.environment[c.held_out]})
    try:
        asked = list(exchanged(material, seed))
    except UsageError:  # they were not kept
        asked = []
    moved = _moved(material, names, codes, seed)
    effects = _effects(material, asked, seed)
    found = [_finding(name, j, moved, effects) for j, name in enumerate(names)]
    order = np.argsort([-np.nan_to_num(f.carried.estimate) for f in found], kind="stable")
    score = explained_metric(material)
    return ColumnDiagnosis(
        method=material.method,
        metric=score.name,
        asked=material.result.plan.score.name,
        fraction=score.fraction,
        columns=tuple(found[j] for j in order),
        environments=tuple(material.data.names[e.environment] for e in asked),
        cost=np.array([[_carried_cost(e).mean(0)[j] for j in order] for e in asked]).reshape(
            len(asked), len(names)
        ),
        models=2 * len(plan.unseen) * len(plan.seeds) if asked else 0,
        rows=sum(int(e.outside.sum()) for e in asked),
    )


@dataclass(frozen=True, eq=False)
class _Effects:
    """Per column, ``(d,)`` intervals and corrected p-values, and shares."""

    carried: list[Interval]
    carried_gap: list[Interval]
    carried_p: np.ndarray
    carries_in: list[tuple[str, ...]]
    inside: list[Interval]
    outside: list[Interval]
    lost: list[Interval]
    lost_p: np.ndarray
    fails_in: list[tuple[str, ...]]
    alone: np.ndarray


def _effects(material: Material, asked: list[Exchanged], seed: int) -> _Effects | None:
    if not asked:
        return None
    first = [_first_half(material, e.row, seed) for e in asked]
    suggest = [_values(e, own) for e, own in zip(asked, first, strict=True)]
    confirm = [_values(e, ~own) for e, own in zip(asked, first, strict=True)]
    tests = {name: _tests(suggest, name) for name in confirm[0]}
    intervals = {name: _tests(confirm, name) for name in confirm[0]}
    cost_p = _confirmed(tests["cost"], intervals["cost"])
    gap_p = _confirmed(tests["gap"], intervals["gap"])
    # Either of two may show that a column carries something: twice the smaller one.
    carried = np.minimum(2 * np.fmin(cost_p, gap_p), 1.0)
    lost = _confirmed(tests["lost"], intervals["lost"])
    names = [material.data.names[e.environment] for e in asked]
    carries_in, fails_in = (_somewhere(suggest, confirm, name, names) for name in ("cost", "lost"))
    cost, gap, inside, outside, less = (
        [interval for interval, _ in intervals[name]]
        for name in ("cost", "gap", "inside", "outside", "lost")
    )
    return _Effects(
        carried=cost,
        carried_gap=gap,
        carried_p=carried,
        carries_in=carries_in,
        inside=inside,
        outside=outside,
        lost=less,
        lost_p=lost,
        fails_in=fails_in,
        alone=np.mean([_alone(e) for e in asked], axis=0),
    )


# Means over rows ``(d,)``, their variances, and degrees of freedom of these.
Sums = tuple[np.ndarray, np.ndarray, float]


def _values(e: Exchanged, half: np.ndarray) -> dict[str, Sums]:
    """Means of one environment over a half of its rows, with their variances."""
    out, within = e.outside & half, ~e.outside & half
    matched = e.plain[:, None] - e.matched
    shuffled = e.shuffled - e.plain[:, None]
    cost = _mean(e.saved[:, None] - e.saved_matched, out, e.row)
    inside, outside = _mean(shuffled, within, e.row), _mean(shuffled, out, e.row)
    return {
        "cost": cost,
        "gap": _less(_mean(matched, out, e.row), _mean(matched, within, e.row)),
        "inside": inside,
        "outside": outside,
        "lost": _less(inside, outside),
    }


def _mean(values: np.ndarray, rows: np.ndarray, cluster: np.ndarray) -> Sums:
    own = values[rows]
    if not len(own):
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan), 0.0
    mean = own.mean(axis=0)
    _, code = np.unique(cluster[rows], return_inverse=True)
    sums = np.zeros((code.max() + 1, values.shape[1]))
    np.add.at(sums, code, own - mean)
    number = len(sums)
    variance = (sums**2).sum(axis=0) / len(own) ** 2 * number / max(number - 1, 1)
    return mean, variance, float(number - 1)


def _less(first: Sums, second: Sums) -> Sums:
    return first[0] - second[0], first[1] + second[1], min(first[2], second[2])


def _tests(values: list[dict[str, Sums]], name: str) -> list[tuple[Interval, float]]:
    """Mean over environments of each column, and its p-value."""
    means = np.array([own[name][0] for own in values])
    rows = np.array([own[name][1] for own in values])
    known = ~np.isnan(means).any(axis=1)
    means, rows = means[known], rows[known]
    K = len(means)
    if K == 0:
        return [(UNKNOWN, math.nan)] * values[0][name][0].size
    fixed = rows.sum(axis=0) / K**2
    found = []
    for j in range(means.shape[1]):
        if K >= FEWEST:
            found.append(mean_of_costs(means[:, j]))
            continue
        # These environments, by their rows.
        where = float(means[:, j].mean()), float(fixed[j]), math.inf
        found.append((student(*where), p_value(*where)))
    return found


def _confirmed(
    suggested: list[tuple[Interval, float]], tested: list[tuple[Interval, float]]
) -> np.ndarray:
    """Corrected p-values ``(d,)`` of the columns that the other half suggests, else NaN."""
    sizes = [np.nan_to_num(interval.estimate) for interval, _ in suggested]
    order = np.argsort(-np.abs(sizes), kind="stable")
    found = np.full(len(tested), math.nan)
    top = order[:TOP]
    found[top] = np.minimum(QUESTIONS * LEVELS * holm([tested[j][1] for j in top]), 1.0)
    return found


def _somewhere(
    suggest: list[dict[str, Sums]], confirm: list[dict[str, Sums]], name: str, names: list[str]
) -> list[tuple[str, ...]]:
    """By column, the environments in which one half suggests a rise and the other confirms it."""
    first, second = (np.array([_rises(own[name]) for own in half]) for half in (suggest, confirm))
    order = np.argsort(first, axis=None, kind="stable")[:TOP]
    corrected = QUESTIONS * LEVELS * holm(second.ravel()[order])
    found: list[list[str]] = [[] for _ in range(first.shape[1])]
    for place, p in zip(order, corrected, strict=True):
        environment, column = np.unravel_index(place, first.shape)
        if p <= ALPHA:
            found[column].append(names[environment])
    return [tuple(own) for own in found]


def _rises(sums: Sums) -> np.ndarray:
    """P-values ``(d,)`` of a mean that is not above 0, twice the one-sided ones."""
    mean, variance, degrees = sums
    two = [
        p_value(float(m), float(v), degrees) if degrees > 0 else 1.0
        for m, v in zip(mean, variance, strict=True)
    ]
    return np.where(mean > 0, two, 1.0)


def _alone(e: Exchanged) -> np.ndarray:
    """Share of what shuffling all columns loses that each column keeps by itself, ``(d,)``."""
    inside = ~e.outside
    known = float((e.nothing - e.plain)[inside].mean())
    kept = (e.nothing[:, None] - e.alone)[inside].mean(axis=0)
    return np.asarray(kept / known) if known > 0 else np.full(len(kept), np.nan)


def _carried_cost(e: Exchanged) -> np.ndarray:
    return np.asarray((e.saved[:, None] - e.saved_matched)[e.outside])


def _first_half(material: Material, row: np.ndarray, seed: int) -> np.ndarray:
    """Which rows ``(m,)`` suggest; those of a cluster are in one half."""
    cluster = np.arange(len(material.data)) if material.clusters is None else material.clusters
    side = generator(seed, "halves").random(int(cluster.max()) + 1) < 0.5
    return np.asarray(side[cluster[row]])


@dataclass(frozen=True, eq=False)
class _Moved:
    """By column: in how many environments it moved, where most, and how."""

    count: dict[str, int]
    most: dict[str, tuple[str, Change]]


def _moved(material: Material, names: tuple[str, ...], codes: list[int], seed: int) -> _Moved:
    data, frame = material.data, material.columns
    found: list[tuple[str, str, float, Change]] = []
    single = _one_each(material, seed)
    for code in codes:
        rng = generator(seed, "columns that moved", code)
        own, others = (single[(data.environment[single] == code) == side] for side in (True, False))
        new, reference = (
            rows if len(rows) <= most else rng.choice(rows, most, replace=False)
            for rows, most in ((own, MOST_NEW), (others, MOST_REFERENCE))
        )
        if min(len(new), len(reference)) < 2:
            continue
        tests = column_tests(frame.iloc[reference], frame.iloc[new], seed)
        found += [(test.name, data.names[code], test.p_value, test.change) for test in tests]
    adjusted = holm([p for _, _, p, _ in found])
    count = dict.fromkeys(names, 0)
    best: dict[str, float] = {}
    most: dict[str, tuple[str, Change]] = {}
    seen: set[tuple[str, str]] = set()
    for (name, where, p, change), corrected in zip(found, adjusted, strict=True):
        if not corrected <= ALPHA:
            continue
        count[name] += (name, where) not in seen
        seen.add((name, where))
        if p < best.get(name, math.inf):
            best[name], most[name] = p, (where, change)
    return _Moved(count, most)


def _one_each(material: Material, seed: int) -> np.ndarray:
    """Rows of the data, one of each cluster."""
    if material.clusters is None:
        return np.arange(len(material.data))
    order = generator(seed, "one of each cluster").permutation(len(material.data))
    _, first = np.unique(material.clusters[order], return_index=True)
    return np.sort(order[first])


def _finding(name: str, j: int, moved: _Moved, effects: _Effects | None) -> ColumnFinding:
    where, change = moved.most.get(name, ("", None))
    e = effects
    if e is None:
        return ColumnFinding(
            name, moved.count[name], where, change, UNKNOWN, UNKNOWN, math.nan, (), UNKNOWN,
            UNKNOWN, UNKNOWN, math.nan, (), math.nan,
        )  # fmt: skip
    return ColumnFinding(
        name, moved.count[name], where, change, e.carried[j], e.carried_gap[j],
        float(e.carried_p[j]), e.carries_in[j], e.inside[j], e.outside[j], e.lost[j],
        float(e.lost_p[j]), e.fails_in[j], float(e.alone[j]),
    )  # fmt: skip
