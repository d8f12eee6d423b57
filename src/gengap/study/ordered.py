"""Scores along environments that are numbers, such as lengths, within and beyond training.

A split that trains up to a length and leaves the longer ones unseen has one run that is scored
everywhere and a reference that had seen every length at equal data. The run's fall is both parts of
the gap together; what it lies below the reference beyond the trained range is the cost of unseen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gengap.study.curves import over_seeds
from gengap.study.finding import OrderedFinding, OrderedRow
from gengap.study.plan import Plan
from gengap.study.rules import Rule
from gengap.study.scores import Scores

FEWEST = 4  # environments
UNSEEN, REFERENCE = "unseen", "reference"


def ordered_finding(plan: Plan, scores: Mapping[str, Scores], rule: Rule) -> OrderedFinding | None:
    """Scores along the environments; None unless they are numbers and one split divides them."""
    values = _numbers(plan.problem.environments)
    if values is None or len(plan.unseen) != 1 or len(values) < FEWEST:
        return None
    (cell,) = plan.unseen
    codes = plan.units.environment
    seen, unseen = (np.unique(codes[mask]) for mask in (cell.rows, cell.held_out))
    if len(np.intersect1d(seen, unseen)) or not (
        values[seen].max() < values[unseen].min() or values[seen].min() > values[unseen].max()
    ):
        return None
    order = np.argsort(values)
    rows = [
        row for name, own in scores.items() for row in _of_method(name, own, rule, values, order)
    ]
    return OrderedFinding(
        by=plan.problem.kind,
        trained_from=float(values[seen].min()),
        trained_to=float(values[seen].max()),
        rows=rows,
    )


def _numbers(names: tuple[str, ...]) -> np.ndarray | None:
    try:
        found = np.array([float(name) for name in names])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _of_method(
    name: str, scores: Scores, rule: Rule, values: np.ndarray, order: np.ndarray
) -> list[OrderedRow]:
    choices, _ = scores.choices(rule)
    if not choices:
        return []
    kept = [candidate for pair in choices.values() for candidate in pair]
    outcomes = scores.store.outcomes(
        {c.key for c in kept}, "test", {c.step for c in kept}, scores=scores.metric.scores
    )
    (cell,) = scores.plan.unseen
    every = cell.rows | cell.held_out
    found = []
    for place, role in enumerate((UNSEEN, REFERENCE)):
        means = [
            scores.environment_means(
                outcomes[pair[place].key, pair[place].step], scores.examples(seed, "test"), every
            )
            for (_, seed), pair in choices.items()
        ]
        table = np.stack(means)[:, order]
        low, high = over_seeds(table.T, scores.metric.limits)
        mean = table.mean(0)
        found.append(
            OrderedRow(name, role, *(x.tolist() for x in (values[order], mean, low, high)))
        )
    return found
