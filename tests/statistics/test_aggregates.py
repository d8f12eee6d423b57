"""Mean, median, interquartile mean, optimality gap: by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.aggregates import (
    AGGREGATES,
    interquartile_mean,
    mean,
    median,
    optimality_gap,
    winsorised,
)

BY_HAND = np.array([[1.0, 3.0], [0.0, 8.0], [0.5, np.nan]])


def test_by_hand():
    # Environment means 2, 4, 0.5; five scores sorted 0 0.5 1 3 8, one trimmed on either side;
    # held below 1 the environments' means are 1, 0.5, 0.5.
    assert float(mean(BY_HAND)) == pytest.approx(6.5 / 3)
    assert float(median(BY_HAND)) == 2
    assert float(interquartile_mean(BY_HAND)) == pytest.approx(1.5)
    assert float(optimality_gap(BY_HAND)) == pytest.approx(1 / 3)
    assert float(optimality_gap(BY_HAND, target=0.0)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 3), (3, 3), (5, 7), (16, 10)])
def test_interquartile_mean_is_scipys_trimmed_mean(shape: tuple[int, int]):
    scores = np.random.default_rng(0).normal(size=shape)
    assert float(interquartile_mean(scores)) == pytest.approx(stats.trim_mean(scores, 0.25, None))


def test_missing_runs_are_left_out_of_the_trimmed_mean():
    scores = np.random.default_rng(1).normal(size=(4, 5))
    scores[0, 2:] = np.nan
    there = scores[~np.isnan(scores)]
    assert float(interquartile_mean(scores)) == pytest.approx(stats.trim_mean(there, 0.25))


@pytest.mark.parametrize("name", AGGREGATES)
def test_leading_axes_are_methods(name: str):
    scores = np.random.default_rng(2).normal(size=(2, 3, 4, 5))
    scores[1, 0, 2, :3] = np.nan
    together = AGGREGATES[name](scores)
    assert together.shape == (2, 3)
    one_by_one = [[float(AGGREGATES[name](table)) for table in row] for row in scores]
    np.testing.assert_allclose(together, one_by_one)


def test_winsorised_scores_have_the_spread_of_the_trimmed_mean():
    # The variance of a trimmed mean over many data sets is that of the winsorised mean.
    rng = np.random.default_rng(3)
    scores = rng.standard_t(3, size=(4000, 1, 60))
    measured = interquartile_mean(scores).std()
    claimed = np.sqrt(np.mean(winsorised(scores).var(axis=(1, 2), ddof=1) / 60))
    assert claimed == pytest.approx(measured, rel=0.06)


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        ([0.5, 0.6], "shape"),
        (np.empty((0, 3)), "shape"),
        ([[0.1, np.inf]], "infinite"),
        ([[0.1], [np.nan]], "Environment 1"),
        ([["a"]], "numbers"),
        ([[0.1, 0.2], [0.3]], "numbers"),
    ],
)
def test_unusable_scores_are_refused(scores: object, named: str):
    for aggregate in AGGREGATES.values():
        with pytest.raises(UsageError, match=named):
            aggregate(scores)  # type: ignore[arg-type]
