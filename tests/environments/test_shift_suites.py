"""Closed forms of the generated shifts against simulation, least squares and quadrature.

``simulate`` knows nothing of the closed forms: it draws large samples, fits scikit-learn's
estimators, and scores them on other samples.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.linear_model import LinearRegression, LogisticRegression

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite, suites
from gengap.environments.suites.concept_shift import ConceptShift
from gengap.environments.suites.covariate_shift import CovariateShift
from gengap.environments.suites.label_shift import LabelShift
from gengap.environments.suites.linear_shift import LinearShift

N = 40_000


class SignOfLeastSquares(LinearRegression):
    """Least squares on -1 and 1 without intercept, read by its sign."""

    def __init__(self):
        super().__init__(fit_intercept=False)

    def fit(self, X, y):
        return super().fit(X, 2.0 * y - 1)

    def predict(self, X):
        return (super().predict(X) > 0).astype(int)


def simulate(suite: str, unseen: str, model, **options) -> tuple[float, float, float]:
    """Estimate (in_distribution, unseen, reference) from samples of N per environment."""
    train, test = (
        load_suite(suite, seed=1, n=N, **options),
        load_suite(suite, seed=2, n=N, **options),
    )
    e = train.names.index(unseen)
    others = [k for k in range(len(train.names)) if k != e]

    def losses(fitted, k):
        rows = test.environment == k
        predicted, y = fitted.predict(test.X[rows]), test.y[rows]
        return np.mean(predicted != y if test.classes else (predicted - y) ** 2)

    without = model.fit(train.X[train.environment != e], train.y[train.environment != e])
    inside, outside = np.mean([losses(without, k) for k in others]), losses(without, e)
    # as many examples, drawn from all environments
    rows = np.random.default_rng(0).permutation(len(train))[: N * len(others)]
    return float(inside), float(outside), float(losses(model.fit(train.X[rows], train.y[rows]), e))


@pytest.mark.parametrize(
    ("suite", "unseen", "model", "options"),
    [
        ("concept-shift", "1", LinearRegression(), {}),
        ("concept-shift", "-0.2", LinearRegression(), {}),
        ("covariate-shift", "1.5", LinearRegression(), {}),
        ("covariate-shift", "1.5", LinearRegression(), {"curvature": 0.3}),
        ("covariate-shift", "-0.3", LinearRegression(), {"curvature": 0.3}),
        ("label-shift", "0.9", LogisticRegression(C=np.inf), {}),
        ("label-shift", "0.3", LogisticRegression(C=np.inf), {"separation": 1.0}),
        ("noise-shift", "1.2", LinearRegression(), {}),
        ("linear-shift", "shortcut -1", LinearRegression(), {"task": "regression"}),
        ("linear-shift", "shortcut +1", LinearRegression(), {"task": "regression"}),
        ("linear-shift", "shortcut -1", SignOfLeastSquares(), {}),
        ("linear-shift", "shortcut +0.5", SignOfLeastSquares(), {}),
    ],
)
def test_the_estimand_is_what_large_samples_give(suite, unseen, model, options):
    truth = suites()[suite].truth(unseen, **options)
    simulated = simulate(suite, unseen, model, **options)
    expected = (truth.in_distribution, truth.unseen, truth.reference)
    np.testing.assert_allclose(simulated, expected, rtol=0.03, atol=0.005)
    assert truth.gap == pytest.approx(truth.difficulty + truth.cost_of_unseen)


# --- linear shift ---------------------------------------------------------------------------


@pytest.fixture(params=["classification", "regression"])
def family(request) -> LinearShift:
    return LinearShift(request.param, strengths=(1.5, 0.7, -1.0), shortcut_noise=(0.5, 0.8, 0.6))


def test_pooled_weights_are_least_squares(family):
    rng = np.random.default_rng(0)
    drawn = [family.sample(200_000, name, rng) for name in family.names[:2]]
    X, y = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    solution = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(family.pooled(family.names[:2]), solution, atol=0.01)
    alone = np.linalg.lstsq(X[:, -1:], y, rcond=None)[0]
    np.testing.assert_allclose(family.shortcut_only(family.names[:2]), [0, 0, *alone], atol=0.01)


def test_risks_are_those_of_samples(family):
    rng = np.random.default_rng(1)
    for name in family.names:
        X, y = family.sample(400_000, name, rng)
        for weights in (np.array([0.3, -0.5, 0.4]), family.invariant()):
            for intercept in (0.0, 0.5):
                score = X @ weights + intercept
                losses = (
                    np.sign(score) != y if family.task == "classification" else (score - y) ** 2
                )
                assert family.risk(weights, name, intercept) == pytest.approx(
                    losses.mean(), rel=0.02
                )


def test_invariant_risk_is_the_same_everywhere_and_known_by_hand():
    # regression: the noise's variance; classification: the normal tail beyond |w| = 1
    for task, risk in (("regression", 1.0), ("classification", stats.norm.cdf(-1.0))):
        family = LinearShift(task)
        assert [family.risk(family.invariant(), name) for name in family.names] == pytest.approx(
            [risk] * 4
        )


def test_pooled_regression_by_hand():
    """All parameters 1, so that the moments are [[1, 1], [1, 3]] and [1, 2]."""
    family = LinearShift("regression", (1.0,), (1.0, -1.0), (1.0,))
    np.testing.assert_allclose(family.pooled(["shortcut +1"]), [0.5, 0.5])
    assert family.risk(np.array([0.5, 0.5]), "shortcut +1") == pytest.approx(0.5)
    # at the reversed strength y - x/2 + y/2 - noise/2 = x + 3/2 e - noise/2: 1 + 9/4 + 1/4
    assert family.risk(np.array([0.5, 0.5]), "shortcut -1") == pytest.approx(3.5)


def test_a_single_environment_is_classified_as_well_as_can_be(family):
    if family.task == "regression":
        return
    name = family.names[0]
    mean = np.array([*family.causal, 1.5])
    best = stats.norm.cdf(-np.sqrt(mean**2 @ [1, 1, 1 / 0.25]))
    assert family.risk(family.pooled([name]), name) == pytest.approx(best)


def test_classes_follow_from_the_cause_alone():
    """P(y | cause) is the same logistic function at a reversed shortcut, and the cause too."""
    family = LinearShift("classification")
    for name in ("shortcut +1.5", "shortcut -1"):
        X, y = family.sample(200_000, name, np.random.default_rng(3))
        model = LogisticRegression(C=np.inf).fit(X[:, :2], y)
        np.testing.assert_allclose(model.coef_[0], [1.6, 1.2], atol=0.04)
        assert model.intercept_[0] == pytest.approx(0, abs=0.02)
        np.testing.assert_allclose(X[y > 0].mean(axis=0)[:2], [0.8, 0.6], atol=0.02)
        np.testing.assert_allclose(X[y > 0].var(axis=0), [1, 1, 0.25], atol=0.02)


def test_unknown_environments_and_wrong_weights_are_refused():
    family = LinearShift()
    with pytest.raises(UsageError, match=r"did you mean 'shortcut -1'"):
        family.risk(family.invariant(), "shortcut-1")
    with pytest.raises(UsageError, match="one for the shortcut"):
        family.risk(np.ones(2), "shortcut -1")
    with pytest.raises(UsageError, match="at least one training environment"):
        family.pooled([])


# --- concept, covariate and label shift ------------------------------------------------------


def test_concept_shift_costs_by_hand():
    """Three environments at -1, 0, 4 with noise 1: the others' means are 2, 1.5, -0.5."""
    family = ConceptShift((-1.0, 0.0, 4.0), noise=1.0)
    for name, missing in (("-1", 3.0), ("0", 1.5), ("4", -4.5)):
        truth = family.truth(name)
        assert truth.unseen == pytest.approx(1 + missing**2)
        assert truth.reference == pytest.approx(1 + (missing * 2 / 3) ** 2)
        assert truth.cost_of_unseen == pytest.approx(missing**2 * 5 / 9)
    assert family.truth("0").in_distribution == pytest.approx(1 + 2.5**2)


