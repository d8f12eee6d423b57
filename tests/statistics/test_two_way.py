"""The additive fit of a table, and the interval of a new environment's score drawn from it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.prediction import new_environment
from gengap.statistics.two_way import two_way

TABLE = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.5], [4.0, 3.0, 5.0], [2.0, 4.0, 4.0]])


def test_full_table_by_hand():
    fit = two_way(TABLE[:2])
    assert fit.means == pytest.approx([2.0, 18.5 / 3])
    # Differences of the rows are 4, 4, 4.5, so that the rest is half their spread.
    assert fit.residual == pytest.approx(1 / 24)
    assert fit.degrees == 2
    assert fit.covariance == pytest.approx(np.eye(2) / 3)
    assert fit.scatter == pytest.approx(1 / 72)
    assert fit.between == pytest.approx((np.var([3.0, 4.0, 5.25], ddof=1), 1 / 48, 2))


def test_gaps_against_statsmodels():
    table = TABLE.copy()
    table[0, 1] = table[2, 2] = np.nan
    e, s = np.nonzero(~np.isnan(table))
    long = pd.DataFrame({"y": table[e, s], "e": e, "s": s})
    ols = smf.ols("y ~ 0 + C(e) + C(s, Sum)", long).fit()
    fit = two_way(table)
    assert fit.means == pytest.approx(ols.params.iloc[:4].to_numpy())
    assert fit.residual == pytest.approx(ols.mse_resid)
    covariance = ols.cov_params().iloc[:4, :4].to_numpy()
    assert fit.residual * fit.covariance == pytest.approx(covariance)
    pairs = [ols.t_test([(k == a) * 1.0 - (k == b) for k in range(len(ols.params))])
             for a in range(4) for b in range(a)]  # fmt: skip
    assert fit.scatter == pytest.approx(np.mean([pair.sd.item() ** 2 for pair in pairs]) / 2)


def test_empty_rows_and_columns_are_left_out():
    table = np.full((5, 4), np.nan)
    table[:4, :3] = TABLE
    assert two_way(table).means == pytest.approx(two_way(TABLE).means)
    assert two_way(table).seeds == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1.0, 2.0], "shape"),
        ([[1.0, np.inf]], "infinite"),
        ([[np.nan, np.nan]], "no score"),
        ([[1.0, 2.0, np.nan], [np.nan, np.nan, 3.0]], "share no environment"),
    ],
)
def test_unusable_tables(table, message: str):
    with pytest.raises(UsageError, match=message):
        two_way(table)


def test_without_noise_or_seed_effects_the_prediction_is_students():
    costs = np.array([0.1, 0.4, 0.2, 0.7, 0.5])
    interval = new_environment(np.repeat(costs[:, None], 3, axis=1))
    half = stats.t.ppf(0.975, 4) * costs.std(ddof=1) * math.sqrt(1 + 1 / 5)
    assert interval.estimate == pytest.approx(costs.mean())
    assert interval.half_width == pytest.approx(half, rel=2e-3)


def test_one_seed_is_students_with_a_note():
    costs = np.array([0.1, 0.4, 0.2, 0.7, 0.5])
    interval = new_environment(costs[:, None], level=0.8)
    half = stats.t.ppf(0.9, 4) * costs.std(ddof=1) * math.sqrt(1 + 1 / 5)
    assert interval.half_width == pytest.approx(half, rel=2e-3)
    assert "several seeds" in interval.note


def test_two_environments_predict_nothing():
    interval = new_environment(TABLE[:2])
    assert interval.estimate == pytest.approx((2.0 + 18.5 / 3) / 2)
    assert not interval.defined
    assert "Fewer than 3" in interval.note


@pytest.mark.parametrize(("E", "S", "seeds"), [(6, 5, 0.0), (6, 5, 1.0), (14, 3, 0.3)])
def test_coverage_of_a_new_environment(E: int, S: int, seeds: float):
    rng, hits, studies = np.random.default_rng(0), 0, 150
    for _ in range(studies):
        truth = rng.normal(size=E + 1)
        table = truth[:E, None] + seeds * rng.normal(size=S) + rng.normal(size=(E, S))
        table[rng.random((E, S)) < 0.1] = np.nan
        interval = new_environment(table)
        hits += interval.low <= truth[E] <= interval.high
    assert hits / studies > 0.94 - 2.5 * math.sqrt(0.05 * 0.95 / studies)
