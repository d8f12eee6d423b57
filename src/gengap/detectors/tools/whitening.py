"""Covariances that can be inverted, and the coordinates in which they are the identity.

A detector that measures distance in standard deviations needs the inverse of a covariance S, which
fails when features outnumber examples and explodes along directions that hardly vary. Two remedies:

1. Shrinkage, S* = (1 - s) S + s m I with m = trace(S) / d. The s that minimises the expected
   squared error is estimated by b² / a², with a² = ||S - m I||² and b² the smaller of a² and
   sum_i ||x_i x_i' - S||² / n².
2. A floor for the eigenvalues, a millionth of their mean: below it float32 features are rounding.

With S* = V diag(v) V' the whitened row z = (x - mean) V diag(v)^(-1/2) has ||z||² equal to the
squared Mahalanobis distance, so one matrix product serves all classes.

Source: O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
Journal of Multivariate Analysis 88 (2004), 365-411.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.clipping import deviations, reach

FLOOR = 1e-6


def shrunk_covariance(centred: Tensor) -> Tensor:
    """Ledoit and Wolf's covariance ``(d, d)`` of rows ``(n, d)`` whose mean is zero."""
    n, d = centred.shape
    size = centred.abs().amax().clamp_min(torch.finfo(centred.dtype).tiny)
    rows = centred / size  # fourth powers must not overflow
    covariance = rows.T @ rows / n
    mean = covariance.diagonal().mean()
    target = mean * torch.eye(d, dtype=rows.dtype)
    spread = (covariance - target).square().sum()
    fourth = rows.square().sum(1).square().sum() / n
    noise = ((fourth - covariance.square().sum()) / n).clamp(min=0).minimum(spread)
    share = noise / spread if spread > 0 else noise.new_zeros(())
    return ((1 - share) * covariance + share * target) * size**2


def inverse_root(covariance: Tensor, typical: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix ``(d, d)`` that whitens, and the logarithm of the covariance's determinant ``()``.

    Args:
        covariance: ``(d, d)``.
        typical: mean square of the features, ``()``: their rounding errors are a millionth of its
            root. Where it is 0 too, the unit stands in.
    """
    values, vectors = torch.linalg.eigh(covariance)
    floor = torch.maximum(FLOOR * values.mean(), FLOOR**2 * typical)
    values = values.clamp_min(float(floor) if floor > 0 else 1.0)
    return vectors * values.rsqrt(), values.log().sum()


def fit_whitening(features: Tensor, centred: Tensor, prefix: str = "") -> Fitted:
    """Fit what :func:`whiten` reads: ``mean (d,)``, ``matrix (d, d)`` and ``limit ()``.

    Args:
        features: ``(n, d)`` in double precision.
        centred: ``(n, d)`` deviations whose covariance is whitened.
        prefix: of the names.
    """
    matrix, _ = inverse_root(shrunk_covariance(centred), features.square().mean())
    parts = {"mean": features.mean(0), "matrix": matrix, "limit": reach(features)}
    return {prefix + name: value.float().contiguous() for name, value in parts.items()}


def whiten(rows: Tensor, fitted: Fitted, prefix: str = "") -> Tensor:
    """Coordinates ``(n, d)`` in which the fitted covariance is the identity.

    Args:
        rows: ``(n, d)`` features, in the unit they were fitted in.
        fitted: from :func:`fit_whitening`.
        prefix: of the names.
    """
    return deviations(rows, fitted, prefix) @ fitted[prefix + "matrix"]


def nearest_squared(rows: Tensor, points: Tensor) -> Tensor:
    """Squared distance ``(n,)`` of each row ``(n, d)`` to the nearest of the points ``(C, d)``.

    The products only say which point is nearest; its distance is taken by subtraction, since
    ||z||² - 2 z'm + ||m||² would lose the digits of small distances between far points.
    """
    nearest = torch.addmm(points.square().sum(1) / -2, rows, points.T).argmax(1)
    return (rows - points[nearest]).square_().sum(1)
