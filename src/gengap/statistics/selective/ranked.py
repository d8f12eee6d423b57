"""Examples sorted by strangeness, and what their running sums of loss say, for many weightings.

A resample is a weight per example, so that one sort serves all of them. Tied examples are summed
into groups; between groups the sum of losses is a straight line, which is its mean over all orders
of the ties. The formulas are in :mod:`gengap.statistics.selective.risk_coverage`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gengap.statistics.selective import checks


class Ranked(NamedTuple):
    """Examples from least to most strange.

    Attributes:
        loss: ``(n,)`` their losses.
        starts: ``(G,)`` where groups of equal strangeness begin.
        oracle: ``(n,)`` the order by the loss itself.
        oracle_starts: where groups of equal loss begin in that order.
        unit: ``(n,)`` environment codes, None without environments.
    """

    loss: np.ndarray
    starts: np.ndarray
    oracle: np.ndarray
    oracle_starts: np.ndarray
    unit: np.ndarray | None


def ranked(loss: ArrayLike, strangeness: ArrayLike, environment: ArrayLike | None = None) -> Ranked:
    """Check and sort ``(n,)`` losses, strangeness and environment labels."""
    losses = checks.numbers(loss, "loss")
    stranger = checks.numbers(strangeness, "strangeness", len(losses), infinite=True)
    order = np.argsort(stranger, kind="stable")
    sorted_loss = losses[order]
    oracle = np.argsort(sorted_loss, kind="stable")
    unit = None
    if environment is not None:
        unit = checks.codes(environment, len(losses))[1][order]
    return Ranked(sorted_loss, _starts(stranger[order]), oracle, _starts(sorted_loss[oracle]), unit)


def _starts(ascending: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))


def cumulative(
    table: Ranked, weights: np.ndarray, oracle: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Weight and weighted loss ``(B, G + 1)`` of the first 0 .. G tie groups."""
    order, starts = (table.oracle, table.oracle_starts) if oracle else (slice(None), table.starts)
    weight, loss = weights[:, order], table.loss[order]

    def summed(values: np.ndarray) -> np.ndarray:
        tied = len(starts) < len(loss)
        groups = np.add.reduceat(values, starts, axis=1) if tied else values
        sums = np.zeros((len(values), len(starts) + 1))
        np.cumsum(groups, axis=1, out=sums[:, 1:])
        return sums

    return summed(weight), summed(weight * loss)


def aurc_of(mass: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """AURC ``(B,)``: in a group of mean ``m`` the terms are ``m + (C0 - W0 m) / (W0 + j)``."""
    total = mass[:, -1]
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int(total.max()) + 1)))[mass.astype(int)]
    weight, loss = np.diff(mass), np.diff(cost)
    mean = loss / np.maximum(weight, 1)
    excess = (cost[:, :-1] - mean * mass[:, :-1]) * np.diff(harmonic)
    return (loss + np.where(weight > 0, excess, 0.0)).sum(axis=1) / total


def generalised_of(mass: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Generalised area ``(B,)`` by trapezoids, exact as the curve is straight within groups."""
    return np.sum(np.diff(mass) * (cost[:, 1:] + cost[:, :-1]), axis=1) / (2 * mass[:, -1] ** 2)
