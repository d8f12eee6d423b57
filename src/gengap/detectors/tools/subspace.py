"""The principal subspace of features about a centre, and how far from it a row lies."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.clipping import deviations, reach
from gengap.detectors.tools.moments import scatter


def fit_residual_space(features: Tensor, centre: Tensor, explained: float) -> Fitted:
    """Fit what :func:`residuals` reads.

    The principal subspace has the fewest dimensions that hold the share ``explained`` of the mean
    squared distance from the centre; one dimension at least is left to the residual.

    Args:
        features: ``(n, d)`` float32.
        centre: ``(d,)``.
        explained: a share.

    Returns:
        ``mean (d,)``, the centre; ``residual (d, r)``, orthonormal directions off the principal
        subspace; ``limit ()``.
    """
    limit = torch.maximum(reach(features), reach(centre.float()))
    size = limit.clamp(min=1e-30)
    values, vectors = torch.linalg.eigh(scatter(features, centre.float(), size))
    left_over = values.clamp_min(0).cumsum(0)  # ascending: of the residual space, as it grows
    residual = int((left_over <= (1 - explained) * left_over[-1]).sum())
    return {
        "mean": centre.float(),
        "residual": vectors[:, : max(residual, 1)].float().contiguous(),
        "limit": limit,
    }


def residuals(rows: Tensor, fitted: Fitted) -> Tensor:
    """Distance ``(n,)`` of rows ``(n, d)`` from the principal subspace."""
    return (deviations(rows, fitted) @ fitted["residual"]).norm(dim=1)
