"""Training examples kept as references, and how fast what is known of them changes between them."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.base.seeds import generator
from gengap.detectors.base import Fitted

REFERENCES = 10_000


def reference_rows(n: int, seed: int, most: int = REFERENCES) -> Tensor:
    """Rows of at most ``most`` of ``n`` training examples, drawn at random and in order.

    Args:
        n: training examples.
        seed: of the draw; none is needed, and none made, up to ``most``.
        most: references to keep: time and the saved guard grow with them.
    """
    if n <= most:
        return torch.arange(n)
    drawn = generator(seed, "detector references").choice(n, most, replace=False)
    return torch.from_numpy(drawn).sort().values


def change(values: Tensor, distances: Tensor, rows: Tensor) -> Fitted:
    """How fast ``values (n,)`` change between references and their neighbours, from what distance.

    Returns:
        ``slope``, the mean difference of neighbours' values over their mean distance, and
        ``usual``, the references' median of the mean distance to their neighbours.
    """
    apart = (values.double()[rows] - values.double()[:, None]).abs().mean()
    slope = torch.where(distances.mean() > 0, apart / distances.mean(), 0)
    return {"slope": slope, "usual": distances.mean(1).median()}


def changed(distances: Tensor, known: Fitted) -> Tensor:
    """Change to expect ``(m,)`` at queries whose neighbours are ``distances (m, k)`` away."""
    return known["slope"] * (distances.mean(1) - known["usual"]).clamp(min=0)
