"""What to collect next: more environments, or more examples of those there are, for a budget.

From a study with ``--sizes`` a surface of the loss against both numbers is fitted
(:mod:`gengap.statistics.size_surface`), and every way to spend the budget is asked for the gain
that it promises. Records may hold several such studies, each with another factor as its
environments (hospitals, devices, years): then the factors are compared as well, as factored scaling
curves do.

The advice is checked by holding back: the same surface, fitted without the sizes of most
environments, says what was to be expected of them.

Source: L. Zha et al., Guiding data collection via factored scaling curves, arXiv:2505.07728 (2025).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.finding import Finding
from gengap.records.store import Store
from gengap.records.studies import executions
from gengap.statistics.intervals import Interval
from gengap.statistics.size_effects import Forecast
from gengap.statistics.size_surface import Surface, fit_surface, held_back
from gengap.study.result import Result, read_result
from gengap.study.size_finding import as_score, loss_origin, plain_points, sign_of
from gengap.study.size_scores import SizedScores, sized_scores

WAYS = 24


@dataclass(frozen=True)
class Way:
    """One way to spend the budget on a factor.

    Attributes:
        environments: how many new ones.
        examples_each: examples of each new one.
        more_examples: further examples of each environment there is.
        spent: of the budget.
        gain: by how much the expected score in unseen environments improves; positive is better.
    """

    environments: int
    examples_each: int
    more_examples: int
    spent: float
    gain: Interval


@dataclass(frozen=True)
class Factor:
    """A factor whose environments could be added to.

    Attributes:
        study: the study that told.
        word: what its environments are, such as hospital.
        environments: how many there are, and ``examples`` training examples of each.
        now: expected score in unseen environments with all there are.
        ways: ways to spend the budget, the one with the largest gain first.
        backtest: the loss at most environments, as foreseen without them and measured; None with
            too few sizes.
        foreseen, measured: the same as scores.
        beyond: how many times the most environments measured the best way would have.
    """

    study: str
    word: str
    environments: int
    examples: float
    now: Interval
    ways: tuple[Way, ...]
    backtest: Forecast | None
    foreseen: Interval | None
    measured: float | None
    beyond: float


@dataclass(frozen=True, repr=False)
class Collection(Finding):
    """What to collect next.

    Attributes:
        method: whose scores are planned for.
        metric: the score.
        budget: what may be spent.
        cost_environment: of a new environment; ``cost_example`` of an example.
        factors: the one with the largest gain first.
    """

    kind: ClassVar[str] = "collection"
    method: str
    metric: str
    budget: float
    cost_environment: float
    cost_example: float
    factors: tuple[Factor, ...]


def what_to_collect(
    store: Store,
    budget: float,
    *,
    cost_environment: float = 0.0,
    cost_example: float = 1.0,
    method: str | None = None,
    study: str | None = None,
    level: float = 0.95,
) -> Collection:
    """Say how a budget for new data is best spent, from studies with sizes.

    Args:
        store: the records.
        budget: in the unit of the costs.
        cost_environment: what opening a new environment costs.
        cost_example: what an example costs, wherever it is from.
        method: whose scores; None for the study's baseline.
        study: one study alone; None for the one carried out last and all others of the same
            method and metric that have other environments.
        level: of the intervals.

    Raises:
        UsageError: no study has sizes that tell environments and examples apart, the budget buys
            nothing, or a number is out of range.
    """
    for name, value in (("budget", budget), ("cost of an example", cost_example)):
        if not 0 < value < math.inf:
            raise UsageError(f"The {name} must be a positive number, not {value:g}.")
    if not 0 <= cost_environment < math.inf:
        raise UsageError(
            f"The cost of an environment must be at least 0, not {cost_environment:g}."
        )
    results = list(_results(store, study))
    first = results[0]
    name = method or first.plan.baseline
    found = [
        factor
        for result in results
        if (factor := _factor(result, name, budget, cost_environment, cost_example, level))
    ]
    if not found:
        raise UsageError(
            f"The sizes of {first.name} cannot tell environments from examples: give at least two "
            "values of each and four sizes, e.g. --sizes "
            '"environments=2,4,8,all;examples=25,all".'
        )
    found.sort(key=lambda factor: -factor.ways[0].gain.estimate)
    metric = first.plan.metric
    return Collection(name, metric, budget, cost_environment, cost_example, tuple(found))


def _results(store: Store, study: str | None) -> Iterator[Result]:
    """The study asked for, or the last one and others of its metric with other environments."""
    first = read_result(store, study)
    if first.plan.sizes is None:
        sized = [key for key in _finished(store) if read_result(store, key).plan.sizes]
        if study is not None or not sized:
            raise UsageError(
                f"The study {first.name} has one size only; run it with e.g. --sizes "
                '"environments=2,4,8,all;examples=25,all" into the same --out.'
            )
        first = read_result(store, sized[-1])
    yield first
    seen = {first.plan.problem.fingerprint}
    for key in reversed(_finished(store) if study is None else []):
        other = read_result(store, key)
        if (
            other.plan.sizes is not None
            and other.plan.metric == first.plan.metric
            and other.plan.problem.fingerprint not in seen
        ):
            seen.add(other.plan.problem.fingerprint)
            yield other


def _finished(store: Store) -> list[str]:
    return [each.study for each in executions(store)]


def _factor(
    result: Result, method: str, budget: float, environment: float, example: float, level: float
) -> Factor | None:
    if method not in result.scores:
        return None
    sized = sized_scores(result.scores[method], result.rule)
    assert sized is not None
    sizes, losses = _losses(sized, result)
    surface = fit_surface(*sizes, losses, level=level)
    if surface is None:
        return None
    there = len(np.unique(result.plan.groups.codes))
    each = _each(result)
    now = there, there * each
    ways = sorted(
        _ways(surface, now, budget, environment, example), key=lambda way: -way.gain.estimate
    )
    if not ways:
        raise UsageError(
            f"A budget of {budget:g} buys neither an environment nor an example of each of the "
            f"{there} there are; raise it or lower the costs."
        )
    backtest = held_back(*sizes, losses, level=level)
    metric = result.plan.score
    foreseen = as_score(backtest.forecast, metric) if backtest else None
    measured = None
    if backtest is not None:
        at = Interval(backtest.measured, backtest.measured, backtest.measured)
        measured = as_score(at, metric).estimate
    return Factor(
        study=result.name,
        word=result.plan.problem.kind,
        environments=there,
        examples=each,
        now=as_score(surface.expected(*now), metric),
        ways=tuple(ways),
        backtest=backtest,
        foreseen=foreseen,
        measured=measured,
        beyond=(there + ways[0].environments) / float(sized.groups.max()),
    )


def _each(result: Result) -> float:
    """Training examples of each environment (or combination) in the study as it is."""
    plan = result.plan
    split = plan.unseen[0]
    rows = np.concatenate(plan.training_rows(split, plan.seeds[0]))
    return len(rows) / len(np.unique(plan.groups.codes[rows]))


def _losses(sized: SizedScores, result: Result) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Sizes of the points that see nothing of what is left out, and how far scores are from the
    best there is."""
    plain = plain_points(sized)
    metric = result.plan.score
    losses = -sign_of(metric) * (sized.unseen[plain] - loss_origin(metric))
    return (sized.groups[plain], sized.examples[plain]), losses


def _ways(
    surface: Surface, now: tuple[float, float], budget: float, environment: float, example: float
) -> Iterator[Way]:
    """From as many new environments as can be had to none, what is left going to examples."""
    there, total = now
    each = max(round(total / there), 1)
    most = int(budget // (environment + each * example))
    counts = np.unique(np.linspace(0, most, min(most, WAYS) + 1).round().astype(int))
    for count in counts:
        spent = float(count * (environment + each * example))
        more = int((budget - spent) // (there * example))
        if not count and not more:
            continue
        then = there + count, total + count * each + there * more
        spent += there * more * example
        yield Way(int(count), each if count else 0, more, spent, surface.gain(now, then))
