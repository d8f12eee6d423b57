"""Relative Mahalanobis distance: further from every class than from the data as a whole.

Most directions of a feature space carry no class information, and there every class is as near or
as far as every other. Their share of the squared Mahalanobis distance M_c is noise that hides
strangers close to the known classes. A background Gaussian, fitted to all examples at once, has the
same share, so the log-density ratio of class and background is free of it:

    min_c M_c(x) - M_0(x),      M_0(x) = (x - m)' S_0⁻¹ (x - m),

with m and S_0 the mean and covariance of all training examples. Those follow from the classes:
S_0 = S + B, with S the covariance within classes and B that of the class means. Let z be the
features whitened by S, so S_0 becomes I + B, and b_j the variances of the class means along their
principal axes, of which at most C - 1 are not 0. With coordinates u_j along those axes

    M_0 = ||z||² - sum_j u_j² b_j / (1 + b_j),      so

    min_c M_c - M_0 = min_c ||u - u_c||² - sum_j u_j² / (1 + b_j):

what the two distances share is gone exactly, and only the directions in which classes differ are
looked at. The cancellation rests on S_0 - S = B. Where examples are few and covariances are drawn
towards something simpler, S must be drawn and B added, as here; drawn each by its own amount, what
is left of the common directions drowns the rest.

Helps where mahalanobis fails: strangers near the known classes. Hurts for strangers far out along
directions common to all classes, which are forgiven by the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.discriminants import fit_discriminants
from gengap.detectors.tools.whitening import nearest_squared, whiten
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "relative-mahalanobis",
    summary="distance to the nearest class mean less the distance to the data as a whole",
    paper=Paper(
        "A simple fix to Mahalanobis distance for improving near-OOD detection",
        "Ren, Fort, Liu, Roy, Padhy, Lakshminarayanan",
        2021,
        "https://arxiv.org/abs/2106.09022",
    ),
    needs=("features", "labels"),
    cost="one product with a (d, C) matrix",
)
@dataclass(frozen=True)
class RelativeMahalanobis(Detector):
    """Squared Mahalanobis distance to the nearest class less that to the background."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Class means in the directions in which they differ, and their spread along each."""
        fitted, between = fit_discriminants(train)
        fitted["matrix"] = fitted["matrix"][:, : len(between)].contiguous()
        return fitted | {"background": (1 + between).rsqrt().float()}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Difference of squared distances; negative for typical examples."""

        def difference(rows: Tensor) -> Tensor:
            u = whiten(rows, fitted)
            nearest = nearest_squared(u, fitted["means"])
            return nearest - (u * fitted["background"]).square_().sum(1)

        return by_rows(difference, features_of(outputs))
