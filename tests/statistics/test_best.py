"""Confidence of being best: against Student's test, and how often equal methods get much of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.seeds import generator
from gengap.statistics.best import best_mean


def confidence(scores: np.ndarray, **options) -> np.ndarray:
    found = best_mean(scores, scores.mean((1, 2)), **{"crossed": False, "paired": True} | options)
    return found.confidence


def test_of_two_methods_it_is_one_minus_the_one_sided_p_value():
    scores = generator(0, "two").normal(size=(2, 7, 1)) + np.array([0.6, 0.0])[:, None, None]
    p = stats.ttest_rel(*scores[:, :, 0], alternative="greater").pvalue
    assert 0.02 < p < 0.5
    np.testing.assert_allclose(confidence(scores), [1 - p, p], atol=0.025)


def test_of_two_equal_methods_one_has_95_percent_in_a_tenth_of_tables_of_three_environments():
    """Resampled tables would say so in four tenths."""
    rng = generator(1, "equal")
    sure = [confidence(rng.normal(size=(2, 3, 2))).max() >= 0.95 for _ in range(600)]
    assert np.mean(sure) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 600))


def test_seeds_common_to_all_environments_count():
    """A lucky seed of three in thirty environments: sure of it, or not."""
    rng = generator(2, "lucky")
    scores = rng.normal(0, 0.01, (2, 30, 3))
    scores[0, :, 0] += 0.1
    assert confidence(scores)[0] > 0.99
    by_seed = scores.mean(1)
    p = stats.ttest_rel(by_seed[0], by_seed[1], alternative="greater").pvalue
    assert confidence(scores, crossed=True)[0] == pytest.approx(1 - p, abs=0.03)


def test_ranks_lie_between_first_and_last_and_confidences_sum_to_one():
    scores = generator(3, "many").normal(size=(6, 8, 3))
    found = best_mean(scores, scores.mean((1, 2)), crossed=True, paired=False)
    assert found.confidence.sum() == pytest.approx(1.0)
    assert (found.rank_low >= 1).all()
    assert (found.rank_low <= found.rank_high).all()
    assert (found.rank_high <= 6).all()


def test_a_missing_cell_makes_its_method_less_certain_not_more():
    rng = generator(4, "missing")
    scores = rng.normal(0, 1, (2, 4, 1)) + np.array([1.5, 0.0])[:, None, None]
    whole = confidence(scores)[0]
    scores[0, 1] = np.nan
    part = best_mean(scores, np.array([1.5, 0.0]), crossed=False, paired=True).confidence[0]
    assert 0.5 < part < 1
    assert whole != part


def test_without_noise_to_judge_by_there_is_none():
    scores = np.array([[[0.5], [0.6]], [[0.4], [0.3]]])
    assert best_mean(scores, scores.mean((1, 2)), crossed=True, paired=True) is None
