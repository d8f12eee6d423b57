"""Steps equal those of Gymnasium's own simulators, at their parameters and at others."""

import math

import numpy as np
import pytest

from gengap.control.physics import cart_pole, mountain_car, pendulum
from gengap.control.physics.system import Parameters, System

gymnasium = pytest.importorskip("gymnasium")
STEPS = 1000


def parameters(system: System, changed: bool, rng: np.random.Generator) -> dict[str, float]:
    """The defaults, or others from the ranges; friction is no part of these simulators."""
    return {
        name: rng.uniform(own.lowest, own.highest)
        if changed and name != "friction"
        else own.default
        for name, own in system.parameters.items()
    }


def everywhere(one: dict[str, float]) -> Parameters:
    return {name: np.full(STEPS, value) for name, value in one.items()}


@pytest.mark.parametrize("changed", [False, True])
def test_cart_pole(changed: bool) -> None:
    rng = np.random.default_rng(0)
    own = parameters(cart_pole.SYSTEM, changed, rng)
    states = rng.uniform(-1, 1, (STEPS, 4)) * [2.5, 3, 0.22, 3]
    actions = rng.integers(2, size=STEPS)
    found, reward, end = cart_pole.step(states, actions, everywhere(own))
    real = gymnasium.make("CartPole-v1").unwrapped
    real.reset(seed=0)
    real.gravity, real.length, real.masspole = own["gravity"], own["length"], own["mass"]
    real.masscart, real.force_mag = own["cart_mass"], own["force"]
    real.polemass_length, real.total_mass = own["mass"] * own["length"], real.masscart + own["mass"]
    for row in range(STEPS):
        real.state, real.steps_beyond_terminated = states[row], None
        _, earned, over, _, _ = real.step(int(actions[row]))
        np.testing.assert_allclose(found[row], real.state, rtol=1e-12, atol=1e-12)
        assert (reward[row], end[row]) == (earned, over)
    assert 0 < end.mean() < 1


@pytest.mark.parametrize("changed", [False, True])
def test_pendulum(changed: bool) -> None:
    rng = np.random.default_rng(0)
    own = parameters(pendulum.SYSTEM, changed, rng)
    states = rng.uniform(-1, 1, (STEPS, 2)) * [7, 9]
    actions = rng.uniform(-1.2, 1.2, (STEPS, 1))
    found, reward, end = pendulum.step(states, actions, everywhere(own))
    real = gymnasium.make("Pendulum-v1").unwrapped
    real.reset(seed=0)
    real.g, real.l, real.m = own["gravity"], own["length"], own["mass"]
    for row in range(STEPS):
        real.state = states[row]
        seen, earned, _, _, _ = real.step(2 * actions[row])
        np.testing.assert_allclose(found[row], real.state, rtol=1e-12)
        np.testing.assert_allclose(pendulum.seen(found[row : row + 1])[0], seen, atol=1e-6)
        assert reward[row] == pytest.approx(earned, rel=1e-12)
    assert not end.any()


@pytest.mark.parametrize("changed", [False, True])
def test_mountain_car(changed: bool) -> None:
    rng = np.random.default_rng(0)
    own = parameters(mountain_car.SYSTEM, changed, rng)
    states = rng.uniform([-1.2, -0.07], [0.6, 0.07], (STEPS, 2))
    actions = rng.integers(3, size=STEPS)
    found, reward, end = mountain_car.step(states, actions, everywhere(own))
    real = gymnasium.make("MountainCar-v0").unwrapped
    real.reset(seed=0)
    real.gravity, real.force = own["gravity"], own["force"]
    for row in range(STEPS):
        real.state = tuple(states[row])
        _, earned, over, _, _ = real.step(int(actions[row]))
        np.testing.assert_allclose(found[row], real.state, rtol=1e-12, atol=1e-14)
        assert (reward[row], end[row]) == (earned, over)
    assert 0 < end.mean() < 1
    assert math.isclose(found[:, 0].min(), mountain_car.LEFT)
