from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.questions.forecasting import forecast_interval, new_score
from gengap.questions.forecasting.held_out import mean_variance

ERRORS = [-0.02, 0.0, 0.02, 0.0, 0.01, -0.01]


@pytest.mark.parametrize("accuracy", [0.0, 0.03, 0.5, 0.97, 1.0])
def test_one_example_is_right_or_wrong(accuracy):
    found = new_score(accuracy, [0.0] * 6, rows=1, noise=0.001)
    assert (found.low, found.high) == (0.0, 1.0)
    assert "Fewer than 30" in found.note


def test_by_hand():
    # Forecast 0.9 of 10 rows: q = 11 / 14; the errors add nothing, the new test is normal.
    found = new_score(0.9, [0.0] * 6, rows=10, noise=0.0)
    low = 0.9 - stats.norm.ppf(0.975) * math.sqrt(33 / 196 / 10)  # 0.646, so 6 of 10
    assert found.low == pytest.approx(math.floor(10 * low) / 10)
    assert found.high == 1.0


def test_as_many_examples_as_the_environments_had_add_nothing():
    noise = 0.9 * 0.1 / 200
    plain = forecast_interval(0.9, ERRORS)
    found = new_score(0.9, ERRORS, rows=100_000, noise=noise)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-5)
    assert found.note == ""


def test_absolute_errors_have_no_upper_bound():
    found = new_score(3.0, [0.0] * 6, rows=4, noise=1.0, variance=20.0)
    half = stats.norm.ppf(0.975) * 2
    assert (found.low, found.high) == pytest.approx((0.0, 3.0 + half))


@pytest.mark.parametrize("rows", [1, 5, 30, 100, 1000])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_holds_its_level_for_any_number_of_examples(rows, spread):
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        expected = np.clip(0.85 + spread * rng.standard_normal(9), 0, 1)
        truth = rng.binomial(100, expected[:8]) / 100
        noise = float((truth * (1 - truth) / 99).mean())
        found = new_score(0.85, truth - 0.85, rows, noise)
        inside += found.low <= rng.binomial(rows, expected[8]) / rows <= found.high
    assert inside / 400 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


@pytest.mark.parametrize(
    ("errors", "rows", "words"),
    [(ERRORS, 0, "rows is 0"), ([0.1], 5, "at least 2"), ([], 5, "at least 2")],
)
def test_bad_input_is_one_sentence(errors, rows, words):
    with pytest.raises(UsageError, match=words):
        new_score(0.9, errors, rows, noise=0.0)


def test_holds_its_level_with_clusters_of_ten():
    """All ten of a cluster are right or all wrong; the new examples come in such clusters too."""
    rng, inside = np.random.default_rng(1), []
    codes = np.repeat(np.arange(30), 10)
    for _ in range(300):
        expected = np.clip(0.8 + 0.02 * rng.standard_normal(9), 0, 1)
        right = [(rng.random(30) < p).astype(float).repeat(10) for p in expected[:8]]
        truth = np.array([r.mean() for r in right])
        noise = np.array([mean_variance(r, codes) for r in right])
        design = noise.sum() / sum(r.var(ddof=1) / 300 for r in right)
        drawn = (rng.random(6) < expected[8]).mean()  # six clusters
        found = [
            new_score(0.8, truth - 0.8, 60, float(noise.mean()), design=design),
            new_score(0.8, truth - 0.8, 60, float(noise.mean() / design)),
        ]
        inside.append([limits.low <= drawn <= limits.high for limits in found])
    covered = np.mean(inside, 0)
    assert covered[0] > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)
    assert covered[1] < 0.85
    assert design == pytest.approx(10, rel=0.1)


def test_the_variance_of_a_mean_of_copies_is_that_of_the_originals():
    scores = np.random.default_rng(2).standard_normal(40)
    once = mean_variance(scores, None)
    assert once == pytest.approx(scores.var(ddof=1) / 40)
    assert mean_variance(scores.repeat(10), np.arange(40).repeat(10)) == pytest.approx(once)
