"""Donors: rows from which another row may take a column, as if it had been drawn where they were.

What a column would be, given everything else of a row, is drawn by predictive mean matching: the
column is regressed on all other columns and the target, and one of the few rows with the nearest
prediction gives its value, whatever that is, a missing one too. The regression is fitted on one
half of the rows and donors are rows of the other, so that it knows neither donors nor receivers.

Sources: R. J. A. Little, Missing-data adjustments in large surveys, Journal of Business & Economic
Statistics 6 (1988), 287-296; S. van Buuren, Flexible imputation of missing data, 2nd edition
(2018), section 3.4, which recommends five candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CANDIDATES = 5
RIDGE = 1e-2  # as a share of a standardised feature's own sum of squares


def donors(
    features: np.ndarray,
    blocks: Sequence[slice],
    pool: np.ndarray,
    receivers: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """For each receiver and each column a row of the pool, ``(m, d)``.

    Args:
        features: ``(n, p)`` standardised: the columns' own, and last those of the target.
        blocks: of each of the ``d`` columns its features.
        pool: ``(k,)`` positions of rows that may give, at least 4.
        receivers: ``(m,)`` positions of rows that receive; no row receives from itself.
        rng: of the halves, and of which candidate gives.
    """
    mixed = rng.permutation(pool)
    teach, give = mixed[: len(pool) // 2], mixed[len(pool) // 2 :]
    centre = features[teach].mean(axis=0)
    own = features[teach] - centre
    gram = own.T @ own
    found = np.empty((len(receivers), len(blocks)), dtype=np.int64)
    for j, block in enumerate(blocks):
        others = np.ones(features.shape[1], dtype=bool)
        others[block] = False
        square = gram[np.ix_(others, others)]
        square[np.diag_indices_from(square)] += RIDGE * len(teach)
        weights = np.linalg.solve(square, gram[np.ix_(others, ~others)])
        given = features[give][:, others] @ weights
        wanted = features[receivers][:, others] @ weights
        found[:, j] = give[_one_near(given, wanted, give, receivers, rng)]
    return found


def _one_near(
    given: np.ndarray,
    wanted: np.ndarray,
    give: np.ndarray,
    receivers: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Positions ``(m,)`` of one of the nearest, by predictions ``(k, q)`` and ``(m, q)``."""
    from scipy.spatial import cKDTree

    count = min(CANDIDATES + 1, len(give))
    # A little noise parts rows of equal predictions, of which always the same would be nearest.
    blur = 1e-9 * (given.std() or 1.0)
    tree = cKDTree(given + blur * rng.standard_normal(given.shape))
    _, near = tree.query(wanted, count)
    near = near.reshape(len(wanted), count)
    itself = give[near] == receivers[:, None]
    # One more was looked up than is needed: whoever met itself takes the last one instead.
    near[:, :-1] = np.where(itself[:, :-1], near[:, -1:], near[:, :-1])
    pick = rng.integers(0, max(count - 1, 1), len(wanted))
    return np.asarray(near[np.arange(len(wanted)), pick])
