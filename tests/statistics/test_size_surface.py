"""The surface of a loss against environments and examples."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.statistics.size_surface import fit_surface, held_back

POINTS = [(m, m * n) for m in (2, 4, 8) for n in (5, 20)]
M, N = np.array(POINTS, float).T


def table(losses: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """``(P, 6, 1)``: the same for all environments, but for noise of each."""
    draw = np.random.default_rng(0).normal(size=(len(losses), 6, 1))
    return losses[:, None, None] + noise * draw


def test_a_surface_is_found_again_and_foresees_what_was_held_back() -> None:
    losses = 0.3 + 0.5 / M + 2.0 / N
    surface = fit_surface(M, N, table(losses, 1e-4))
    assert surface is not None
    assert surface.expected(16, 320).estimate == pytest.approx(0.3 + 0.5 / 16 + 2 / 320, abs=0.01)
    # Exponents are tried on a grid, so that next to no noise is no exact answer.
    gain = surface.gain((8, 160), (16, 320))
    assert gain.estimate == pytest.approx(0.5 / 16 + 2 / 320, abs=0.005)
    test = held_back(M, N, table(losses, 1e-4))
    assert test is not None
    assert test.size == 8
    assert test.holds
    assert test.measured == pytest.approx(losses[-1], abs=1e-3)


def test_a_bend_that_the_smaller_sizes_do_not_show_is_told() -> None:
    losses = 0.3 + 0.5 / M + 2.0 / N
    losses[M == 8] += 0.2
    test = held_back(M, N, table(losses, 1e-3))
    assert test is not None
    assert not test.holds


def test_coefficients_are_those_of_nonnegative_least_squares() -> None:
    from scipy.optimize import nnls

    from gengap.statistics.size_surface import EXPONENTS, _best

    rng = np.random.default_rng(1)
    losses = np.abs(rng.normal(size=(5, len(M))))
    weights = rng.uniform(0.5, 2, len(M))
    coefficients, exponents = _best(M, N, losses, weights)
    for row, own, powers in zip(losses, coefficients, exponents, strict=True):
        squares = [
            nnls(np.stack([M**0, M**-a, N**-b], 1) * weights[:, None], row * weights)[1]
            for a in EXPONENTS
            for b in EXPONENTS
        ]
        design = np.stack([M**0, M ** -powers[0], N ** -powers[1]], 1) * weights[:, None]
        assert np.linalg.norm(design @ own - row * weights) == pytest.approx(min(squares))


def test_one_axis_alone_cannot_tell() -> None:
    assert fit_surface([2, 4, 8, 16], [10, 20, 40, 80], np.ones((4, 5, 1))) is None
    assert fit_surface(M[:3], N[:3], np.ones((3, 5, 1))) is None


@pytest.mark.slow
def test_gains_and_forecasts_hold_as_often_as_they_say() -> None:
    """Models that learn the mean of their environments: both exponents are 1."""
    rng = np.random.default_rng(3)
    points = [(m, m * n) for m in (1, 2, 4, 7) for n in (2, 8)]
    m, total = np.array(points, float).T
    gains, forecasts = [], []
    for r in range(60):
        mu, found = rng.normal(size=8), np.zeros((len(points), 8, 5))
        for e in range(8):
            for s in range(5):
                order = rng.permutation(np.delete(np.arange(8), e))
                for p, (a, b) in enumerate(points):
                    off = mu[e] - mu[order[:a]].mean() - rng.normal() / np.sqrt(b)
                    found[p, e, s] = off**2 + 1 + 0.2 * rng.normal()
        surface = fit_surface(m, total, found, seed=r)
        test = held_back(m, total, found, seed=r)
        assert surface is not None
        assert test is not None
        gain = surface.gain((8, 64), (16, 128))
        gains.append(gain.low <= 1 / 16 + 1 / 128 <= gain.high)
        forecasts.append(test.holds)
    assert np.mean(gains) >= 0.9
    assert np.mean(forecasts) >= 0.9