def test_covariate_shift_costs_a_right_model_nothing_and_a_wrong_one_something():
    right = CovariateShift()
    for name in right.names:
        truth = right.truth(name)
        assert truth.cost_of_unseen == 0
        assert truth.difficulty == pytest.approx(
            right.deviations[right.names.index(name)] ** 2
            - np.mean(np.delete(right.deviations, right.names.index(name)) ** 2)
        )
    wrong = CovariateShift(curvature=0.3)
    costs = [wrong.truth(name).cost_of_unseen for name in wrong.names]
    assert min(costs) > 0
    assert costs[0] == pytest.approx(costs[-1])
    assert costs[0] > 10 * costs[2]


def test_covariate_shift_risk_by_quadrature():
    family = CovariateShift((-1.0, 0.5, 2.0), curvature=0.4, noise=(0.2, 0.6))
    line = (0.3, 0.7)
    for name, mean, deviation in zip(family.names, family.means, (0.2, 0.4, 0.6), strict=True):
        expected, _ = integrate.quad(
            lambda x, m=mean: (x + 0.4 * x**2 - 0.3 - 0.7 * x) ** 2 * stats.norm.pdf(x, m), -12, 14
        )
        assert family.risk(line, name) == pytest.approx(expected + deviation**2)


def test_label_shift_risk_by_quadrature():
    """The Bayes error of a prior is the integral of the smaller joint density."""
    family = LabelShift((0.2, 0.6), separation=1.4)
    for prior in family.priors:
        points = [family.threshold(prior)]
        expected, _ = integrate.quad(
            lambda x, p=prior: min(p * stats.norm.pdf(x, 0.7), (1 - p) * stats.norm.pdf(x, -0.7)),
            -9,
            9,
            points=points,
        )
        assert family.risk(family.threshold(prior), prior) == pytest.approx(expected, rel=1e-6)


def test_label_shift_never_pays_for_having_seen():
    family = LabelShift((0.05, 0.4, 0.6, 0.8))
    costs = [family.truth(prior).cost_of_unseen for prior in family.priors]
    assert min(costs) >= 0
    assert costs[0] == max(costs)
