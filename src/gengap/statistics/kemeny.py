"""Kemeny's order: the one that contradicts the fewest pairwise comparisons.

Let ``wins[i, j]`` count the environments in which method ``i`` scores above ``j``, ties as a half
each. An order agrees with ``sum of wins[i, j] over i placed before j`` comparisons; Kemeny's order
agrees with the most. It is the maximum likelihood order when each comparison is wrong with the same
chance below one half (H. P. Young, Condorcet's theory of voting, American Political Science Review
82 (1988), 1231-1244; J. G. Kemeny, Mathematics without numbers, Daedalus 88 (1959), 577-591).

*Exactly.* The best way to place a set ``T`` first does not depend on how the rest is ordered, so

    best(T) = max over i in T of  best(T without i) + sum of wins[i, j] over j outside T

finds it over all ``2^M`` sets. The same recursion from the other end gives every set that lies on
some best order, and the number of best orders through it. Where several orders are best, a method's
position is its mean over all of them, so methods the data cannot tell apart share a position.

*Larger tables* fall apart: where every method of one group beats every method of another by strict
majority, each best order has the first group before the second (M. Truchon, An extension of the
Condorcet criterion and Kemeny orders, Universite Laval 1998). Only groups held together by cycles
or ties need a search; those of more than ``EXACT_TO`` methods get a local one, which is not certain
to find the best order and says so through ``exact``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csgraph

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

EXACT_TO = 16
"""Largest group of methods, held together by cycles or ties, whose best orders are all found."""

RESTARTS = 20


@dataclass(frozen=True, eq=False)
class KemenyOrder:
    """The order that contradicts the fewest comparisons.

    Attributes:
        positions: ``(M,)`` 1 for the first method; the mean over all best orders where exact.
        order: ``(M,)`` one best order, methods from first to last.
        disagreement: comparisons which that order contradicts, ties as a half each.
        best_orders: how many orders do equally well; NaN where not exact.
        exact: whether no order can do better.
    """

    positions: np.ndarray
    order: tuple[int, ...]
    disagreement: float
    best_orders: float
    exact: bool


def kemeny(wins: ArrayLike, *, seed: int = 0) -> KemenyOrder:
    """Kemeny's order of ``M`` methods.

    Args:
        wins: ``(M, M)`` how often the row's method beat the column's, ties as a half each.
        seed: of the local search, used only for groups of more than ``EXACT_TO`` methods.

    Raises:
        UsageError: not a square table of finite counts.

    Example:
        >>> kemeny([[0, 2, 1], [1, 0, 3], [2, 0, 0]]).order
        (0, 1, 2)
    """
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not np.isfinite(table).all():
        raise UsageError("wins must be a square table of finite counts, one row per method.")
    table = table * (1 - np.eye(len(table)))
    positions, order, best_orders = np.zeros(len(table)), list[int](), 1.0
    for group in _majority_groups(table):
        inside = table[np.ix_(group, group)]
        if len(group) <= EXACT_TO:
            place, number = best_positions(inside)
            best, best_orders = _one_best_order(inside), best_orders * float(number)
        else:
            best, best_orders = _local_search(inside, seed), math.nan
            place = np.argsort(best) + 1.0
        positions[group] = len(order) + place
        order.extend(int(group[k]) for k in best)
    lost = float(np.triu(table.T[np.ix_(order, order)]).sum())
    return KemenyOrder(positions, tuple(order), lost, best_orders, not math.isnan(best_orders))


def best_positions(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean positions ``(..., M)`` over all best orders, and their number ``(...)``.

    Args:
        wins: ``(..., M, M)`` tables of at most ``EXACT_TO`` methods; memory grows as ``M 2^M``.
    """
    M = wins.shape[-1]
    gain, before, levels = _gains(wins)
    best, paths = _sweep(gain, before, levels)
    rest, onward = _sweep_back(gain, before, levels)
    total = best[..., -1]
    # A step from T without i to T lies on a best order when both ends reach the optimum.
    optimal = best[..., before] + gain + rest[..., :, None] == total[..., None, None]
    through = np.where(optimal, paths[..., before] * onward[..., :, None], 0.0)
    sizes = _members(M).sum(axis=1)
    return np.einsum("...ti,t->...i", through, sizes) / paths[..., -1:], paths[..., -1]


