"""New rows are clipped far outside the training examples, so that their squares stay finite."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.moments import largest

REACH = 1e4


def reach(features: Tensor) -> Tensor:
    """The largest deviation that is still told apart, ``()``: 10,000 times the largest feature."""
    most = largest(features)
    return (REACH * most if most > 0 else torch.full_like(most, REACH)).clamp(max=1e30)


def deviations(rows: Tensor, fitted: Fitted, prefix: str = "") -> Tensor:
    """Rows less the mean, clipped so that their squares are finite; ``(n, d)``.

    Args:
        rows: ``(n, d)`` features of any size.
        fitted: ``mean (d,)`` and ``limit ()``, see :func:`reach`, under these names.
        prefix: of the names.
    """
    limit = float(fitted[prefix + "limit"])
    return (rows - fitted[prefix + "mean"]).clamp_(-limit, limit)
