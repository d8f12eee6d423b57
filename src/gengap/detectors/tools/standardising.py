"""Features in training standard deviations, whatever their units."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.moments import column_means

FARTHEST = 1e6


def fit_standardising(features: Tensor) -> Fitted:
    """``mean (d,)`` and ``spread (d,)`` of features ``(n, d)``.

    A feature that never varies is divided by its size instead.
    """
    mean, most = column_means(features), features.abs().amax(0)
    unit = torch.where(most > 0, most, 1)
    squares = column_means(features, lambda rows: ((rows - mean) / unit).square())
    spread = unit * torch.where(squares.sqrt() > 1e-6, squares.sqrt(), 1)
    return {"mean": mean, "spread": spread}


def standardised(rows: Tensor, fitted: Fitted) -> Tensor:
    """Features ``(n, d)`` in standard deviations, at most a million of them."""
    return ((rows - fitted["mean"]) / fitted["spread"]).clamp_(-FARTHEST, FARTHEST)
