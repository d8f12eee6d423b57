"""Exact nearest neighbours by blocked matrix products: the one search of detectors and questions.

The nearest point r to a query q is the one with the largest q'r - ||r||²/2, a product if points
carry -||r||²/2 as one more coordinate and queries a 1. To find the k largest of a row of n
products without sorting it, cut the row into g = sqrt(n k) groups and take each group's maximum:
the k largest products lie in the k groups with the largest maxima, so only those are looked into.

In single precision the products round to about 1e-7 of the points' squared sizes, which would turn
a distance of 0 into 1e-4; so they only rank, and distances are taken by subtraction.
:func:`distance_to_kth`, which needs one number a query, looks at the 16 points ranked around the
k-th: it is off by that rounding only where more points than that tie with it. Local densities,
ranks and averages jump when a neighbour is exchanged for another, so :func:`nearest` multiplies in
double precision: the same row has the same neighbours in any batch.

Leaving ||q||²/2 out keeps the order right for a query far from all points, where it would drown
the rest. Memory is that of 32 MiB of products, however many the queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from gengap.detectors.tools.moments import blocks

PRODUCTS = 1 << 25  # bytes
SPARE = 8
TREE_TO = 6  # dimensions


def largest_products(queries: Tensor, bank: Tensor, k: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Each query's ``k`` largest products ``(b, k)``, descending, and their rows of ``bank``.

    Args:
        queries: ``(m, p)``; served in blocks of ``b``, in order.
        bank: ``(n, p)``, of the queries' type.
        k: at most ``n``.
    """
    n, p = bank.shape
    size = math.isqrt(n // k)
    groups = -(-n // size)
    block = max(1, min(PRODUCTS // (bank.element_size() * max(n, k * p)), len(queries)))
    products = torch.empty(block, size * groups, dtype=bank.dtype)
    products[:, n:] = -math.inf
    members = torch.arange(size) * groups
    for rows in queries.split(block):
        part = products[: len(rows)]
        torch.mm(rows, bank.T, out=part[:, :n])
        best = part.view(len(rows), size, groups).amax(1).topk(k, dim=1, sorted=False).indices
        candidates = (best[:, :, None] + members).flatten(1)
        values, chosen = part.gather(1, candidates).topk(k, dim=1)
        yield values, candidates.gather(1, chosen)


def bank_of(points: Tensor, change: Callable[[Tensor], Tensor] = lambda rows: rows) -> Tensor:
    """Points ``(n, d)`` with minus half their squared lengths as a last column, ``(n, d + 1)``.

    Args:
        points: ``(n, d)``.
        change: what is done to some thousand of them before, which makes no copy of all.
    """
    bank = points.new_empty(len(points), points.shape[1] + 1)
    for place, some in blocks(points):
        bank[place, :-1] = change(some)
        bank[place, -1] = bank[place, :-1].square().sum(1) / -2
    return bank


def distance_to_kth(queries: Tensor, bank: Tensor, k: int) -> Tensor:
    """Distance ``(m,)`` of each query ``(m, d)`` to its ``k``-th nearest point.

    Args:
        queries: ``(m, d)``.
        bank: ``(n, d + 1)`` from :func:`bank_of`.
        k: cut to the number of points.
    """
    ones = torch.nn.functional.pad(queries, (0, 1), value=1.0)
    k = min(k, len(bank))
    sure = max(k - SPARE, 0)  # so many are nearer than the k-th whatever the rounding
    start, distances = 0, [queries.new_empty(0)]
    for _, chosen in largest_products(ones, bank, min(k + SPARE, len(bank))):
        rows = queries[start : start + len(chosen)]
        apart = rows[:, None] - bank[chosen[:, sure:]][:, :, :-1]
        distances.append(apart.square_().sum(2).kthvalue(k - sure, dim=1).values.sqrt_())
        start += len(chosen)
    return torch.cat(distances)


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
    r, x = references.double(), queries.double()
    k = max(min(k, len(r) - themselves), 1)
    parts, start = [(x.new_empty(0, k), torch.empty(0, k, dtype=torch.int64))], 0
    for found in _ranked(x, r, min(k + themselves, len(r))):
        end = start + len(found)
        distance = (r[found] - x[start:end, None]).norm(dim=2)
        if themselves:
            distance[found == torch.arange(start, end)[:, None]] = torch.inf
        distance, rank = distance.sort(stable=True)
        parts.append((distance[:, :k], found.gather(1, rank[:, :k])))
        start = end
    distances, rows = zip(*parts, strict=True)
    return torch.cat(distances), torch.cat(rows)


def _ranked(queries: Tensor, points: Tensor, k: int) -> Iterator[Tensor]:
    """Rows ``(b, k)`` of the points nearest to each query, block by block."""
    if points.shape[1] <= TREE_TO:
        # In so few dimensions a tree passes over nearly all points.
        tree = KDTree(points.numpy())
        for some in queries.split(max(1, PRODUCTS // (64 * k))):
            yield torch.from_numpy(tree.query(some.numpy(), np.arange(1, k + 1))[1])
        return
    ones = torch.nn.functional.pad(queries, (0, 1), value=1.0)
    for _, rows in largest_products(ones, bank_of(points), k):
        yield rows


def directions(rows: Tensor) -> Tensor:
    """Rows ``(n, d)`` scaled to length 1; zero rows stay zero, huge ones do not overflow."""
    largest = torch.finfo(rows.dtype).max
    rows = rows.clamp(-largest, largest)
    rows = rows / rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)
    return torch.nn.functional.normalize(rows, dim=1)
