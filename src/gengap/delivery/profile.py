"""What columns hold in each training environment, in few numbers; have new rows moved beyond them?

Kept of each column of the encoded matrix are ten bins, between the deciles of rows kept apart from
training, how many rows of each environment fall into each, and their mean: no row. A batch is
counted into the same bins. Where it is higher than in *every* environment, or lower, the column has
moved: Wilcoxon's rank sum on the bins, ties corrected, for numbers, and Fisher's exact test for
columns of two values, each against the environment where it says least. A batch from one
environment, or from any mixture of them, lies between the highest and the lowest, so it is no
alarm. Directions and columns share the level (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from gengap.environments.preparation import ColumnCode, Encoded

BINS = 10
MOST_COLUMNS = 512
FEWEST_ROWS, FEWEST_KNOWN = 20, 5  # of a batch, and of an environment


class Moved(NamedTuple):
    """The column that moved most.

    ``mean`` of the batch, in the column's own units or as a share, where the environments reach
    from ``low`` to ``high``; ``p_value`` allows for the number of columns.
    """

    column: str
    share: bool
    mean: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Profile:
    """Columns of ``d`` features in ``K`` environments.

    Attributes:
        edges: ``(d, BINS - 1)`` float64, ascending, infinite where there are fewer.
        counts: ``(K, d, BINS)`` int64, rows by environment, column and bin.
        means: ``(K, d)`` float64 in the columns' own units, NaN where there are no rows.
    """

    edges: np.ndarray
    counts: np.ndarray
    means: np.ndarray


def profile_of(
    matrix: np.ndarray, codes: Sequence[ColumnCode], homes: np.ndarray, environments: int
) -> Profile | None:
    """The profile of encoded rows; None of images, and of very many columns.

    Args:
        matrix: ``(n, d)`` encoded rows.
        codes: how they were encoded.
        homes: ``(n,)`` environment codes.
        environments: how many there are.
    """
    if matrix.ndim != 2 or not 0 < matrix.shape[1] <= MOST_COLUMNS or not len(codes):
        return None
    edges = np.stack([_edges(column) for column in matrix.T.astype(np.float64)])
    counts = np.stack([counted(matrix[homes == k], edges) for k in range(environments)])
    means = np.stack([_means(matrix[homes == k], codes) for k in range(environments)])
    return Profile(edges, counts, means)


def moved(profile: Profile, matrix: np.ndarray, encoded: Encoded) -> Moved | None:
    """The column of a batch that moved most; None of a batch of few rows.

    Args:
        profile: of the training environments.
        matrix: ``(m, d)`` the batch, encoded.
        encoded: names and kinds of the columns.
    """
    if len(matrix) < FEWEST_ROWS:
        return None
    batch = counted(matrix, profile.edges)
    high = np.zeros(len(batch))
    low = np.zeros(len(batch))
    for known in profile.counts:
        enough = known.sum(1) >= FEWEST_KNOWN
        above, below = against(batch, known)
        high = np.where(enough, np.maximum(high, above), high)
        low = np.where(enough, np.maximum(low, below), low)
    compared = (profile.counts.sum(2) >= FEWEST_KNOWN).any(0)
    compared &= np.array([kind != "code" for kind in encoded.kinds])
    if not compared.any():
        return None
    p = np.where(compared, 2 * np.minimum(high, low), np.inf)
    at = int(p.argmin())
    means = profile.means[:, at]
    return Moved(
        encoded.columns[at],
        encoded.kinds[at] != "number",
        float(_means(matrix, encoded.codes)[at]),
        float(np.nanmin(means)),
        float(np.nanmax(means)),
        min(1.0, float(p[at]) * int(compared.sum())),
    )


def against(batch: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p-values ``(d,)`` that a batch is higher than known rows, and that it is lower.

    Args:
        batch, known: ``(d, BINS)`` counts.
    """
    m, n = batch.sum(1), known.sum(1)
    both, N = batch + known, m + n
    below = np.cumsum(known, 1) - known
    U = (batch * (below + known / 2)).sum(1)
    ties = (both.astype(np.float64) ** 3 - both).sum(1) / np.maximum(N * (N - 1.0), 1)
    sd = np.sqrt(np.maximum(m * n / 12.0 * (N + 1 - ties), 0.0))
    above = U - m * n / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        high, low = (np.where(sd > 0, stats.norm.sf((x - 0.5) / sd), 1.0) for x in (above, -above))
    two = (both > 0).sum(1) == 2
    last = np.take_along_axis(batch, _last(both)[:, None], 1)[:, 0]
    all_last = np.take_along_axis(both, _last(both)[:, None], 1)[:, 0]
    exact_high = stats.hypergeom.sf(last - 1, N, all_last, m)
    exact_low = stats.hypergeom.cdf(last, N, all_last, m)
    return np.where(two, exact_high, high), np.where(two, exact_low, low)


def counted(matrix: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Rows ``(d, BINS)`` of a matrix ``(n, d)`` in each bin; missing numbers are in none."""
    found = np.zeros((len(edges), BINS), np.int64)
    for k, column in enumerate(matrix.T):
        values = column[~np.isnan(column)].astype(np.float64)
        found[k] = np.bincount(np.searchsorted(edges[k], values), minlength=BINS)
    return found


def _edges(column: np.ndarray) -> np.ndarray:
    """Deciles, each once; between two values the middle."""
    known = column[~np.isnan(column)]
    values = np.unique(known)
    if len(values) <= BINS:
        edges = (values[1:] + values[:-1]) / 2
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.pad(edges, (0, BINS - 1 - len(edges)), constant_values=np.inf)


def _last(both: np.ndarray) -> np.ndarray:
    """The highest bin ``(d,)`` that is not empty."""
    found: np.ndarray = both.shape[1] - 1 - (both[:, ::-1] > 0).argmax(1)
    return found


def _means(matrix: np.ndarray, codes: Sequence[ColumnCode]) -> np.ndarray:
    """Means ``(d,)`` in the columns' own units; NaN where nothing is known."""
    sums = np.nansum(matrix, 0, dtype=np.float64)
    rows = (~np.isnan(matrix)).sum(0)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), np.nan)
    at = 0
    for code in codes:
        if code.kind == "number":
            means[at] = np.ldexp(means[at], code.exponent) + code.middle
        at += code.width
    return means
