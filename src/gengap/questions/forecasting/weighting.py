"""Forecasts by importance weighting: labelled examples that look like the new ones count more.

If only the inputs shift, and ``p(y | x)`` does not, the mean score in the new environment is

    E_target[score] = E_source[w(x) score],      w(x) = p_target(x) / p_source(x).

A classifier that tells unlabelled from labelled examples knows the ratio: with ``n`` labelled and
``m`` unlabelled examples and its probability ``r(x)`` of "unlabelled", ``w = r / (1 - r) * n / m``.
The mean is self-normalised, ``sum(w score) / sum(w)``, which is slightly biased and far steadier.
How many equally weighted examples it is worth is ``(sum w)^2 / sum w^2``; where the environments
hardly overlap that is a handful, and the forecast says little. (A penalised classifier bounds its
odds, so a large number is no proof of overlap.) It is blind to concept shift.

Sources: S. Bickel, M. Brückner & T. Scheffer, Discriminative learning under covariate shift,
Journal of Machine Learning Research 10 (2009), 2137-2155; effective size: A. Kong, A note on
importance sampling using standardized weights, University of Chicago technical report 348 (1992).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.statistics import checks
from gengap.statistics.two_sample import two_tables


@dataclass(frozen=True)
class Weighted:
    """A weighted mean, and how many equally weighted examples it is worth."""

    estimate: float
    effective_size: float


def density_ratio(source: ArrayLike, target: ArrayLike) -> np.ndarray:
    """Density of the new environment over that of the labelled examples, at the latter.

    Logistic regression with the usual ridge penalty on standardised features, exact up to the
    penalty when the log ratio is linear in the features (Gaussians of equal covariance).

    Args:
        source: ``(n, d)`` features of the labelled examples.
        target: ``(m, d)`` features in the new environment.

    Returns:
        ``(n,)`` positive weights, with mean about 1.
    """
    from sklearn.linear_model import LogisticRegression

    labelled, new = two_tables(source, target, finite=True)
    both = np.concatenate([labelled, new])
    scale = both.std(0)
    both = (both - both.mean(0)) / np.where(scale > 0, scale, 1.0)
    is_new = np.arange(len(both)) >= len(labelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a thousand steps are near enough
        model = LogisticRegression(max_iter=1000).fit(both, is_new)
    odds = np.exp(np.clip(model.decision_function(both[: len(labelled)]), -50, 50))
    return np.asarray(odds * len(labelled) / len(new))


def importance_weighted(score: ArrayLike, weights: ArrayLike) -> Weighted:
    """Self-normalised weighted mean of the labelled examples' scores.

    Args:
        score: ``(n,)`` score or loss per labelled example: 0 or 1 for accuracy.
        weights: ``(n,)`` density ratios, at least 0 and not all 0.

    Example:
        >>> importance_weighted([1, 1, 0, 0], [3, 1, 1, 1])
        Weighted(estimate=0.6666666666666666, effective_size=3.0)
    """
    w = checks.numbers(weights, "weights")
    s = checks.numbers(score, "score", len(w))
    if (w < 0).any() or w.sum() == 0:
        raise UsageError("weights must be at least 0 and not all 0.")
    return Weighted(float(w @ s / w.sum()), float(w.sum() ** 2 / (w @ w)))
