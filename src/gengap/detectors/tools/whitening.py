"""Covariances that can be inverted, and the coordinates in which they are the identity.

A detector that measures distance in standard deviations needs the inverse of a covariance, which
fails when features outnumber examples and explodes along directions that hardly vary. So the
scatter W of n examples about the means of C classes is drawn towards a target T, as though k
further examples had shown exactly T:

    S = (W + k T) / (n - C + k).

T is the diagonal of the covariance, in each feature's own unit: towards one variance for all, what
varies least would be drowned, and the distance would depend on the units of the features. k is the
number under which left-out examples are likeliest. An example x leaves W and its class's mean as
x - m comes in, with c = x - m, its class's size n_c and g = n_c / (n_c - 1)

    W' = W - g c c',   x - m' = g c,

so with A = (W + k T) / (n - C - 1 + k), b = g / (n - C - 1 + k) and h = c' A⁻¹ c its log-density is

    - 1/2 ( log |A| + log(1 - b h) + g² h / (1 - b h) ) + constant,

which the eigenvalues of W in the unit of T give for all k at once. Ledoit and Wolf's covariance is
instead the nearest in squared error, which the largest eigenvalues decide, and the distance the
smallest.

With S = U V diag(v) V' U, U the units, the row z = (x - mean) U⁻¹ V diag(v)^(-1/2) has ||z||² equal
to the squared Mahalanobis distance, so one matrix product serves all classes.

Source: J. P. Hoffbeck & D. A. Landgrebe, Covariance matrix estimation and classification with
limited training data, IEEE Transactions on Pattern Analysis and Machine Intelligence 18 (1996),
763-767.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.clipping import deviations, reach
from gengap.detectors.tools.moments import class_means, column_means, scatter

FLOOR = 1e-6  # of a feature's size: below it float32 features are rounding
LEFT_OUT = 1000
FURTHER = torch.logspace(-3, 6, 19, dtype=torch.float64)  # k


def fit_whitening(features: Tensor, codes: Tensor) -> Fitted:
    """Fit what :func:`whiten` reads: ``mean (d,)``, ``matrix (d, d)`` and ``limit ()``.

    Also the whitened ``means (C, d)`` of the classes.

    Args:
        features: ``(n, d)`` float32.
        codes: ``(n,)`` class codes, all below C present.
    """
    limit, mean = reach(features), column_means(features)
    size = limit.clamp(min=1e-30)
    apart = class_means(features, codes, mean)
    means, counts = mean + apart, torch.bincount(codes)
    freedom = len(codes) - len(counts)
    within = scatter(features, means, size, codes)
    unit = units(within.diagonal() / max(freedom, 1), (means / size).square().mean(0))
    values, vectors = torch.linalg.eigh(within / unit / unit[:, None])
    live = values > 1e-10 * values.mean()
    some = slice(None, None, 1 + len(codes) // LEFT_OUT)
    own = codes[some]
    rows = (features[some] - means[own]) @ (vectors[:, live] / (unit * size)[:, None]).float()
    likely = left_out(values[live], rows, counts[own], freedom)
    further = FURTHER[likely.argmax()]
    matrix = (vectors * spectrum(values, freedom, further).rsqrt() / (unit * size)[:, None]).float()
    return {
        "mean": mean,
        "matrix": matrix.contiguous(),
        "limit": limit,
        "means": apart @ matrix,
    }


def units(variance: Tensor, size: Tensor) -> Tensor:
    """Each feature's standard deviation ``(d,)``, in double precision.

    Where it is rounding, 0 among others, that of the other features stands in.

    Args:
        variance: ``(d,)``, within classes.
        size: ``(d,)``, mean square of the class means.
    """
    variance = variance.clamp_min(0)
    varies = variance > FLOOR**2 * (size + variance)
    typical = variance[varies].mean() if varies.any() else variance.new_ones(())
    return torch.where(varies, variance, typical).sqrt()


def spectrum(values: Tensor, freedom: int, further: Tensor) -> Tensor:
    """Eigenvalues ``(d,)`` of the covariance, in squared units of its target.

    Args:
        values: ``(d,)`` of the scatter.
        freedom: examples less means taken.
        further: examples that the target counts for, ``()``.
    """
    return ((values.clamp_min(0) + further) / (freedom + further)).clamp_min(FLOOR)


def left_out(values: Tensor, apart: Tensor, counts: Tensor, freedom: int) -> Tensor:
    """Log-density of left-out examples, summed, for each number ``FURTHER``; ``(19,)``.

    Args:
        values: ``(r,)`` eigenvalues of the scatter that are not 0.
        apart: ``(m, r)`` deviations from their classes' means along the eigenvectors.
        counts: ``(m,)`` sizes of the classes; what is alone in its class has no density left out.
        freedom: examples less means taken.
    """
    several = counts > 1
    size = counts[several, None].double()
    grown = size / (size - 1)
    shown = freedom - 1 + FURTHER
    remaining = (values + FURTHER[:, None]) / shown[:, None]
    squares = apart[several].double().square() @ (1 / remaining).T
    left = (1 - grown * squares / shown).clamp_min(1e-9)
    each = left.log() + grown.square() * squares / left
    return -(len(each) * remaining.log().sum(1) + each.sum(0)) / 2


def whiten(rows: Tensor, fitted: Fitted) -> Tensor:
    """Coordinates ``(n, d)`` in which the fitted covariance is the identity.

    Args:
        rows: ``(n, d)`` features, in the unit they were fitted in.
        fitted: from :func:`fit_whitening`.
    """
    return deviations(rows, fitted) @ fitted["matrix"]


def nearest_squared(rows: Tensor, points: Tensor) -> Tensor:
    """Squared distance ``(n,)`` of each row ``(n, d)`` to the nearest of the points ``(C, d)``.

    The products only say which point is nearest; its distance is taken by subtraction, since
    ||z||² - 2 z'm + ||m||² would lose the digits of small distances between far points.
    """
    nearest = torch.addmm(points.square().sum(1) / -2, rows, points.T).argmax(1)
    return (rows - points[nearest]).square_().sum(1)
