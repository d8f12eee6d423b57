"""Intervals and curves of sizes, against models of the mean, whose loss is known."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.statistics.intervals import student_mean
from gengap.statistics.size_effects import (
    contrast_interval,
    doubling_weights,
    point_interval,
    size_curve,
)

SIZES = [2, 4, 8, 13]
SPREAD, NOISE = 1.0, 1.0


def losses(K: int, sizes: list[int], rng: np.random.Generator, seeds: int = 5) -> np.ndarray:
    """Squared errors ``(P, K, S)`` of the mean of so many other environments, tested on 50."""
    mu = SPREAD * rng.normal(size=K)
    found = np.zeros((len(sizes), K, seeds))
    for e in range(K):
        others = np.delete(np.arange(K), e)
        for s in range(seeds):
            order = rng.permutation(others)
            for p, m in enumerate(sizes):
                off = mu[e] - mu[order[:m]].mean()
                noise = NOISE**2 * (1 + rng.normal() * np.sqrt(2 / 50))
                found[p, e, s] = off**2 + noise + 2 * off * NOISE * rng.normal() / np.sqrt(50)
    return found


def truth(m: float) -> float:
    """``E (mu_e - mean_m)^2`` and the noise of a test example."""
    return SPREAD**2 * (1 + 1 / m) + NOISE**2


def test_a_point_is_student_wider_by_the_second_part_that_environments_play() -> None:
    values = np.array([0.1, 0.4, 0.3, 0.2])
    narrow = student_mean(values)
    found = point_interval(values[:, None], groups=2)
    assert found.estimate == pytest.approx(0.25)
    assert found.high - 0.25 == pytest.approx(1.5 * (narrow.high - 0.25))


def test_two_environments_have_no_limits() -> None:
    assert not point_interval(np.ones((2, 3)), 2).defined


def test_doubling_weights_recover_a_plane_and_refuse_a_line() -> None:
    m, n = np.array([2, 2, 4, 8]), np.array([10, 40, 10, 20])
    score = 3 + 0.5 * np.log2(m) - 0.25 * np.log2(n)
    weights = doubling_weights(m, n)
    assert weights is not None
    np.testing.assert_allclose(weights @ score, [0.5, -0.25])
    assert doubling_weights([2, 4, 8], [10, 10, 10]) is None


def test_contrasts_of_equal_effects_have_no_width_but_the_part_of_environments() -> None:
    base = np.random.default_rng(0).normal(size=(6, 2))
    found = contrast_interval(np.stack([base + 1, base]), [1, -1], [4, 2])
    assert found.estimate == pytest.approx(1)
    spread = np.sqrt(base.mean(axis=1).var(ddof=1) / 6) / 4  # 1/2 - 1/4
    assert found.high - 1 == pytest.approx(2.5706 * spread, rel=1e-3)


def test_an_exact_power_law_is_found_with_its_exponent_and_limit() -> None:
    sizes = [1, 2, 4, 8, 16]
    curve = size_curve(sizes, [[[0.2 + 0.5 * m**-0.7]] * 4 for m in sizes], sizes)
    assert curve is not None
    assert curve.backtest is not None
    assert curve.exponent.estimate == pytest.approx(0.7, rel=0.02)
    assert curve.limit.estimate == pytest.approx(0.2, rel=0.02)
    assert curve.change(16, 32).estimate == pytest.approx(0.5 * (16**-0.7 - 32**-0.7), rel=0.02)
    assert curve.backtest.forecast.estimate == pytest.approx(curve.backtest.measured, rel=0.01)
    assert size_curve([1, 2, 4], np.ones((3, 4, 1)), [1, 2, 4]) is None


def test_studies_of_models_that_learn_a_mean() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(30):
        table = losses(14, [2, 13], rng)
        points = [point_interval(table[p], m) for p, m in enumerate((2, 13))]
        gain = contrast_interval(-table[[1, 0]], [1, -1], [13, 2])
        held += [i.low < truth(m) < i.high for i, m in zip(points, (2, 13), strict=True)]
        held.append(gain.low < truth(2) - truth(13) < gain.high)
    assert np.mean(held) >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize(("K", "sizes", "least"), [(14, SIZES, 0.91), (6, [1, 2, 4, 5], 0.84)])
def test_intervals_hold_the_truth_as_often_as_they_say(
    K: int, sizes: list[int], least: float
) -> None:
    rng = np.random.default_rng(2)
    points, trades, gains = [], [], []
    for r in range(200):
        table = losses(K, sizes, rng)
        points += [
            (i := point_interval(table[p], m)).low < truth(m) < i.high for p, m in enumerate(sizes)
        ]
        for a, b in ((0, 1), (1, 2), (0, 3)):
            pair = [sizes[b], sizes[a]]
            found = contrast_interval(-table[[b, a]], [1, -1], pair)
            trades.append(found.low < truth(sizes[a]) - truth(sizes[b]) < found.high)
        curve = size_curve(sizes, table, sizes, seed=r)
        assert curve is not None
        change = curve.change(sizes[-1], 2 * K)
        gains.append(change.low <= truth(sizes[-1]) - truth(2 * K) <= change.high)
    assert np.mean(points) >= least
    assert np.mean(trades) >= 0.91
    assert np.mean(gains) >= 0.92
