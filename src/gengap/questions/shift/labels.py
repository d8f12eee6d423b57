"""Label shift: have the classes changed their frequencies, and what are they now?

If ``p(x | y)`` is what it was and only ``p(y)`` moved, a classifier's outputs tell by how much.
With its mean output (or share of predictions) per true class on held-out source examples,
``M[i, j] = E[f_i(x) | y = j]``, and its mean output on the unlabelled target ``mu_i``,

    mu = M q,      q = M^{-1} mu,      w_j = q_j / p_j,

whatever the classifier, as long as ``M`` can be inverted: ``q`` are the target's class frequencies,
``w`` the importance weights. A confusion matrix stands for a biased classifier's faults, so it need
not be accurate or calibrated; a weak one costs width. By the delta method

    Var(q) = M^{-1} ( Cov_target(f) / m  +  sum_j q_j^2 Cov(f | y = j) / n_j ) M^{-T}.

*Has anything moved?* When nothing has, the outputs have the same distribution on both sides: test
predicted classes by ``category_test`` (BBSEh), or the probabilities of each class by
``column_tests`` (BBSEs), both of :mod:`gengap.questions.shift.univariate`. They see any shift that
moves the outputs, so they say that *labels* shifted only where it is known that ``p(x | y)`` did
not.

It hurts where the assumption fails, as with new-looking inputs in an unseen environment: the answer
is then a number like any other. Frequencies clearly below 0 are a sign of that; none is no proof.

Sources: Z. C. Lipton, Y.-X. Wang & A. J. Smola, Detecting and correcting for label shift with black
box predictors, ICML 2018, arXiv:1802.03916 (BBSE); S. Rabanser, S. Günnemann & Z. C. Lipton,
Failing loudly, NeurIPS 2019, arXiv:1810.11953 (BBSEh, BBSEs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError, listing
from gengap.statistics.intervals import Interval, check_level, quantile

FEW = 10
SINGULAR = 1e-8
ALIKE = "The classifier treats some classes alike: their frequencies cannot be told apart."
NEGATIVE = "Clearly below 0: more than the class frequencies has changed."
UNSTEADY = f"Fewer than {FEW} held-out examples of some class: limits are too narrow."


@dataclass(frozen=True, eq=False)
class LabelShift:
    """Class frequencies in the target, estimated without its labels.

    Attributes:
        source: ``(k,)`` class frequencies among the held-out source examples.
        target: an interval for each class, cut to 0 and 1; the level is that of each class alone.
        weights: ``(k,)`` importance weights, target over source: estimates below 0 become 0 and the
            rest are scaled to a mean of 1 over the source; NaN where there is no estimate.
        confusion: ``(k, k)`` mean output by true class (columns).
    """

    source: np.ndarray
    target: tuple[Interval, ...]
    weights: np.ndarray
    confusion: np.ndarray


def label_shift(
    outputs: ArrayLike, labels: ArrayLike, new_outputs: ArrayLike, level: float = 0.95
) -> LabelShift:
    """Estimate the class frequencies behind unlabelled outputs.

    Args:
        outputs: ``(n, k)`` class probabilities, or ``(n,)`` predicted class codes, on source
            examples that the classifier was not trained on.
        labels: ``(n,)`` their true class codes, 0 to ``k - 1``, each at least twice.
        new_outputs: ``(m, k)`` or ``(m,)``, of the same kind, in the target.
        level: confidence level.

    Raises:
        UsageError: shapes or codes that do not fit, or a class with fewer than 2 source examples.

    Example:
        >>> found = label_shift([0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 0])
        >>> [round(class_.estimate, 6) for class_ in found.target]
        [0.0, 1.0]
    """
    check_level(level)
    f, y, g, counts = _checked(outputs, labels, new_outputs)
    k = len(counts)
    source, confusion = counts / len(y), np.stack([f[y == j].mean(0) for j in range(k)], axis=1)
    if np.linalg.svd(confusion, compute_uv=False)[-1] < SINGULAR:
        undefined = Interval(math.nan, math.nan, math.nan, level, ALIKE)
        return LabelShift(source, (undefined,) * k, np.full(k, math.nan), confusion)
    # The delta method: noise of the new outputs' mean, and of each class's column of the table.
    inverse = np.linalg.inv(confusion)
    q = inverse @ g.mean(axis=0)
    noise = _covariance(g) + sum(q[j] ** 2 * _covariance(f[y == j]) for j in range(k))
    half = quantile(level, math.inf) * np.sqrt(np.diag(inverse @ noise @ inverse.T))
    unsteady = UNSTEADY if counts.min() < FEW else ""
    target = tuple(_interval(*pair, level, unsteady) for pair in zip(q, half, strict=True))
    weights = np.maximum(q, 0.0) / source
    return LabelShift(source, target, weights / (weights @ source), confusion)


def _checked(
    outputs: ArrayLike, labels: ArrayLike, new_outputs: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outputs ``(n, k)``, labels ``(n,)``, new outputs ``(m, k)``, examples per class ``(k,)``."""
    y = np.asarray(labels)
    if y.ndim != 1 or len(y) == 0 or y.dtype.kind not in "iu" or y.min() < 0:
        raise UsageError("labels must be class codes, whole numbers from 0.")
    found = np.asarray(outputs)
    k = found.shape[1] if found.ndim == 2 else int(y.max()) + 1
    f, g = _table(outputs, k, "outputs"), _table(new_outputs, k, "new_outputs")
    if len(f) != len(y):
        raise UsageError(f"There are {len(f)} outputs and {len(y)} labels; give one label each.")
    if len(g) < 2:
        raise UsageError("new_outputs needs at least 2 examples.")
    counts = np.bincount(y, minlength=k)
    if len(counts) > k or counts.min() < 2:
        few = np.flatnonzero(counts < 2)
        raise UsageError(
            f"Class {listing(few)} has fewer than 2 held-out source examples; add some or leave "
            "the class out."
            if len(counts) == k
            else f"labels go up to {y.max()} but there are outputs for {k} classes only."
        )
    return f, y, g, counts


def _interval(estimate: float, half: float, level: float, note: str) -> Interval:
    remark = " ".join(filter(None, [NEGATIVE * bool(estimate + half < 0), note]))
    low, middle, high = np.clip([estimate - half, estimate, estimate + half], 0.0, 1.0)
    return Interval(float(middle), float(low), float(high), level, remark)


def _covariance(values: np.ndarray) -> np.ndarray:
    """Covariance ``(k, k)`` of the mean of ``values (n, k)``."""
    return np.atleast_2d(np.cov(values, rowvar=False)) / len(values)


def _table(outputs: ArrayLike, k: int, name: str) -> np.ndarray:
    """Outputs ``(n, k)``; predicted codes become rows of 0 and a single 1."""
    found = np.asarray(outputs)
    if found.ndim == 1 and found.dtype.kind in "iu":
        if len(found) and (found.min() < 0 or found.max() >= k):
            raise UsageError(f"{name} must be class codes from 0 to {k - 1}, as labels are.")
        return np.eye(k)[found]
    if found.ndim != 2 or found.shape[1] != k or found.dtype.kind not in "fiu":
        raise UsageError(
            f"{name} must be whole class codes (examples,) or probabilities (examples, {k}), not "
            f"{found.shape}."
        )
    if not np.isfinite(found).all() or np.abs(found.sum(axis=1) - 1).max(initial=0) > 1e-3:
        raise UsageError(f"{name} must be probabilities that add up to 1 in each row.")
    return found.astype(np.float64)
