"""Churn: the share of examples on which two runs that differ in their seed predict differently.

Two accuracies ``a, b`` bound it from below by ``|a - b|``; errors that fall independently, a wrong
class being any of the other ``C - 1``, would give

    by chance = 1 - a b - (1 - a)(1 - b) / (C - 1).

Churn relative to that tells two equally accurate methods apart: near 1 the runs share nothing but
their accuracy, near 0 they make the same mistakes.

*Limits.* Churn varies with the examples and with the runs, whose pairs share runs; its variance is
the sum of the jackknife over examples and the jackknife over runs, which counts what they share
twice and is cautious for it.

Sources: M. Milani Fard et al., Launch and iterate: reducing prediction churn, NeurIPS (2016);
G. I. Shamir et al., Smooth activations and reproducibility in deep networks, arXiv:2010.09931
(2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics.intervals import Interval, check_level, satterthwaite, student

ONE_PAIR = "Two runs: holds for these two on new examples, not for other seeds."
NEVER = "No prediction differed; the upper limit is that of the rule of three."
FEW_RUNS = "Fewer than 5 runs: how far seeds vary is roughly known."


@dataclass(frozen=True, repr=False)
class Churn(Interval):
    """The share of examples on which two runs predict differently, on average over pairs of runs.

    Attributes:
        by_chance: the churn of runs as accurate as these whose errors fall independently.
        least: the least churn that their accuracies allow.
        runs: number of runs.
    """

    by_chance: float = math.nan
    least: float = math.nan
    runs: int = 0

    @property
    def relative(self) -> float:
        """Churn in units of that by chance; NaN where chance gives none."""
        return self.estimate / self.by_chance if self.by_chance > 0 else math.nan


def churn(predicted: ArrayLike, target: ArrayLike, classes: int, level: float = 0.95) -> Churn:
    """Churn between runs that differ in their seed only.

    Args:
        predicted: ``(R, N)`` class codes, NaN or negative where a run did not predict an example.
        target: ``(N,)`` true class codes.
        classes: number of classes.
        level: the confidence level, over examples and seeds like these.

    Raises:
        UsageError: codes that do not fit, fewer than two runs, or no example that two of them
            predicted.
    """
    check_level(level)
    codes, truth = _codes(predicted, target, classes)
    differing, pairs, own_differing, own_pairs = _pair_counts(codes, classes)
    total = pairs.sum()
    if total == 0:
        raise UsageError("No two of these runs predicted the same example; compare other runs.")
    estimate = differing.sum() / total
    influence = (differing - estimate * pairs)[pairs > 0] / total
    number = len(influence)
    by_examples = float(np.sum(influence**2)) * number / (number - 1) if number > 1 else math.nan
    by_runs, note = _between_runs(differing.sum() - own_differing, total - own_pairs)
    parts = np.array([by_examples, by_runs])
    degrees = satterthwaite(parts, np.array([max(number - 1, 1), max(len(codes) - 1, 1)]))
    interval = student(float(estimate), by_examples + by_runs, degrees, level, note)
    by_chance, least = _expected(codes, truth, classes)
    low, high = max(interval.low, 0.0), min(interval.high, 1.0)
    if estimate == 0:
        high, note = 1 - (1 - level) ** (1 / number), f"{NEVER} {note}".rstrip()
    return Churn(interval.estimate, low, high, level, note, by_chance, least, len(codes))


def _codes(predicted: ArrayLike, target: ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray]:
    table, truth = np.asarray(predicted), np.asarray(target)
    if table.ndim != 2 or len(table) < 2 or truth.shape != table.shape[1:]:
        raise UsageError(
            "Churn needs predictions of at least 2 runs, runs x examples, and a target per example."
        )
    if classes < 2:
        raise UsageError(f"Churn needs at least 2 classes, not {classes}.")
    codes = np.where(np.isnan(table), -1, table)
    if np.any((codes != np.floor(codes)) | (codes >= classes)):
        raise UsageError(f"Predictions must be class codes from 0 to {classes - 1}.")
    return codes.astype(np.int64), truth


def _pair_counts(
    codes: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of runs that differ and all pairs, per example ``(N,)`` and with each run ``(R,)``."""
    runs, examples = codes.shape
    columns = np.arange(examples)
    votes = np.zeros((examples, classes))
    for row in codes:
        there = row >= 0
        votes[columns[there], row[there]] += 1
    number = votes.sum(1)
    differing, pairs = (number**2 - np.sum(votes**2, axis=1)) / 2, number * (number - 1) / 2
    own_differing, own_pairs = np.zeros(runs), np.zeros(runs)
    for r, row in enumerate(codes):
        there = row >= 0
        own_differing[r] = np.sum(number[there] - votes[columns[there], row[there]])
        own_pairs[r] = np.sum(number[there] - 1)
    return differing, pairs, own_differing, own_pairs


def _between_runs(differing: np.ndarray, pairs: np.ndarray) -> tuple[float, str]:
    """Jackknife variance over runs from the counts ``(R,)`` without each of them, and its note."""
    runs = len(pairs)
    if runs == 2 or np.any(pairs == 0):
        return 0.0, ONE_PAIR if runs == 2 else "Too few runs meet: holds for these runs only."
    left = differing / pairs
    note = FEW_RUNS if runs < 5 else ""
    return float((runs - 1) / runs * np.sum((left - left.mean()) ** 2)), note


def _expected(codes: np.ndarray, truth: np.ndarray, classes: int) -> tuple[float, float]:
    """Churn by chance and the least churn, averaged over pairs of runs."""
    there = codes >= 0
    scored = there.any(axis=1)
    right = np.sum(there & (codes == truth), axis=1)[scored] / there.sum(axis=1)[scored]
    first, second = (right[side] for side in np.triu_indices(len(right), 1))
    by_chance = 1 - first * second - (1 - first) * (1 - second) / (classes - 1)
    return float(by_chance.mean()), float(np.abs(first - second).mean())
