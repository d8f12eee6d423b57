"""Random overlays: what is seen, with a picture that has nothing to do with it laid over it.

    x' = (1 - α) x + α ε,

with ``ε`` a smooth field of colours drawn for each example (N. Hansen & X. Wang, arXiv 2011.13389,
lay photographs over; a smooth field is a photograph out of focus). Inputs are prepared, so that
``ε`` of mean 0 and variance 1 is of their own scale. Inputs that are no pictures get a number each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gengap.base.hyperparameters import hyperparameter
from gengap.methods.batch import along_runs

PATCHES = 5  # colours drawn along each side of a picture


def overlay_share(default: float = 0.5) -> Any:
    """The hyperparameter ``α``."""
    return hyperparameter(default, 0.2, 0.8, limit=1, help="share of the overlay in what is seen")


@torch.no_grad()
def overlaid(x: Tensor, generators: Sequence[np.random.Generator], share: Tensor | float) -> Tensor:
    """Inputs ``(R, n, *shape)`` under overlays.

    Args:
        generators: one of each run.
        share: ``α``, one number or one of each run.
    """
    over = torch.stack([_fields(draw, x.shape[1:]) for draw in generators]).to(x)
    part = along_runs(share, x)
    return x + part * (over - x)


def _fields(draw: np.random.Generator, shape: Sequence[int]) -> Tensor:
    """``(n, *shape)``; of pictures ``(n, c, h, w)`` smooth."""
    if len(shape) != 4:
        return torch.from_numpy(draw.standard_normal(tuple(shape), np.float32))
    coarse = draw.standard_normal((*shape[:2], PATCHES, PATCHES), np.float32)
    size = [int(side) for side in shape[2:]]
    return functional.interpolate(torch.from_numpy(coarse), size=size, mode="bilinear")
