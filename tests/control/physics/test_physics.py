"""Laws of physics, closed forms, and the controllers."""

import numpy as np
import pytest

from gengap.control.physics import cart_pole, mountain_car, pendulum, point_mass
from gengap.control.physics.system import Parameters, System

SYSTEMS = [module.SYSTEM for module in (cart_pole, pendulum, mountain_car, point_mass)]


def some_parameters(system: System, n: int, seed: int = 0) -> Parameters:
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(own.lowest, own.highest, n) for name, own in system.parameters.items()
    }


def drift(tick: float) -> float:
    """How far a free pendulum's energy strays within two seconds, in shares of its depth."""
    own = {**some_parameters(pendulum.SYSTEM, 20), "friction": np.zeros(20)}
    state = pendulum.begin(np.random.default_rng(1).random((20, 2)))
    first, strays = pendulum.energy(state, own), np.zeros(20)
    for _ in range(round(2 / tick)):
        state, _, _ = pendulum.step(state, np.zeros((20, 1)), own, tick, fastest=np.inf)
        strays = np.maximum(strays, np.abs(pendulum.energy(state, own) - first))
    return float((strays / (1.5 * own["gravity"] / own["length"])).max())


def test_a_free_pendulum_keeps_its_energy_and_the_finer_the_tick_the_better() -> None:
    coarse, fine = drift(0.004), drift(0.002)
    assert fine < 0.02
    assert coarse / fine == pytest.approx(2, rel=0.1)  # an integrator of the first order


def test_friction_takes_energy_and_torque_gives_it() -> None:
    own = {**some_parameters(pendulum.SYSTEM, 5), "friction": np.full(5, 0.3)}
    state = pendulum.begin(np.random.default_rng(1).random((5, 2)))
    rest = state
    for _ in range(2000):
        rest, _, _ = pendulum.step(rest, np.zeros((5, 1)), own, 0.01)
    np.testing.assert_allclose(np.cos(rest[:, 0]), -1, atol=1e-2)  # hangs
    np.testing.assert_allclose(rest[:, 1], 0, atol=1e-1)


def test_a_thrown_mass_falls_as_a_closed_form_says() -> None:
    """With friction k and mass m, speed approaches -mg/k, by the factor 1 - k tick / m a tick."""
    own = {name: np.array([value]) for name, value in (
        ("gravity", 0.02), ("mass", 2.0), ("friction", 0.4))}  # fmt: skip
    state = np.array([[0.0, 1.0, 0.1, 0.1]])
    for _ in range(10):
        state, _, _ = point_mass.step(state, np.array([0]), own)
    keeps = (1 - 0.4 * 0.1 / 2) ** 10
    np.testing.assert_allclose(state[0, 2:], [0.1 * keeps, -0.1 + 0.2 * keeps], rtol=1e-12)


def test_walls_stop_a_mass_and_the_middle_ends_it() -> None:
    own = point_mass.SYSTEM.nominal(2)
    state = np.array([[1.99, 0.0, 5.0, 0.5], [0.05, 0.0, 0.0, 0.0]])
    after, reward, end = point_mass.step(state, np.array([0, 0]), own)
    assert after[0, 0] == 2
    assert after[0, 2] == 0
    assert after[0, 3] == pytest.approx(0.495)
    np.testing.assert_allclose(reward, [-np.hypot(2, 0.0495), -0.05])
    assert end.tolist() == [False, True]


@pytest.mark.parametrize("system", [cart_pole, pendulum, point_mass])
def test_linear_forms_are_the_steps_slopes(system: object) -> None:
    """Central differences of the step at rest at the top, or in the middle."""
    own = some_parameters(system.SYSTEM, 1)
    onward, added = system.linear(own)
    tiny, size = 1e-6, onward.shape[1]
    if system is point_mass:  # one axis, against the feedback of thrust to the right
        own["gravity"] = np.zeros(1)
        places = [0, 2]
    else:
        places = list(range(size))
    width = len(system.begin(np.zeros((1, system.SYSTEM.draws)))[0])
    still = {"cart_pole": None, "pendulum": np.zeros((1, 1)), "point_mass": np.array([0])}
    push = still[system.__name__.rsplit(".", 1)[-1]]
    for column, place in enumerate(places):
        moved = []
        for sign in (1, -1):
            state = np.zeros((1, width))
            state[0, place] = sign * tiny
            if push is None:  # the pushes left and right cancel
                both = [system.step(state, np.array([side]), own)[0] for side in (0, 1)]
                after = (both[0] + both[1]) / 2
            else:
                after = system.step(state, push, own)[0]
            moved.append(after[0, places])
        slope = (moved[0] - moved[1]) / (2 * tiny)
        np.testing.assert_allclose(slope, onward[0, :, column], atol=1e-6)
    rest = np.zeros((1, width))
    if push is None:
        pushed = system.step(rest, np.array([1]), own)[0] / own["force"]
    elif system is pendulum:
        pushed = system.step(rest, np.full((1, 1), tiny), own)[0] / tiny
    else:
        pushed = system.step(rest, np.array([1]), own)[0]
    np.testing.assert_allclose(pushed[0, places], added[0, :, 0], rtol=1e-5, atol=1e-9)


def test_pushing_right_keeps_what_the_hasty_one_counts_on() -> None:
    """Energy under a push to the right, without friction, up to the tick's error."""
    own = {**some_parameters(mountain_car.SYSTEM, 9), "friction": np.zeros(9)}
    state = np.stack([np.linspace(-1, 0, 9), np.full(9, 0.001)], 1)

    def total(state: np.ndarray) -> np.ndarray:
        lift = own["gravity"] / 3 * np.sin(3 * state[:, 0]) - own["force"] * state[:, 0]
        return state[:, 1] ** 2 / 2 + lift

    first = total(state)
    for _ in range(10):
        state, _, _ = mountain_car.step(state, np.full(9, 2), own)
    np.testing.assert_allclose(total(state), first, atol=1e-4)  # of depths about 2e-3
    crest = mountain_car.tuned(own)["crest"]
    slope = own["gravity"] * np.cos(3 * crest) - own["force"]
    np.testing.assert_allclose(slope[crest < mountain_car.FLAG], 0, atol=1e-15)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_steps_of_many_are_the_steps_of_each(system: System) -> None:
    rng = np.random.default_rng(0)
    own, state = some_parameters(system, 7), system.begin(rng.random((7, system.draws)))
    action = (
        rng.integers(len(system.actions), size=7)
        if system.discrete
        else rng.uniform(-1, 1, (7, len(system.actions)))
    )
    together = system.step(state, action, own)
    for k in range(7):
        alone = system.step(
            state[k : k + 1], action[k : k + 1], {n: v[k : k + 1] for n, v in own.items()}
        )
        for ours, theirs in zip(together, alone, strict=True):
            np.testing.assert_array_equal(ours[k], theirs[0])
