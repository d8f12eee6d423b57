"""Risk-coverage areas against every order of the ties, closed forms and simulated studies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gengap.base.errors import UsageError
from gengap.statistics.selective.risk_coverage import (
    FEW_ENVIRONMENTS,
    FEW_ERRORS,
    FEW_REFUSED,
    after_rejecting,
    risk_coverage_areas,
    risk_coverage_curve,
)

RNG = np.random.default_rng(0)
WRONG = (RNG.random(400) < 0.3).astype(float)
STRANGE = np.round(WRONG + RNG.normal(size=400), 1)


def one_order(loss: np.ndarray) -> np.ndarray:
    return np.cumsum(loss) / np.arange(1, len(loss) + 1)


def test_ties_are_the_mean_over_all_their_orders():
    loss, strange = np.array([0.0, 3.0, 1.0, 1.0, 2.0, 0.5]), np.array([0, 1, 1, 1, 2, 2])
    orders = [p for p in itertools.permutations(range(6)) if (np.diff(strange[list(p)]) >= 0).all()]
    curves = np.array([one_order(loss[list(p)]) for p in orders])
    assert len(orders) == 12
    assert risk_coverage_curve(loss, strange).risk == pytest.approx(curves.mean(0))
    areas = risk_coverage_areas(loss, strange, replicates=10)
    assert areas.aurc.estimate == pytest.approx(curves.mean())
    assert areas.gain.estimate == pytest.approx(loss.mean() - curves.mean())
    best = one_order(np.sort(loss)).mean()
    assert areas.excess.estimate == pytest.approx(curves.mean() - best)


def test_generalised_area_is_that_of_the_auroc():
    e, auroc = WRONG.mean(), roc_auc_score(WRONG, STRANGE)
    found = risk_coverage_areas(WRONG, STRANGE, replicates=10).generalised.estimate
    assert found == pytest.approx((1 - auroc) * e * (1 - e) + e**2 / 2)


def test_a_constant_score_is_refusal_at_random():
    areas = risk_coverage_areas(WRONG, np.zeros(400), replicates=50)
    assert (areas.gain.estimate, areas.gain.low, areas.gain.high) == pytest.approx((0, 0, 0))
    assert after_rejecting(WRONG, np.zeros(400), [0.2], replicates=50)[0].gain.high == (
        pytest.approx(0)
    )


def test_the_oracle_has_no_excess_in_any_resample():
    excess = risk_coverage_areas(WRONG, WRONG, replicates=50).excess
    assert (excess.estimate, excess.high) == pytest.approx((0, 0), abs=1e-12)


def test_after_rejecting_by_hand():
    found = after_rejecting([0, 1, 0, 1], [1, 2, 3, 4], [0.0, 0.25, 0.4, 0.5], replicates=10)
    # 0.4 of 4 examples: the third counts 0.4 of itself.
    assert [r.risk.estimate for r in found] == pytest.approx([0.5, 1 / 3, 1 / 2.4, 0.5])
    assert [r.gain.estimate for r in found] == pytest.approx([0, 1 / 6, 0.5 - 1 / 2.4, 0])
    assert found[1].accuracy.estimate == pytest.approx(2 / 3)
    assert found[1].accuracy.low == 1 - found[1].risk.high


def test_all_resamples_of_three_examples():
    wrong, strange = np.array([0.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0])
    values = []
    for draws in itertools.product(range(3), repeat=3):
        loss = wrong[sorted(draws)]
        values.append(loss.mean() - loss[:2].mean())
    low, high = np.quantile(values, [0.1, 0.9], method="inverted_cdf")
    found = after_rejecting(wrong, strange, [1 / 3], level=0.8)[0].gain
    assert (found.low, found.high) == pytest.approx((low, high))


def test_areas_of_resampled_environments_by_brute_force():
    environment = np.repeat(["a", "b", "c"], [2, 3, 4])
    loss, strange = RNG.random(9), RNG.random(9)
    values = []
    for draws in itertools.product("abc", repeat=3):
        rows = np.concatenate([np.flatnonzero(environment == name) for name in draws])
        curve = risk_coverage_curve(loss[rows], strange[rows])
        values.append(curve.risk.mean())
    found = risk_coverage_areas(loss, strange, environment, level=0.9).aurc
    limits = np.quantile(values, [0.05, 0.95], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx(tuple(limits))
    assert found.note == f"{FEW_ENVIRONMENTS} {FEW_ERRORS}"


def test_notes_and_missing_limits():
    few = after_rejecting([0] * 95 + [1] * 5, range(100), [0.1], replicates=20)[0]
    assert few.risk.note == FEW_ERRORS
    assert after_rejecting(WRONG, STRANGE, [0.02], replicates=5)[0].gain.note == FEW_REFUSED
    assert after_rejecting(WRONG, STRANGE, [0.1], replicates=5)[0].gain.note == ""
    assert not risk_coverage_areas([1.0], [2.0]).aurc.defined
    assert "One environment" in after_rejecting([0, 1], [0, 1], [0.1], ["a", "a"])[0].risk.note


def test_same_seed_same_digits():
    first, again = (risk_coverage_areas(WRONG, STRANGE, replicates=100) for _ in range(2))
    other = risk_coverage_areas(WRONG, STRANGE, replicates=100, seed=1)
    assert first == again
    assert first.aurc.low != other.aurc.low


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0, 1], [1.0]), "strangeness has 1 values where 2"),
        (([], []), "loss must be a list"),
        (([0, np.nan], [1, 2]), "missing or infinite"),
        (([0, 1], [1, 2], [1.0]), "shares is"),
        (([0, 1], [1, 2], [0.1], ["a"]), "environment must be 2 labels"),
        ((["x", 1], [1, 2]), "not numbers"),
    ],
)
def test_bad_input(arguments: tuple, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        after_rejecting(*arguments)


@pytest.mark.slow
def test_intervals_cover():
    rng = np.random.default_rng(1)
    truth = after_rejecting(*study(rng, 400_000), [0.2], replicates=1)[0]
    hits = np.zeros(2)
    for seed in range(400):
        found = after_rejecting(*study(rng, 300), [0.2], replicates=300, seed=seed)[0]
        hits += (
            not found.risk.excludes(truth.risk.estimate),
            not found.gain.excludes(truth.gain.estimate),
        )
    assert (hits / 400 > 0.91).all()


def study(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    strange = rng.normal(size=n)
    return (rng.random(n) < 1 / (1 + np.exp(1 - strange))).astype(float), strange
