"""Votes: ranks and wins counted by hand, by SciPy and one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.votes import count_votes, linked, score_table, seed_means, shared_ranks


def holed(seed: int, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 3, shape).astype(float)
    table[rng.random(shape) < 0.25] = np.nan
    return table


@pytest.mark.parametrize("seed", range(10))
def test_ranks_against_scipy(seed: int):
    table = holed(seed, 7, 5)
    ranks = shared_ranks(table, axis=0)
    expected = stats.rankdata(-table, axis=0, nan_policy="omit")
    np.testing.assert_array_equal(ranks, expected)


def test_equal_but_for_rounding_is_a_tie():
    np.testing.assert_array_equal(shared_ranks(np.array([0.1 + 0.2, 0.3, 0.2])), [1.5, 1.5, 3])


@pytest.mark.parametrize("seed", range(5))
def test_wins_one_pair_at_a_time(seed: int):
    table = holed(seed, 4, 6)
    wins = count_votes(table).wins
    for i in range(4):
        for j in range(4):
            above, level = table[i] > table[j], table[i] == table[j]
            assert wins[i, j] == (above.sum() + level.sum() / 2 if i != j else 0)


def test_many_tables_at_once_give_what_each_gives():
    tables = holed(0, 3, 4, 5)
    together = count_votes(tables)
    for k, table in enumerate(tables):
        np.testing.assert_array_equal(together.ranks[k], count_votes(table).ranks)
        np.testing.assert_array_equal(together.wins[k], count_votes(table).wins)


def test_linked_follows_chains_in_their_direction():
    chain = np.diag(np.ones(5), 1)
    assert not linked(chain)
    assert linked(chain + chain.T)
    ring = chain.copy()
    ring[5, 0] = 1
    assert linked(ring)
    np.testing.assert_array_equal(linked(np.stack([chain, ring])), [False, True])


def test_seed_means_skip_what_is_missing():
    np.testing.assert_array_equal(
        seed_means(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])), [2.0, np.nan]
    )


@pytest.mark.parametrize(
    ("scores", "culprit"),
    [
        ([1.0, 2.0], "shape"),
        ([[1.0, 2.0]], "at least 2 methods"),
        (np.zeros((2, 0)), "shape"),
        ([[1.0], [np.inf]], "infinite"),
        ([[1.0, np.nan], [np.nan, 1.0]], "linked"),
        ([[1.0, 1.0], [np.nan, np.nan]], "linked"),
    ],
)
def test_unusable_tables(scores, culprit: str):
    with pytest.raises(UsageError, match=culprit):
        score_table(scores)
