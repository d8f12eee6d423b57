"""Ranking rules: by hand, against statsmodels, and what they are claimed to do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.bradley_terry import bradley_terry
from gengap.statistics.plackett_luce import plackett_luce
from gengap.statistics.rankings import ADDITIVE, RANKING_RULES, rank
from gengap.statistics.votes import count_votes

# One environment with a wide spread: a wins there by far, b wins the other three by little.
UNEVEN = np.array([[0.9, 0.20, 0.31, 0.40], [0.4, 0.22, 0.33, 0.42], [0.1, 0.21, 0.30, 0.41]])


def test_by_hand():
    # Ranks: a 1,3,2,3; b 2,1,1,1; c 3,2,3,2.
    by_rule = {rule: rank(UNEVEN, rule) for rule in RANKING_RULES}
    np.testing.assert_allclose(by_rule["mean"].scores, [0.4525, 0.3425, 0.255])
    np.testing.assert_allclose(by_rule["mean rank"].scores, [-2.25, -1.25, -2.5])
    np.testing.assert_allclose(by_rule["borda"].scores, [3 / 8, 7 / 8, 2 / 8])
    # b beats a 3:1 and c 4:0; a and c 2:2.
    np.testing.assert_allclose(by_rule["copeland"].scores, [-0.5, 1.0, -0.5])
    np.testing.assert_allclose(by_rule["minimax"].scores, [-0.5, 0.5, -1.0])
    np.testing.assert_allclose(by_rule["kemeny"].scores, [-2.5, -1.0, -2.5])
    assert "2 orders" in by_rule["kemeny"].note
    np.testing.assert_array_equal(by_rule["copeland"].ranks, [2.5, 1, 2.5])
    assert by_rule["mean"].winners == (0,)
    assert all(by_rule[rule].winners == (1,) for rule in RANKING_RULES if rule != "mean")


def test_complete_ties_are_shared():
    for rule in RANKING_RULES:
        found = rank(np.ones((3, 4)), rule)
        np.testing.assert_array_equal(found.ranks, 2.0)
        assert found.winners == (0, 1, 2)


def test_order_does_not_depend_on_the_order_of_rows():
    scores = np.random.default_rng(1).random((6, 9))
    shuffle = np.random.default_rng(2).permutation(6)
    for rule in RANKING_RULES:
        np.testing.assert_allclose(
            rank(scores[shuffle], rule).ranks, rank(scores, rule).ranks[shuffle]
        )


@pytest.mark.parametrize("seed", range(5))
def test_mean_with_missing_cells_is_the_additive_fit(seed: int):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(5, 8)) + rng.normal(size=8)
    table[rng.random(table.shape) < 0.3] = np.nan
    method, environment = np.nonzero(~np.isnan(table))
    design = np.hstack([np.eye(5)[method], np.eye(8)[environment][:, 1:]])
    fit = sm.OLS(table[method, environment], design).fit().params
    found = rank(table, "mean")
    np.testing.assert_allclose(found.scores, fit[:5] + np.sum(fit[5:]) / 8)
    assert found.note == ADDITIVE


def test_missing_cells_by_hand():
    # b was scored only where scores are low; both rank rules see only what they share.
    table = [[0.9, 0.3, 0.2], [np.nan, 0.4, 0.3]]
    assert rank(table, "mean").order == (1, 0)
    np.testing.assert_allclose(rank(table, "mean").scores, [1.4 / 3, 1.4 / 3 + 0.1])
    np.testing.assert_allclose(rank(table, "borda").scores, [0.0, 1.0])
    np.testing.assert_allclose(rank(table, "mean rank").scores, [-2.0, -1.0])
    np.testing.assert_allclose(rank(table, "minimax").scores, [-1.0, 1.0])


def test_pairs_never_met_do_not_count():
    # a beats b, b beats c; a and c share nothing.
    table = [[1.0, np.nan], [0.0, 1.0], [np.nan, 0.0]]
    np.testing.assert_allclose(rank(table, "copeland").scores, [1.0, 0.0, -1.0])
    assert rank(table, "kemeny").order == (0, 1, 2)


def test_rank_rules_ignore_a_change_of_scale_and_the_mean_does_not():
    """P. Colombo et al. 2022: rank aggregation is robust to the scale of scores."""
    scores = np.random.default_rng(0).random((4, 6))
    stretched = scores * [1, 50, 1, 1, 1, 1]
    for rule in RANKING_RULES:
        same = np.array_equal(rank(scores, rule).ranks, rank(stretched, rule).ranks)
        assert same == (rule != "mean")


def sparse_samples(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Per-example scores of 30 models, and the 5% left where each reports 4 of 20 sets."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(20), 250)
    latent = rng.normal(size=(30, 1)) - rng.normal(0, 1.5, 20)[block] - rng.normal(0, 0.7, 5000)
    noisy = latent + rng.normal(0, 2, latent.shape)
    full = noisy if kind == "numeric" else (noisy > 0).astype(float)
    kept = np.stack([np.isin(block, rng.choice(20, 4, replace=False)) for _ in range(30)])
    kept &= rng.random(kept.shape) < 0.25
    return full, np.where(kept, full, np.nan)


@pytest.mark.parametrize("kind", ["binary", "numeric"])
def test_ranking_survives_95_percent_of_missing_cells(kind: str):
    """A. Ghosh et al. 2024, on simulated samples; the mean of what is there does not survive."""
    found = []
    for seed in range(3):
        full, sparse = sparse_samples(kind, seed)
        assert 0.94 < np.isnan(sparse).mean() < 0.96
        ways = [
            rank(sparse, "mean").scores,
            bradley_terry(sparse).estimate,
            plackett_luce(sparse).estimate,
            np.nanmean(sparse, axis=1),
        ]
        found.append([stats.spearmanr(way, full.mean(axis=1))[0] for way in ways])
    additive, pairs, rankings, plain = np.mean(found, axis=0)
    assert min(additive, pairs, rankings) > 0.9
    assert plain < 0.85


def test_unusable_input():
    with pytest.raises(UsageError, match="did you mean 'borda'"):
        rank(UNEVEN, "bordas")


def test_kemenys_order_is_one_that_no_order_beats():
    """Mean positions over several best orders need not sort into a best one."""
    rng = np.random.default_rng(11)
    for _ in range(60):
        scores = rng.integers(0, 4, (5, 4)).astype(float)
        wins = count_votes(scores).wins
        order = rank(scores, "kemeny").order

        def agreed(order, wins=wins):
            return sum(wins[a, b] for k, a in enumerate(order) for b in order[k + 1 :])

        assert agreed(order) == max(agreed(other) for other in permutations(range(5)))
