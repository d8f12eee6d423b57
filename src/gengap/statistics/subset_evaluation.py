"""Score a new model on few examples, chosen by what earlier models got right.

Examples are sorted from easy to hard (:mod:`gengap.statistics.example_order`) and a new model is
run on one example drawn from each of ``k`` equal slices of that order.

*Sort & Search* sets the number of leading ones to what fits the ``k`` answers best, and takes the
order up to there as right, beyond it as wrong. That guess is right only as far as the new model
fails what others fail, so nothing is promised for it; on digits it was worse than a random subset
(docs/statistics.md).

*The error promised* is that of the mean of the answers over slices, weighted by slice size. As each
slice is sampled at random it has no bias whatever the new model does, and as a slice holds examples
of like difficulty it varies less than a random subset. (The difference estimator, the guess plus
its mean error in the subset, differs from it only in the slice where the guess changes from right
to wrong.) Its variance is estimated from answers in neighbouring slices,

    (1 - k/N) sum_h W_h^2 * sum_h (y_h - y_{h+1})^2 / (2 (k - 1)),

too large rather than too small, because slices also differ in difficulty. The limits are Clopper
and Pearson's for the number of independent answers with that variance, so they stay open when all
answers are right.

It helps where models fail the same examples. It gains nothing where they do not, and loses nothing
but the promise of the plain guess.

Sources: A. Prabhu et al., Lifelong benchmarks: efficient model evaluation in an era of rapid
progress, arXiv:2402.19472 (2024); K. M. Wolter, Introduction to Variance Estimation (2007), ch. 8;
E. L. Korn & B. I. Graubard, Confidence intervals for proportions with small expected number of
positive counts estimated from survey data, Survey Methodology 24 (1998), 193-201.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.example_order import (
    Order,
    checked_scores,
    fit_rows,
    is_binary,
    sort_examples,
)
from gengap.statistics.intervals import Interval, check_level, quantile

FEW = "Fewer than 10 examples scored: the limits are rough."


@dataclass(frozen=True, repr=False)
class SubsetScore(Interval):
    """The mean score over all examples, from a subset; ``estimate`` and limits are the promise.

    Attributes:
        sort_and_search: the guess of Sort & Search, without a promise; NaN for scores other than
            right and wrong.
        threshold: number of examples, in the order, that the guess takes as right; -1 for NaN.
    """

    sort_and_search: float = math.nan
    threshold: int = -1


def choose_examples(order: Order, k: int, seed: int = 0) -> np.ndarray:
    """Draw one example from each of ``k`` equal slices of the order.

    Returns:
        ``(k,)`` columns of the table, the easiest first.

    Raises:
        UsageError: ``k`` is not between 2 and the number of examples.
    """
    examples = len(order.examples)
    _check_number(k, examples)
    edges = _edges(examples, k)
    return order.examples[generator(seed, "choose_examples", k).integers(edges[:-1], edges[1:])]


def estimate_score(
    order: Order, chosen: ArrayLike, scores: ArrayLike, level: float = 0.95
) -> SubsetScore:
    """The mean score of a new model over all examples, from those it was run on.

    Args:
        order: of all examples.
        chosen: ``(k,)`` what :func:`choose_examples` drew, in that order.
        scores: ``(k,)`` the new model's scores on them, in 0 to 1.
        level: the confidence level over draws of the examples. The examples in the order count as
            all there are; what other examples would give is not covered.

    Raises:
        UsageError: examples not drawn one from each slice, or scores that do not fit them.
    """
    check_level(level)
    picked, values = np.asarray(chosen), checked_scores(scores, 1)
    _check_chosen(order, picked, values)
    k, examples = len(values), len(order.examples)
    weights = np.diff(_edges(examples, k)) / examples
    estimate = float(weights @ values)
    local = np.mean(np.diff(values) ** 2) / 2
    variance = (1 - k / examples) * float(local * np.sum(weights**2))
    low, high = _limits(estimate, variance, k, examples, level)
    note = FEW if k < min(10, examples) else ""
    if not is_binary(values):
        return SubsetScore(estimate, low, high, level, note)
    _, ones = fit_rows((2 * values[None] - 1).astype(np.int8))
    threshold = int(_edges(examples, k)[int(ones[0])])
    return SubsetScore(estimate, low, high, level, note, threshold / examples, threshold)


def expected_half_width(
    correct: ArrayLike, k: int, level: float = 0.95, *, source: ArrayLike | None = None
) -> float:
    """Half the width of interval to expect of a new model scored on ``k`` examples.

    Each earlier model in turn plays the new one: the examples are sorted without it, and its scores
    vary within slices as they do. Half the width is Student's for that variance, on average.

    Args:
        correct: ``(M, N)`` as in :func:`sort_examples`.
        k: how many examples a new model is to be run on.
        level: the confidence level.
        source: ``(M,)`` labels of where the models come from, such as their methods: all models of
            one source are left out together. None leaves out about a fifth of the models at a time.

    Returns:
        The half-width; NaN where no slice has two examples scored by the same model.

    Raises:
        UsageError: see :func:`sort_examples` and :func:`choose_examples`; fewer than two sources.
    """
    check_level(level)
    table = checked_scores(correct, 2)
    _check_number(k, table.shape[1])
    labels = np.arange(len(table)) % 5 if source is None else np.asarray(source)
    if labels.shape != (len(table),) or len(np.unique(labels)) < 2:
        raise UsageError("Leaving models out needs one label per model and at least two labels.")
    parts = [
        _within_slices(table[labels != label], table[labels == label], k)
        for label in np.unique(labels)
    ]
    used = np.array([part for part in parts if part[1] > 0])
    if not len(used):
        return math.nan
    squares, degrees, examples = used.T
    variance = (1 - k / examples.mean()) * squares.sum() / degrees.sum() / k
    return quantile(level, _degrees(k)) * math.sqrt(variance)


def _within_slices(past: np.ndarray, new: np.ndarray, k: int) -> tuple[float, int, int]:
    """Squares within slices of the new models' scores, their degrees of freedom, the examples."""
    scored = ~np.isnan(past).all(axis=0)
    if scored.sum() < k:
        return 0.0, 0, 0
    rows = new[:, scored][:, sort_examples(past[:, scored]).examples]
    slice_of = np.repeat(np.arange(k), np.diff(_edges(rows.shape[1], k)))
    squares, degrees = 0.0, 0
    for row in rows:
        present = ~np.isnan(row)
        size = np.bincount(slice_of[present], minlength=k)
        total = np.bincount(slice_of[present], weights=row[present], minlength=k)
        squares += float(np.sum(row[present] ** 2) - np.sum(total**2 / np.maximum(size, 1)))
        degrees += int(np.sum(np.maximum(size - 1, 0)))
    return squares, degrees, rows.shape[1]


