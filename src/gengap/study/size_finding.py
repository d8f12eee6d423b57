"""What sizes of training sets did to the scores of a study, as numbers with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from gengap.statistics.intervals import Interval
from gengap.statistics.size_effects import (
    SizeCurve,
    contrast_interval,
    doubling_weights,
    point_interval,
    size_curve,
)
from gengap.study.finding import SizeLaw, SizeRow, SizesFinding, SizeTrade, SizeTrend
from gengap.study.metrics import Metric
from gengap.study.plan import Plan
from gengap.study.rules import Rule
from gengap.study.scores import Scores
from gengap.study.size_scores import SizedScores, sized_scores

# Training sets whose sizes differ by less than this share count as equal in size.
EQUAL = 0.02
UNSEEN, INSIDE, COST = "unseen", "in distribution", "cost of unseen"


def sizes_finding(plan: Plan, scores: Mapping[str, Scores], rule: Rule) -> SizesFinding | None:
    """The finding on sizes; None where a study has none.

    Args:
        plan: the study's.
        scores: the reader of each method's runs.
        rule: its selection rule.
    """
    if plan.sizes is None:
        return None
    read = {name: sized_scores(own, rule) for name, own in scores.items()}
    found = {name: own for name, own in read.items() if own is not None}
    metric = plan.score
    return SizesFinding(
        axes=plan.sizes.text,
        by=plan.sizes.by,
        rows=[row for item in found.items() for row in _rows(*item, metric)],
        trades=[row for item in found.items() for row in _trades(*item, metric)],
        trends=[row for item in found.items() for row in _trends(*item, metric)],
        laws=[row for item in found.items() for row in _laws(*item, metric)],
    )


def sign_of(metric: Metric) -> float:
    """1 where larger is better."""
    return 1.0 if metric.higher_is_better else -1.0


def loss_origin(metric: Metric) -> float:
    """The best score there is, from which losses are counted; 0 where there is none."""
    best = metric.limits[1 if metric.higher_is_better else 0]
    return best if math.isfinite(best) else 0.0


def _rows(method: str, own: SizedScores, metric: Metric) -> Iterator[SizeRow]:
    sign = sign_of(metric)
    for p, point in enumerate(own.points):
        interval = partial(point_interval, groups=own.groups[p], drawn=own.swapped)
        unseen = interval(own.unseen[p]).within(*metric.limits)
        inside = interval(own.inside[p]).within(*metric.limits)
        cost = reference = None
        if not point.sees:
            cost = interval(sign * (own.reference[p] - own.unseen[p]))
            reference = _mean(own.reference[p])
        yield SizeRow(
            method=method,
            environments=float(own.groups[p]),
            examples=float(own.examples[p]),
            asked=point.name,
            share=point.share,
            own=point.own,
            score_in_distribution=inside.estimate,
            in_distribution_low=inside.low,
            in_distribution_high=inside.high,
            score_unseen=unseen.estimate,
            score_low=unseen.low,
            score_high=unseen.high,
            score_reference=reference,
            cost_of_unseen=cost.estimate if cost else None,
            cost_low=cost.low if cost else None,
            cost_high=cost.high if cost else None,
        )


def plain_points(own: SizedScores) -> np.ndarray:
    """Positions of the points that see nothing of what is left out and train on something."""
    return np.array([p for p, point in enumerate(own.points) if not point.sees], dtype=int)


def _trades(method: str, own: SizedScores, metric: Metric) -> Iterator[SizeTrade]:
    """The same number of examples from more environments instead of fewer."""
    for a, b in combinations(plain_points(own), 2):
        few, many = (a, b) if own.groups[a] < own.groups[b] else (b, a)
        totals = own.examples[[few, many]]
        if own.groups[few] == own.groups[many] or np.ptp(totals) > EQUAL * totals.min():
            continue
        pair = [many, few]
        scores = sign_of(metric) * own.unseen[pair]
        interval = contrast_interval(scores, [1.0, -1.0], own.groups[pair], drawn=own.swapped)
        yield SizeTrade(
            method,
            float(totals.mean()),
            float(own.groups[few]),
            float(own.groups[many]),
            interval.estimate,
            interval.low,
            interval.high,
        )


def _trends(method: str, own: SizedScores, metric: Metric) -> Iterator[SizeTrend]:
    """What twice as many environments, or examples of each, bring; and which brings more."""
    plain = plain_points(own)
    groups, each = own.groups[plain], own.examples[plain] / own.groups[plain]
    weights = doubling_weights(groups, each)
    by_axis: dict[str, np.ndarray] = {}
    if weights is not None:
        by_axis = {"environments": weights[0], "examples": weights[1]}
        by_axis["environments instead of examples"] = weights[0] - weights[1]
    else:
        by_axis |= {
            name: slope
            for name, values in (("environments", groups), ("examples", each))
            if (slope := _slope(values, each if name == "environments" else groups)) is not None
        }
    sign = sign_of(metric)
    tables = {UNSEEN: sign * own.unseen[plain], INSIDE: sign * own.inside[plain]}
    tables["in distribution minus unseen"] = tables[INSIDE] - tables[UNSEEN]
    for axis, weight in by_axis.items():
        for score, table in tables.items():
            found = contrast_interval(table, weight, groups, drawn=own.swapped)
            yield SizeTrend(method, axis, score, found.estimate, found.low, found.high)


def _slope(values: np.ndarray, held: np.ndarray) -> np.ndarray | None:
    """Weights of the change for twice as much of what alone varies; None where another does."""
    if len(np.unique(values.round(6))) < 2 or np.ptp(held) > EQUAL * held.min():
        return None
    centred = np.log2(values) - np.log2(values).mean()
    return np.asarray(centred / (centred @ centred))


def _laws(method: str, own: SizedScores, metric: Metric) -> Iterator[SizeLaw]:
    bounded = math.isfinite(metric.limits[1 if metric.higher_is_better else 0])
    tables = {UNSEEN: own.unseen, INSIDE: own.inside}
    losses = {
        score: (-sign_of(metric) * (table - loss_origin(metric)), bounded)
        for score, table in tables.items()
    }
    losses[COST] = (sign_of(metric) * (own.reference - own.unseen), True)
    for along, positions, sizes, held in lines_of(own):
        for score, (table, at_least_0) in losses.items():
            curve = curve_of(sizes, table[positions], own, positions, at_least_0)
            if curve is not None:
                yield _law(method, along, score, held, curve, metric)


def lines_of(own: SizedScores) -> Iterator[tuple[str, np.ndarray, np.ndarray, str]]:
    """Points along one axis with the other held: the axis, positions, sizes, what is held.

    Environments vary at equal examples of each, and at equal examples of all together.
    """
    plain = plain_points(own)
    groups, each = own.groups[plain], own.examples[plain] / own.groups[plain]
    names = np.array([own.points[p].name.split(";", 1)[1] for p in plain])
    for name in dict.fromkeys(names[np.char.startswith(names, "examples")].tolist()):
        held = np.flatnonzero(names == name)
        yield "environments", plain[held], groups[held], name
    for held in _alike(own.examples[plain]):
        total = round(float(own.examples[plain[held]].mean()))
        yield "environments", plain[held], groups[held], f"total={total}"
    for held in _alike(groups):
        yield "examples", plain[held], each[held], f"environments={groups[held[0]]:g}"


def _alike(values: np.ndarray) -> Iterator[np.ndarray]:
    """Positions of values that count as equal, two at least, smallest values first."""
    left = np.argsort(values, kind="stable")
    while len(left):
        same = values[left] <= values[left[0]] * (1 + EQUAL)
        if same.sum() > 1:
            yield np.sort(left[same])
        left = left[~same]


def curve_of(
    sizes: np.ndarray,
    losses: np.ndarray,
    own: SizedScores,
    positions: np.ndarray,
    bounded: bool,
) -> SizeCurve | None:
    """A power law of losses ``(P, K, S)``; of swapped halves with seeds for environments."""
    if not own.swapped:
        return size_curve(list(sizes), losses, own.groups[positions], bounded=bounded)
    there = np.isfinite(losses)
    if not there.any(axis=1).all():
        return None
    means = np.where(there, losses, 0.0).sum(axis=1) / there.sum(axis=1)
    return size_curve(list(sizes), means[..., None], np.full(len(sizes), np.inf), bounded=bounded)


def _law(
    method: str, along: str, score: str, held: str, curve: SizeCurve, metric: Metric
) -> SizeLaw:
    def read(loss: Interval) -> Interval:
        return loss if score == COST else as_score(loss, metric)

    tested = curve.backtest
    forecast = read(tested.forecast) if tested else None
    measured = None
    if tested is not None:
        measured = read(replace(tested.forecast, estimate=tested.measured)).estimate
    limit = read(curve.limit)
    return SizeLaw(
        method=method,
        along=along,
        score=score,
        held=held,
        sizes=[float(size) for size in curve.sizes],
        exponent=curve.exponent.estimate,
        exponent_low=curve.exponent.low,
        exponent_high=curve.exponent.high,
        limit=limit.estimate,
        limit_low=limit.low,
        limit_high=limit.high,
        scale=curve.scale,
        backtest_size=tested.size if tested else None,
        backtest_measured=measured,
        backtest_forecast=forecast.estimate if forecast else None,
        backtest_low=forecast.low if forecast else None,
        backtest_high=forecast.high if forecast else None,
    )


def as_score(loss: Interval, metric: Metric) -> Interval:
    """A loss of :func:`curve_of` as the score that it is of."""
    origin, sign = loss_origin(metric), -sign_of(metric)
    ends = sorted((origin + sign * loss.low, origin + sign * loss.high))
    return replace(loss, estimate=origin + sign * loss.estimate, low=ends[0], high=ends[1])


def _mean(table: np.ndarray) -> float:
    return float(np.nanmean(table)) if np.isfinite(table).any() else math.nan
