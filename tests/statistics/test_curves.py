"""Learning curves: exact recovery, SciPy's curve_fit, linear cases, coverage of the bands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from gengap.base.errors import UsageError
from gengap.statistics.curves import fit_curve

SIZES = np.array([50.0, 100.0, 200.0, 400.0, 800.0, 1600.0])


def noisy(offset: float = 0.1, repeats: int = 3, noise: float = 0.02, seed: int = 0):
    rng = np.random.default_rng(seed)
    n = np.repeat(SIZES, repeats)
    return n, offset + 3 * n**-0.5 + noise * rng.normal(size=len(n))


@pytest.mark.parametrize(("offset", "exponent"), [(0.1, 0.5), (0.0, 0.3), (0.02, 1.7)])
def test_noise_free_points_are_recovered(offset: float, exponent: float):
    curve = fit_curve(SIZES, offset + 4 * SIZES**-exponent)
    assert curve.exponent.estimate == pytest.approx(exponent, rel=1e-4)
    assert curve.limit.estimate == pytest.approx(offset, abs=1e-5)
    assert curve.scale == pytest.approx(4, rel=1e-3)
    assert curve.predict(1e4).estimate == pytest.approx(offset + 4 * 1e4**-exponent, abs=1e-5)
    assert curve.saturates == ("levels off" if offset else "keeps improving")


def test_agrees_with_scipy():
    n, loss = noisy()
    curve = fit_curve(n, loss)
    theirs, _ = optimize.curve_fit(lambda n, o, s, e: o + s * n**-e, n, loss, p0=[0.1, 3, 0.5])
    mine = curve.limit.estimate, curve.scale, curve.exponent.estimate
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)


def test_offset_stops_at_the_best_value():
    # A concave log-log curve: the unbounded fit has an offset below 0.
    loss = 1.0 - 0.1 * np.log(SIZES / 50)
    free = fit_curve(SIZES, loss, best=-math.inf)
    assert free.limit.estimate < 0
    assert fit_curve(SIZES, loss).limit.estimate == 0
    # With offset 0 the best power law beats every other exponent: brute force.
    exponents = np.linspace(0.02, 1, 2000)
    x = SIZES[None] ** -exponents[:, None]
    scale = x @ loss / np.sum(x**2, axis=1)
    squares = np.sum((loss - scale[:, None] * x) ** 2, axis=1)
    best = exponents[np.argmin(squares)]
    assert fit_curve(SIZES, loss).exponent.estimate == pytest.approx(best, abs=1e-3)


def test_a_score_is_a_loss_turned_round():
    n, loss = noisy()
    down, up = fit_curve(n, loss), fit_curve(n, 1 - loss, best=1.0)
    assert up.limit.estimate == pytest.approx(1 - down.limit.estimate)
    assert up.predict(5000).low == pytest.approx(1 - down.predict(5000).high)
    free = fit_curve(n, 1 - loss, best=math.inf)
    assert free.limit.estimate == pytest.approx(up.limit.estimate, abs=1e-6)


def test_levelling_off_is_told_apart_only_when_the_points_can():
    assert fit_curve(*noisy(noise=0.003)).saturates == "levels off"
    assert fit_curve(*noisy(offset=0.0, noise=1e-4)).saturates == "keeps improving"
    assert fit_curve(*noisy(offset=0.02, noise=0.02)).saturates == "cannot be told apart"
    rng = np.random.default_rng(1)
    assert fit_curve(SIZES, 0.3 + 0.01 * rng.normal(size=6)).saturates == "flat"


def test_a_misfit_widens_the_band_and_is_said():
    n, loss = noisy(noise=0.001)
    bent = fit_curve(n, loss + 0.1 * (n == 200))
    assert "do not follow" in bent.note
    assert bent.predict(3200).half_width > 5 * fit_curve(n, loss).predict(3200).half_width


def test_new_measurements_vary_more_than_the_curve():
    curve = fit_curve(*noisy())
    widths = [curve.predict(1600, k).half_width for k in (1, 4)]
    assert widths[0] > widths[1] > curve.predict(1600).half_width


def test_same_seed_same_band_and_order_does_not_matter():
    n, loss = noisy()
    order = np.random.default_rng(3).permutation(len(n))
    first, second = fit_curve(n, loss, seed=5), fit_curve(n[order], loss[order], seed=5)
    assert first.predict(1e4).low == pytest.approx(second.predict(1e4).low)
    assert first.predict(1e4).low != fit_curve(n, loss, seed=6).predict(1e4).low


@pytest.mark.parametrize(
    ("n", "value", "best", "word"),
    [
        ([1, 2, 3, 3], [4, 3, 2, 2], 0.0, "distinct"),
        ([1, 2, 3, 4], [4, 3, 2, math.nan], 0.0, "finite"),
        ([0, 2, 3, 4], [4, 3, 2, 1], 0.0, "positive"),
        ([1, 2, 3], [4, 3, 2, 1], 0.0, "shape"),
        ([1, 2, 3, 4], [0.5, 0.7, 0.9, 1.1], 1.0, "both sides"),
        ([1, 2, 3, 4], [4, 3, 2, 1], math.nan, "best"),
    ],
)
def test_unusable_points(n, value, best: float, word: str):
    with pytest.raises(UsageError, match=word):
        fit_curve(n, value, best=best)


def test_unusable_prediction():
    with pytest.raises(UsageError, match="size 0"):
        fit_curve(*noisy()).predict(0)


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_coverage_of_bands(repeats: int, offset: float):
    hits = np.zeros(3)
    for seed in range(300):
        curve = fit_curve(*noisy(offset, repeats, 0.01, seed))
        for k, size in enumerate((50, 1600, 6400)):
            hits[k] += not curve.predict(size).excludes(offset + 3 * size**-0.5)
    assert hits.min() / 300 > 0.9
