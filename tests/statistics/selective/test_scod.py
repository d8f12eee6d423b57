"""The plug-in rule against a Gaussian case whose best rejector is found by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from gengap.base.errors import UsageError
from gengap.statistics.selective.risk_coverage import risk_coverage_curve
from gengap.statistics.selective.scod import (
    budget_strangeness,
    budget_threshold,
    isotonic_ratio,
    joint_losses,
    joint_risk,
    mixture_ratio,
    plug_in_strangeness,
)

# Two classes N(-1, 1), N(1, 1), equally frequent; strangers N(3, 1). On a fine grid every integral
# is a sum, and a rejector a mask.
X = np.linspace(-7, 9, 1601)
STEP = X[1] - X[0]
LEFT, RIGHT = (0.5 * stats.norm.pdf(X, mean) * STEP for mean in (-1, 1))
IN, OUT = LEFT + RIGHT, stats.norm.pdf(X, 3) * STEP
ERROR, RATIO = np.minimum(LEFT, RIGHT) / IN, OUT / IN


def exact_risk(refused: np.ndarray, cost_in: float, cost_out: float) -> float:
    wrong = np.sum(np.minimum(LEFT, RIGHT)[~refused])
    weight = 1 - cost_in - cost_out
    return float(weight * wrong + cost_in * IN[refused].sum() + cost_out * OUT[~refused].sum())


def band(half: float, start: float) -> np.ndarray:
    return (np.abs(X) < half) | (start < X)


@pytest.mark.parametrize(("cost_in", "cost_out"), [(0.1, 0.2), (0.2, 0.3), (0.1, 0.05)])
def test_bayes_rule_is_the_best_of_all_bands(cost_in: float, cost_out: float):
    refused = plug_in_strangeness(ERROR, RATIO, cost_in=cost_in, cost_out=cost_out) > 0
    ours = exact_risk(refused, cost_in, cost_out)
    bands = itertools.product(np.arange(0, 1.5, 0.03), np.arange(-1, 5, 0.04))
    best = min(exact_risk(band(*limits), cost_in, cost_out) for limits in bands)
    assert ours <= best + 1e-12
    assert ours == pytest.approx(best, abs=1e-4)


def test_neither_estimate_alone_will_do():
    costs = {"cost_in": 0.2, "cost_out": 0.3}
    ours = exact_risk(plug_in_strangeness(ERROR, RATIO, **costs) > 0, 0.2, 0.3)
    alone = [
        min(exact_risk(score > cut, 0.2, 0.3) for cut in np.quantile(score, np.arange(0, 1, 0.005)))
        for score in (ERROR, RATIO)
    ]
    assert ours < min(alone) - 0.002


def test_the_closed_form_boundary():
    # Far right, e = 0 to 7 digits where rho = c_in / c_out: exp(2x - 4) * 2 = 2 at x = 2.
    found = plug_in_strangeness(ERROR, RATIO, cost_in=0.4, cost_out=0.2)
    e = 1 / (1 + np.exp(2 * np.abs(X)))
    rho = (
        2
        * np.exp(-((X - 3) ** 2) / 2)
        / (np.exp(-((X - 1) ** 2) / 2) + np.exp(-((X + 1) ** 2) / 2))
    )
    assert found == pytest.approx(0.4 * e + 0.2 * rho - 0.4)
    crossing = X[np.flatnonzero(found > 0)[0]]
    assert crossing == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("budget", [0.1, 0.3, 0.5])
def test_the_budget_is_spent_as_well_as_by_any_band(budget: float):
    ordinary, cost_out = 0.7, 0.4
    mixture = ordinary * IN + (1 - ordinary) * OUT

    def cost(refused: np.ndarray) -> float:
        wrong = np.sum(np.minimum(LEFT, RIGHT)[~refused])
        return float((1 - cost_out) * wrong + cost_out * OUT[~refused].sum())

    score = budget_strangeness(ERROR, RATIO, cost_out=cost_out, ordinary=ordinary)
    order = np.argsort(-score)
    refused = np.zeros(len(X), dtype=bool)
    refused[order[np.cumsum(mixture[order]) <= budget]] = True
    affordable = [
        cost(mask)
        for limits in itertools.product(np.arange(0, 2, 0.03), np.arange(0, 5, 0.03))
        if mixture[mask := band(*limits)].sum() <= budget
    ]
    # One more grid cell would fit; what it is worth bounds the error of the grid.
    assert cost(refused) <= min(affordable) + 2e-3


def test_budget_threshold_refuses_no_more_than_allowed():
    values = np.random.default_rng(0).integers(0, 7, 101)
    for budget in (0.0, 0.1, 0.35, 0.9):
        threshold = budget_threshold(values, budget)
        assert np.mean(values > threshold) <= budget
        smaller = values[values < threshold]
        assert smaller.size == 0 or np.mean(values > smaller.max()) > budget


def test_isotonic_ratio_finds_the_density_ratio():
    # N(0, 1) against N(1, 1): rho = exp(x - 1/2).
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 2, 13)
    found = isotonic_ratio(rng.normal(size=20_000), rng.normal(1, 1, 10_000), x)
    assert np.log(found) == pytest.approx(x - 0.5, abs=0.25)
    assert (np.diff(found) >= 0).all()


def test_isotonic_ratio_of_separated_scores_is_finite():
    # Nine ordinary below, one stranger above: odds 0.5 / 9.5 and 1.5 / 0.5, times 9 / 1.
    found = isotonic_ratio(range(9), [20], [-5, 3, 50])
    assert found == pytest.approx([9 * 0.5 / 9.5, 9 * 0.5 / 9.5, 27])


def test_a_mixture_gives_the_ratio():
    assert mixture_ratio((0.6 * IN + 0.4 * OUT) / IN, 0.6) == pytest.approx(RATIO)
    assert mixture_ratio([0.1, 0.6], 0.6).tolist() == [0.0, 0.0]


def test_the_loss_based_way_from_samples():
    rng = np.random.default_rng(2)
    ordinary = rng.normal(rng.choice([-1, 1], 20_000), 1)
    mixture = np.append(rng.normal(rng.choice([-1, 1], 12_000), 1), rng.normal(3, 1, 8000))
    x = np.append(ordinary, mixture)
    powers = np.stack([x, x**2, np.abs(x - 1), np.maximum(x, 0), np.maximum(x - 2, 0)], axis=1)
    model = LogisticRegression(max_iter=500).fit(powers, np.repeat([0, 1], 20_000))
    ratio = mixture_ratio(np.exp(model.decision_function(powers)), 0.6)
    e = 1 / (1 + np.exp(2 * np.abs(x)))
    true = stats.norm.pdf(x, 3) / ((stats.norm.pdf(x, 1) + stats.norm.pdf(x, -1)) / 2)
    ours = plug_in_strangeness(e, ratio, cost_in=0.2, cost_out=0.3) > 0
    bayes = plug_in_strangeness(e, true, cost_in=0.2, cost_out=0.3) > 0
    assert np.mean(ours == bayes) > 0.95


def test_joint_risk_by_hand():
    found = joint_risk(
        [1, 1, 0, 0], [True, False, True, False], [1, 1, 0], cost_in=0.2, cost_out=0.3
    )
    assert found.wrong_answered == 0.25
    assert found.ordinary_refused == 0.5
    assert found.strangers_answered == pytest.approx(1 / 3)
    assert found.risk == pytest.approx(0.5 * 0.25 + 0.2 * 0.5 + 0.1)


def test_joint_losses_make_a_joint_curve():
    losses = joint_losses([0, 1], 2, cost_out=0.25)
    assert losses.tolist() == [0, 0.75, 0.25, 0.25]
    assert risk_coverage_curve(losses, [1, 3, 2, 4]).risk == pytest.approx(
        [0, 0.125, 1 / 3, 1.25 / 4]
    )


def test_infinitely_strange_inputs():
    assert plug_in_strangeness([0.1], [np.inf], cost_in=0.1, cost_out=0.1)[0] == np.inf
    assert plug_in_strangeness([0.1], [np.inf], cost_in=0.1, cost_out=0.0)[0] < 0
    far = budget_strangeness([0.1, 0.1], [np.inf, 1e12], cost_out=0.4, ordinary=0.5)
    assert far == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plug_in_strangeness([0.1], [1], cost_in=0.9, cost_out=0.9), "together at most 1"),
        (lambda: plug_in_strangeness([1.5], [1], cost_in=0.1, cost_out=0.1), "chances"),
        (lambda: plug_in_strangeness([0.5], [-1], cost_in=0.1, cost_out=0.1), "negative"),
        (lambda: budget_strangeness([0.5], [1], cost_out=0.1, ordinary=1.0), "ordinary is 1.0"),
        (lambda: budget_threshold([1.0], 1.0), "budget is 1.0"),
        (lambda: mixture_ratio([-1.0], 0.5), "negative"),
        (lambda: isotonic_ratio([], [1.0], [1.0]), "ordinary must be a list"),
        (lambda: joint_losses([1.0], -1, cost_out=0.5), "strangers is -1"),
        (lambda: joint_risk([1.0], [1, 0], [1], cost_in=0.1, cost_out=0.1), "refused has 2"),
    ],
)
def test_bad_input(call, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        call()
