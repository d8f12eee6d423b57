"""p-values by hand, and the false-alarm rate over many calibrations."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.guard.calibration import calibrate, fewest, rank


def test_p_values_by_hand():
    c = calibrate(np.array([3.0, 1.0, 2.0, 2.0]), 0.2)
    # strictly above all: 1/5; tied with the largest: 2/5; tied with the two: 4/5; below all: 5/5
    np.testing.assert_allclose(c.p_values(np.array([4.0, 3.0, 2.0, 0.0])), [0.2, 0.4, 0.8, 1.0])
    assert c.threshold == 3.0
    assert np.isnan(c.p_values(np.array([np.nan]))).all()


def test_the_largest_p_value_over_environments():
    where = np.array([0, 0, 0, 1, 1, 1, 1])
    c = calibrate(np.array([1.0, 2, 3, 11, 12, 13, 14]), 0.25, where, ("a", "b"))
    np.testing.assert_allclose(c.p_values(np.array([12.5, 20.0])), [3 / 5, 1 / 4])
    assert c.threshold == 14.0
    accepted = c.p_values(np.array([14.0, 14.1])) > 0.25
    assert accepted.tolist() == [True, False]


def test_threshold_and_p_values_agree():
    rng = np.random.default_rng(0)
    for alpha in (0.01, 0.05, 0.1, 1 / 3, 0.5):
        for n in (120, 199, 200):
            scores = rng.integers(0, 40, n).astype(np.float32)
            c = calibrate(scores, alpha)
            grid = np.arange(-1, 42) * np.float32(1)
            assert ((c.p_values(grid) <= alpha) == (grid > c.threshold)).all()


def test_no_more_than_alpha_of_all_orders_are_rejected():
    """Every order of five scores with ties is equally likely; count the rejected last ones."""
    for scores in ([1, 2, 3, 4, 5], [1, 1, 2, 2, 2], [1, 2, 5, 5, 5], [7, 7, 7, 7, 7]):
        for alpha in (0.2, 0.4, 0.6):
            rejected = [
                calibrate(np.array(order[:4], float), alpha).p_values(np.array(order[4:]))[0]
                <= alpha
                for order in permutations(scores)
            ]
            assert np.mean(rejected) <= alpha + 1e-12
            if len(set(scores)) == 5:
                assert np.mean(rejected) == pytest.approx(alpha)


def alike(environments: int, each: int, alpha: float) -> float:
    where = np.repeat(np.arange(environments), each)
    names = tuple(map(str, range(environments)))
    return calibrate(np.zeros(len(where)), alpha, where, names).if_alike()


def test_what_is_rejected_of_environments_that_are_alike():
    """Of one floor(alpha (n + 1)) / (n + 1); of the least of K Beta(1, n), 1 / (Kn + 1)."""
    assert alike(1, 99, 0.05) == pytest.approx(0.05)
    assert alike(1, 100, 0.05) == pytest.approx(5 / 101)
    assert alike(7, 19, 0.05) == pytest.approx(1 / (7 * 19 + 1))


def test_what_is_rejected_of_alike_environments_in_simulation():
    rng, rates = np.random.default_rng(0), []
    where, names = np.repeat(np.arange(12), 39), tuple("abcdefghijkl")
    for _ in range(400):
        c = calibrate(rng.random(len(where)), 0.1, where, names)
        rates.append(1 - c.threshold)
    error = np.std(rates, ddof=1) / 20
    assert alike(12, 39, 0.1) == pytest.approx(np.mean(rates), abs=3 * error)


@pytest.mark.parametrize("alpha", [0.01, 0.02, 0.05, 0.07, 0.1, 0.15, 0.3])
def test_rank_is_exact(alpha):
    exact = Fraction(str(alpha))
    for n in range(1, 400):
        assert rank(n, alpha) == int(exact * (n + 1))
    assert rank(fewest(alpha), alpha) == 1
    assert rank(fewest(alpha) - 1, alpha) == 0


def test_too_few_examples_could_never_reject():
    assert fewest(0.05) == 19
    calibrate(np.arange(19.0), 0.05)
    with pytest.raises(UsageError, match=r"18 calibration examples can never .* enough for 19"):
        calibrate(np.arange(18.0), 0.05)
    where = np.repeat([0, 1], [30, 5])
    with pytest.raises(UsageError, match="5 calibration examples in environment west"):
        calibrate(np.arange(35.0), 0.05, where, ("east", "west"))
    with pytest.raises(UsageError, match="is not a number"):
        calibrate(np.array([np.nan] * 30), 0.05)


@pytest.mark.parametrize("n", [50, 300])
@pytest.mark.parametrize("step", [0.0, 0.5])
def test_false_alarms_over_a_thousand_calibrations(n, step):
    """Each of 1,000 calibrations judges 200 new examples; exact rate floor(alpha (n+1))/(n+1)."""
    rng = np.random.default_rng(n)
    rates = []
    for _ in range(1000):
        scores = rng.standard_cauchy(n + 200)
        if step:
            scores = np.floor(np.clip(scores, -3, 3) / step)
        c = calibrate(scores[:n], 0.05)
        rates.append(np.mean(c.p_values(scores[n:]) <= 0.05))
    error = np.std(rates, ddof=1) / np.sqrt(1000)
    exact = rank(n, 0.05) / (n + 1)
    assert np.mean(rates) <= exact + 3 * error
    if not step:
        assert np.mean(rates) >= exact - 3 * error


def test_false_alarms_in_the_worst_environment():
    rng = np.random.default_rng(1)
    scale = np.array([1.0, 2.0, 5.0])
    where = np.repeat([0, 1, 2], 40)
    together, apart = np.zeros((2, 1000, 3))
    for k in range(1000):
        scores = scale[where] * rng.normal(size=120)
        new = scale[:, None] * rng.normal(size=(3, 50))
        for rates, c in (
            (together, calibrate(scores, 0.1)),
            (apart, calibrate(scores, 0.1, where, ("a", "b", "c"))),
        ):
            rates[k] = [np.mean(c.p_values(own) <= 0.1) for own in new]
    error = apart.std(0, ddof=1) / np.sqrt(1000)
    assert (apart.mean(0) <= 0.1 + 3 * error).all()
    assert together.mean(0).max() > 0.2  # what asking for it in each environment is for
