from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.questions.forecasting import compare_errors, forecast_interval, grade, select


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.6, 0.9, 9)
    return truth + 0.03 * rng.standard_normal(9) + 0.02, truth


def test_a_grade_agrees_with_scipy(pair):
    forecast, truth = pair
    found = grade(forecast, truth)
    absolute = np.abs(truth - forecast)
    limits = stats.ttest_1samp(absolute, 0).confidence_interval(0.95)
    assert found.error.estimate == pytest.approx(absolute.mean())
    assert (found.error.low, found.error.high) == pytest.approx(tuple(limits))
    limits = stats.ttest_1samp(truth - forecast, 0).confidence_interval(0.95)
    assert (found.bias.low, found.bias.high) == pytest.approx(tuple(limits))
    assert found.worst == absolute.max()
    r = stats.spearmanr(forecast, truth).statistic
    half = 1.959964 * math.sqrt((1 + r**2 / 2) / 6)
    assert found.correlation.estimate == pytest.approx(r)
    assert math.atanh(found.correlation.high) - math.atanh(r) == pytest.approx(half, rel=1e-6)


def test_coverage_by_hand():
    # Errors 0, 0, 0, 1: without the last the interval is a point at 0, which 1 misses; each of
    # the others lies in 1/3 +- t_2 s sqrt(4/3) = 1/3 +- 2.87.
    assert grade([0.5] * 4, [0.5, 0.5, 0.5, 1.5]).coverage == 0.75


def test_a_perfect_forecast():
    truth = [0.5, 0.6, 0.7, 0.9]
    found = grade(truth, truth)
    assert (found.error.estimate, found.worst, found.coverage) == (0.0, 0.0, 1.0)
    assert found.correlation.estimate == pytest.approx(1.0)
    assert not found.correlation.defined
    assert "Fewer than 6" in found.error.note


def test_a_constant_forecast_has_no_rank():
    found = grade([0.8] * 5, [0.5, 0.6, 0.7, 0.8, 0.9])
    assert math.isnan(found.correlation.estimate)
    assert "ranked" in found.correlation.note
    assert found.bias.estimate == pytest.approx(-0.1)


def test_comparison_is_the_paired_t_test(pair):
    forecast, truth = pair
    reference = np.full(9, truth.mean())
    test = stats.ttest_rel(np.abs(truth - forecast), np.abs(truth - reference))
    found = compare_errors(forecast, reference, truth)
    assert found.p_value == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.estimate < 0


def test_forecast_interval_by_hand():
    found = forecast_interval(0.9, [-0.03, -0.01, 0.01])
    half = 4.302653 * 0.02 * math.sqrt(4 / 3)  # t of 2 degrees of freedom
    assert found.estimate == pytest.approx(0.89)
    assert (found.low, found.high) == pytest.approx((0.89 - half, 0.89 + half))


def test_known_variance_adds_in_quadrature_and_costs_no_degrees_of_freedom():
    errors = [-0.03, -0.01, 0.01]
    estimated = 0.02**2 * 4 / 3
    found = forecast_interval(0.9, errors, extra=estimated)
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 8) * math.sqrt(2 * estimated))
    alone = forecast_interval(0.9, [0.0, 0.0, 0.0], extra=0.01**2)
    assert alone.half_width == pytest.approx(1.959964 * 0.01)


def test_forecast_interval_holds_its_level():
    rng = np.random.default_rng(0)
    errors = 0.02 + 0.05 * rng.standard_normal((2000, 6))
    inside = 0
    for row in errors:
        found = forecast_interval(0.7, row[:5])
        inside += found.low <= 0.7 + row[5] <= found.high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)  # 3 standard errors


def test_selection_is_graded_without_the_environment_it_forecasts():
    truth = np.array([0.5, 0.6, 0.7, 0.8])
    forecasts = {
        "steady": truth + 0.02,
        "lucky": truth + np.array([0.0, 0.0, 0.0, 0.06]),  # better on average thanks to three
    }
    found = select(forecasts, truth)
    assert found.name == "lucky"
    # Without the last, "lucky" is chosen and misses it by 0.06; without any other it ties at 0.02.
    assert found.chosen == ("steady", "steady", "steady", "lucky")
    assert found.error.estimate == pytest.approx((3 * 0.02 + 0.06) / 4)
    np.testing.assert_allclose(found.forecast - truth, [0.02, 0.02, 0.02, 0.06])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grade([0.5, 0.6], [0.5, 0.6]), "cannot be graded on 2 environments"),
        (lambda: grade([0.5, 0.6, 0.7], [0.5, 0.6]), "one number per environment"),
        (lambda: grade([0.5, 0.6, np.nan], [0.5, 0.6, 0.7]), "finite"),
        (lambda: grade([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], level=95), "level is 95"),
        (lambda: forecast_interval(0.5, [0.1]), "at least 2"),
        (lambda: select({}, [0.5, 0.6, 0.7]), "no forecaster"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("environments", [8, 14])
def test_rank_correlation_interval_covers_the_gaussian_truth(environments):
    rng = np.random.default_rng(0)
    for rho in (0.0, 0.6):
        true = 6 / math.pi * math.asin(rho / 2)  # Spearman's, of a Gaussian pair
        inside = 0
        for _ in range(4000):
            x, z = rng.standard_normal((2, environments))
            found = grade(x, rho * x + math.sqrt(1 - rho**2) * z).correlation
            inside += found.low <= true <= found.high if found.defined else true > 0
        assert inside / 4000 > 0.92
