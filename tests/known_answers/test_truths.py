"""Where the truth is known in closed form, a whole study measures it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

import gengap as gg
from gengap.environments.suites import suite_info
from gengap.statistics import Interval

N = 3000  # per environment: large enough for the closed forms, which hold in the limit

SUITES = {
    "linear-shift": ({"task": "regression"}, LinearRegression(), "squared_error"),
    "linear-shift classes": ({"task": "classification"}, LinearDiscriminantAnalysis(), "accuracy"),
    "covariate-shift": ({}, LinearRegression(), "squared_error"),
    "covariate-shift curved": ({"curvature": 0.3}, LinearRegression(), "squared_error"),
    "concept-shift": ({}, LinearRegression(), "squared_error"),
    "label-shift": ({}, LinearDiscriminantAnalysis(), "accuracy"),
}


@pytest.mark.parametrize("case", SUITES)
def test_measured_costs_match_the_closed_forms(case):
    options, estimator, metric = SUITES[case]
    info = suite_info(case.split(" ")[0])
    environments = gg.load_suite(info.name, n=N, **options)
    study = gg.Study(environments, [estimator], metric=metric, plain_training=False, jobs=1)
    result = study.run()
    truths = [info.truth(name, n=N, **options) for name in result.gaps.environment]
    outside = 0
    for row, truth in zip(result.gaps.itertuples(), truths, strict=True):
        outside += not row.cost_low <= truth.cost_of_unseen <= row.cost_high
        # Truths are losses; of an accuracy the loss is its complement.
        unseen = 1 - row.unseen if metric == "accuracy" else row.unseen
        assert unseen == pytest.approx(truth.unseen, rel=0.15, abs=0.005)
        assert row.gap == pytest.approx(row.difficulty + row.cost_of_unseen)
    # A 95% interval may miss now and then; one of six is as much as chance explains.
    assert outside <= 1
    method = result.methods.iloc[0]
    mean = np.mean([truth.cost_of_unseen for truth in truths])
    slack = 0.1 * (method.cost_high - method.cost_low)
    assert method.cost_low - slack <= mean <= method.cost_high + slack
    assert Interval(method.cost_of_unseen, method.cost_low, method.cost_high).defined


def test_difficulty_is_told_apart_from_unfamiliarity():
    """Under covariate shift with a correct model the whole gap is difficulty."""
    info = suite_info("covariate-shift")
    environments = gg.load_suite("covariate-shift", n=N)
    study = gg.Study(
        environments, [LinearRegression()], metric="squared_error", plain_training=False, jobs=1
    )
    gaps = study.run().gaps.set_index("environment")
    for name, row in gaps.iterrows():
        assert row.difficulty == pytest.approx(info.truth(name).difficulty, abs=0.03)
        assert abs(row.cost_of_unseen) < 0.002
    assert gaps.gap.max() > 0.2
    assert gaps.gap.min() < -0.2
