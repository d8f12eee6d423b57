"""Feature density: minus the logarithm of a mixture of Gaussians, one per class.

    -log p(x) = -log sum_c w_c N(x; m_c, S_c),      w_c the class's share of the training examples.

Unlike mahalanobis each class has its own covariance. Few examples do not determine one, so its
scatter W_c is drawn towards the covariance S within all classes as though k further examples had
shown exactly S, the same k for all classes:

    S_c = (W_c + k S) / (n_c - 1 + k).

How alike the classes' covariances are is for the data to say: k is the number under which left-out
examples are likeliest, found as in :mod:`gengap.detectors.tools.whitening`, in the coordinates in
which S is the identity. Discriminant analysis calls this regularised (J. H. Friedman, Regularized
discriminant analysis, JASA 84 (1989), 165-175). In regression there are no classes and one Gaussian
takes all.

Helps when classes differ in spread, and in regression, where most detectors cannot be used. Hurts
in many dimensions with few examples per class, and whenever features are far from Gaussian: the
density of rectified features, many exactly 0, is only a caricature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.moments import scatter
from gengap.detectors.tools.training import training_features
from gengap.detectors.tools.whitening import (
    FLOOR,
    FURTHER,
    LEFT_OUT,
    fit_whitening,
    left_out,
    spectrum,
    whiten,
)
from gengap.models.outputs import Outputs, features_of, labels_of

LEAST = 1e-6
SEVERAL = 4  # classes whose left-out examples choose k


@register_detector(
    "density",
    summary="minus log-density of the features under one Gaussian per class",
    paper=Paper(
        "Deep deterministic uncertainty: a new simple baseline",
        "Mukhoti, Kirsch, van Amersfoort, Torr, Gal",
        2023,
        "https://arxiv.org/abs/2102.11582",
    ),
    needs=("features", "labels"),
    cost="one product with a (d, d) matrix per class",
    tasks=("classification", "regression"),
)
@dataclass(frozen=True)
class Density(Detector):
    """Minus the log-density of a Gaussian mixture with one component per class."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Shares, means and shrunk covariances; labels that are not integers mean regression."""
        features, labels = training_features(train), labels_of(train)
        codes = torch.zeros_like(labels, dtype=torch.int64)
        if not labels.is_floating_point():
            codes = torch.unique(labels, return_inverse=True)[1]
        fitted = fit_whitening(features, codes)
        counts, order = torch.bincount(codes), codes.argsort()
        z = whiten(features[order], fitted)
        own = [
            rows.sub_(mean)
            for rows, mean in zip(z.split(counts.tolist()), fitted["means"], strict=True)
        ]
        # What never varies was given its variance there; what is left tells classes apart.
        varies = z.square().mean(0) > LEAST
        d, live = len(varies), varies.nonzero()[:, 0]
        if len(live) < d:
            own = [rows[:, live] for rows in own]
        scatters = [scatter(rows, rows.new_zeros(()), rows.new_ones(())) for rows in own]
        further = _further(own, scatters)
        whitened = torch.linalg.slogdet(fitted["matrix"].double()).logabsdet
        matrices = torch.eye(d).repeat(len(counts), 1, 1)
        constants = (counts / len(codes)).log().double() + whitened - d * math.log(2 * math.pi) / 2
        for c, values in enumerate(scatters):
            matrix, spread = _whitening(values, int(counts[c]) - 1, further)
            matrices[c][live[:, None], live] = matrix.float()
            constants[c] -= spread
        return fitted | {"matrices": matrices, "constants": constants.float()}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-density, in nats."""

        def minus_log_density(rows: Tensor) -> Tensor:
            z = whiten(rows, fitted)
            parts = [
                constant - ((z - mean) @ matrix).square_().sum(1) / 2
                for mean, matrix, constant in zip(
                    fitted["means"], fitted["matrices"], fitted["constants"], strict=True
                )
            ]
            return -torch.stack(parts, 1).logsumexp(1)

        return by_rows(minus_log_density, features_of(outputs))


def _further(own: list[Tensor], scatters: list[Tensor]) -> Tensor:
    """Number of further examples ``()`` under which those left out of their class are likeliest.

    Args:
        own: each class's whitened deviations ``(n_c, d)``.
        scatters: of each class, ``(d, d)``; a few of them show how alike they are.
    """
    several = range(0, len(own), -(-len(own) // SEVERAL))
    total = torch.zeros_like(FURTHER)
    step = 1 + sum(len(own[c]) for c in several) // LEFT_OUT
    for rows, whole in ((own[c], scatters[c]) for c in several):
        if len(rows) > 1:
            values, vectors = torch.linalg.eigh(whole)
            some = rows[::step] @ vectors.float()
            total += left_out(values, some, torch.full((len(some),), len(rows)), len(rows) - 1)
    return FURTHER[total.argmax()]


def _whitening(whole: Tensor, freedom: int, further: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix ``(d, d)`` that whitens a class, and the logarithm of its root determinant.

    Args:
        whole: the class's scatter ``(d, d)``.
        freedom: its examples less one.
        further: examples that the covariance of all classes counts for, ``()``.
    """
    covariance = whole / (freedom + further)
    covariance.diagonal().add_(further / (freedom + further) + FLOOR)
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed:
        unit = torch.eye(len(whole), dtype=whole.dtype)
        matrix = torch.linalg.solve_triangular(lower, unit, upper=False).T
        return matrix, lower.diagonal().log().sum()
    values, vectors = torch.linalg.eigh(whole)
    variances = spectrum(values, freedom, further)
    return vectors * variances.rsqrt(), variances.log().sum() / 2
