"""How far out in its tails each feature of an example lies among those of training examples.

The share of training examples at or below a value, the example itself counted,

    F(x) = (1 + #{i : x_i <= x}) / (n + 1),      G(x) = (1 + #{i : x_i >= x}) / (n + 1),

and -log F and -log G are large in the lower and in the upper tail.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.detectors.base import Fitted
from gengap.detectors.tools.references import reference_rows


def fit_tails(features: Tensor, seed: int) -> Fitted:
    """``sorted (d, n)``: each feature's values in order, of at most 10,000 examples."""
    kept = features[reference_rows(len(features), seed)]
    return {"sorted": kept.T.contiguous().sort(1).values}


def tails(fitted: Fitted, rows: Tensor) -> tuple[Tensor, Tensor]:
    """-log F and -log G ``(m, d)`` of rows ``(m, d)``."""
    known, values = fitted["sorted"], rows.T.contiguous()
    n = known.shape[1]
    below = torch.searchsorted(known, values, right=True)
    above = n - torch.searchsorted(known, values)
    lower, upper = (-torch.log((1 + count) / (n + 1)).T for count in (below, above))
    return lower, upper