def _members(M: int) -> np.ndarray:
    """``(2^M, M)`` whether set ``t`` holds method ``i``."""
    return (np.arange(2**M)[:, None] >> np.arange(M)) & 1 == 1


def _gains(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Per set and last method the comparisons won, the set without it, and the sets by size."""
    members = _members(wins.shape[-1])
    gain = (~members).astype(np.float64) @ np.swapaxes(wins, -1, -2)
    gain = np.where(members, gain, -np.inf)
    before = np.arange(len(members))[:, None] & ~(1 << np.arange(wins.shape[-1]))
    sizes = members.sum(axis=1)
    return gain, before, [np.flatnonzero(sizes == k) for k in range(wins.shape[-1] + 1)]


def _sweep(
    gain: np.ndarray, before: np.ndarray, levels: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """``(..., 2^M)``: most comparisons won by placing each set first, and in how many ways."""
    best = np.zeros(gain.shape[:-1])
    paths = np.ones(gain.shape[:-1])
    for sets in levels[1:]:
        values = best[..., before[sets]] + gain[..., sets, :]
        top = values.max(axis=-1)
        best[..., sets] = top
        paths[..., sets] = np.sum((values == top[..., None]) * paths[..., before[sets]], axis=-1)
    return best, paths


def _sweep_back(
    gain: np.ndarray, before: np.ndarray, levels: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """``(..., 2^M)``: most comparisons won by what is placed after each set, and the ways."""
    M = gain.shape[-1]
    rest = np.zeros(gain.shape[:-1])
    onward = np.ones(gain.shape[:-1])
    methods = np.arange(M)
    for sets in reversed(levels[:-1]):
        after = sets[:, None] | (1 << methods)
        values = rest[..., after] + gain[..., after, methods]
        values = np.where(after == sets[:, None], -np.inf, values)
        top = values.max(axis=-1)
        rest[..., sets] = top
        onward[..., sets] = np.sum((values == top[..., None]) * onward[..., after], axis=-1)
    return rest, onward


def _one_best_order(wins: np.ndarray) -> list[int]:
    """The best order found by walking back from the full set, lower index last in a tie."""
    gain, before, levels = _gains(wins)
    best, _ = _sweep(gain, before, levels)
    placed, order = len(best) - 1, list[int]()
    while placed:
        values = best[before[placed]] + gain[placed]
        last = len(values) - 1 - int(np.argmax(values[::-1]))
        order.append(last)
        placed = int(before[placed, last])
    return order[::-1]


def _majority_groups(wins: np.ndarray) -> list[np.ndarray]:
    """Groups of methods, first to last, each beating every later group by strict majority."""
    _, label = csgraph.connected_components(wins >= wins.T, connection="strong")
    groups = [np.flatnonzero(label == k) for k in range(int(label.max()) + 1)]
    first = np.array([group[0] for group in groups])
    beaten = np.sum(wins[np.ix_(first, first)] > wins.T[np.ix_(first, first)], axis=1)
    return [groups[k] for k in np.argsort(-beaten)]


def _local_search(wins: np.ndarray, seed: int) -> list[int]:
    """The best of several descents by insertion: one from the order of wins, others from chance."""
    starts = [np.argsort(-wins.sum(axis=1), kind="stable")]
    rng = generator(seed, "kemeny")
    starts += [rng.permutation(len(wins)) for _ in range(RESTARTS)]
    orders = [_insertions(wins, start) for start in starts]
    return max(orders, key=lambda order: np.triu(wins[np.ix_(order, order)]).sum())


def _insertions(wins: np.ndarray, start: np.ndarray) -> list[int]:
    """Move one method at a time to where it helps most, until no move helps."""
    order = [int(k) for k in start]
    place = np.arange(len(order))
    while True:
        margin = (wins - wins.T)[np.ix_(order, order)]
        passed = np.pad(np.cumsum(margin, axis=1), ((0, 0), (1, 0)))
        own = passed[place, place][:, None]
        # Up to q, the method passes q..p-1 and wins those; down to q, it loses p+1..q.
        gain = np.where(place < place[:, None], own - passed[:, :-1], own - passed[:, 1:])
        here, there = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[here, there] <= 1e-9:
            return order
        order.insert(int(there), order.pop(int(here)))
