"""Training examples kept as references, and which of them lie nearest, in double precision.

With ``|x - r|^2 / 2 = |x|^2 / 2 + (|r|^2 / 2 - x.r)`` only the bracket orders the references of
one query, and it needs one matrix product. Leaving ``|x|^2`` out keeps the order right for a
query far from all references, where it would drown the rest. The distances of the few neighbours
are then taken by subtraction.

Local densities, ranks and averages jump when a neighbour is exchanged for another, so the products
are in float64: the same row has the same neighbours in any batch. Where only the distance to the
k-th neighbour counts, ``neighbours`` is faster.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.base.seeds import generator
from gengap.detectors.base import Fitted

REFERENCES = 10_000
PRODUCTS = 2**22  # held at a time: 32 MiB


def reference_rows(n: int, seed: int, most: int = REFERENCES) -> Tensor:
    """Rows of at most ``most`` of ``n`` training examples, drawn at random and in order."""
    if n <= most:
        return torch.arange(n)
    drawn = generator(seed, "detector references").choice(n, most, replace=False)
    return torch.from_numpy(drawn).sort().values


def nearest(
    references: Tensor, queries: Tensor, k: int, *, themselves: bool = False
) -> tuple[Tensor, Tensor]:
    """Euclidean distances ``(m, k)``, ascending and float64, and rows ``(m, k)`` of neighbours.

    Args:
        references: ``(n, d)`` finite features.
        queries: ``(m, d)`` finite features.
        k: neighbours; all where there are fewer.
        themselves: the queries are the references, and no example is its own neighbour.
    """
    r = references.double()
    k = max(min(k, len(r) - themselves), 1)
    half_squares = r.square().sum(1) / 2
    block = max(PRODUCTS // max(len(r), k * r.shape[1], 1), 1)
    distances, rows = [], []
    for start in range(0, max(len(queries), 1), block):
        x = queries[start : start + block].double()
        order = torch.addmm(half_squares, x, r.T, alpha=-1)
        if themselves:
            own = torch.arange(len(x))
            order[own, own + start] = torch.inf
        found = order.topk(k, largest=False, sorted=False).indices
        distance, rank = (r[found] - x[:, None]).norm(dim=2).sort(stable=True)
        distances.append(distance)
        rows.append(found.gather(1, rank))
    return torch.cat(distances), torch.cat(rows)


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
