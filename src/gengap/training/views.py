"""Another view of an input: changed in a way that leaves what it is.

A table's row gets some of its entries from other rows of the same run (SCARF's corruption, Bahri
et al. 2022, arXiv:2106.15147), so every entry stays a value its column takes. Signals and images
are moved by up to an eighth of their length along each axis, zeros filling in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

SWAPPED = 0.2  # share of a row's entries that come from other rows
FARTHEST = 8  # an image moves by at most its length over this


def another_view(x: Tensor, generators: Sequence[np.random.Generator], axes: int) -> Tensor:
    """Perturb prepared inputs ``(R, ..., *shape)``, each run by its own generator.

    Args:
        axes: of one example: 1 for a table's row ``(d,)``, 2 for a signal ``(c, length)``, 3 for
            an image ``(c, h, w)``.
    """
    shape = x.shape[x.dim() - axes :]
    rows = x.reshape(len(x), -1, *shape)
    seen = swapped(rows, generators) if axes == 1 else moved(rows, generators)
    return seen.view(x.shape)


def swapped(rows: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
    """Rows ``(R, n, d)`` with a share of their entries from other rows of the run."""
    size = rows.shape[1:]
    chosen = np.stack([g.random(size) < SWAPPED for g in generators])
    donors = np.stack([g.integers(size[0], size=size) for g in generators])
    others = rows.gather(1, torch.from_numpy(donors).to(rows.device))
    return torch.where(torch.from_numpy(chosen).to(rows.device), others, rows)


def moved(rows: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
    """Signals or images ``(R, n, c, ...)``, each moved along every axis after its channels."""
    for axis in range(3, rows.dim()):
        length = rows.shape[axis]
        most = length // FARTHEST
        by = np.stack([g.integers(-most, most + 1, size=rows.shape[1]) for g in generators])
        across = [1] * rows.dim()
        across[axis] = length
        places = torch.arange(length).view(across) - torch.from_numpy(by).view(
            *by.shape, *(1,) * (rows.dim() - 2)
        )
        places = places.to(rows.device)
        inside = (places >= 0) & (places < length)
        rows = torch.take_along_dim(rows, places.clamp(0, length - 1), axis).where(inside, 0.0)
    return rows