def _limits(
    estimate: float, variance: float, k: int, examples: int, level: float
) -> tuple[float, float]:
    """Clopper and Pearson's limits for as many independent answers as have that variance."""
    if k == examples:
        return estimate, estimate
    number = estimate * (1 - estimate) / variance if variance > 0 else float(k)
    number *= (quantile(level, k - 1) / quantile(level, _degrees(k))) ** 2
    right, tail = estimate * number, (1 - level) / 2
    wrong = number - right
    low = special.betaincinv(right, wrong + 1, tail) if right > 0 else 0.0
    high = special.betaincinv(right + 1, wrong, 1 - tail) if wrong > 0 else 1.0
    return float(low), float(high)


def _degrees(k: int) -> float:
    """Degrees of freedom of the mean square of ``k - 1`` successive differences of normal values.

    Its squared coefficient of variation is ``(3 k - 4) / (k - 1)^2``, that of ``f`` is ``2 / f``.
    """
    return 2 * (k - 1) ** 2 / (3 * k - 4)


def _edges(examples: int, k: int) -> np.ndarray:
    """Borders ``(k + 1,)`` of the slices, whose sizes differ by at most one."""
    return examples * np.arange(k + 1) // k


def _check_number(k: int, examples: int) -> None:
    if not 2 <= k <= examples:
        raise UsageError(f"Cannot choose {k} of {examples} examples; choose 2 to {examples}.")


def _check_chosen(order: Order, chosen: np.ndarray, scores: np.ndarray) -> None:
    """Raise unless one example of each slice was chosen and scored."""
    if chosen.shape != scores.shape or np.isnan(scores).any():
        raise UsageError(
            f"Give one score for each of the {len(chosen)} chosen examples, none of them NaN."
        )
    _check_number(len(chosen), len(order.examples))
    edges = _edges(len(order.examples), len(chosen))
    rank = np.full(int(max(order.examples.max(), chosen.max())) + 1, -1)
    rank[order.examples] = np.arange(len(order.examples))
    place = np.where(chosen >= 0, rank[chosen], -1)
    if np.any((place < edges[:-1]) | (place >= edges[1:])):
        raise UsageError(
            "The chosen examples are not one of each slice of the order, easiest first; "
            "draw them with choose_examples from the same order."
        )
