"""Pendulum: swing a rod up with a motor too weak to lift it, and hold it there.

The equations and the reward, ``-(angle² + 0.1 turn² + 0.001 torque²)``, are those of Gymnasium's
``Pendulum``, with friction at the axis added. Upright is the angle 0. Per moment of inertia, with
``a = 3g / 2l`` and ``b = 3 / ml²``, the rod's energy is ``½ turn² + a (cos angle - 1)``, which is
zero at rest upright. The controller pumps energy until there is enough (Åström and Furuta 2000),
and where the motor is strong enough to catch the rod, the linear quadratic regulator takes over.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gengap.control.physics.regulator import gains, matrices
from gengap.control.physics.system import (
    Parameter,
    Parameters,
    Stepped,
    System,
    columns,
    spread,
)

TICK = 0.05  # seconds
TORQUE = 2.0  # newton metres, the motor's largest
# Gymnasium cuts the turn at 8 radians a second, with which a short rod under strong gravity could
# not be swung up at all.
FASTEST, WIDER = 8.0, 16.0
COST, EFFORT = np.diag([1.0, 0.1]), np.eye(1) * 0.1
CATCH = 0.5  # radians from upright within which the regulator takes over
UPRIGHT = 0.3  # radians from upright that count as up
PUMP = 1.0  # torque in shares per energy and turn
PARAMETERS = {
    "gravity": Parameter(10.0, 6.0, 14.0, "m/s²"),
    "length": Parameter(1.0, 0.6, 1.4, "m"),
    "mass": Parameter(1.0, 0.6, 1.4, "kg"),
    "friction": Parameter(0.0, 0.0, 0.05, "N m s"),
}


def begin(draws: np.ndarray) -> np.ndarray:
    """Anywhere, turning slowly."""
    return spread(draws, np.pi, 1.0)


def step(
    state: np.ndarray, action: np.ndarray, own: Parameters, tick: float = TICK,
    fastest: float = FASTEST,
) -> Stepped:  # fmt: skip
    """One tick; ``action (n, 1)`` is the share of the largest torque."""
    angle, turn = state.T
    torque = TORQUE * np.clip(action[:, 0], -1, 1)
    fall, push = _rates(own)
    cost = wrapped(angle) ** 2 + 0.1 * turn**2 + 0.001 * torque**2
    turning = fall * np.sin(angle) + push * (torque - own["friction"] * turn)
    after = np.clip(turn + turning * tick, -fastest, fastest)
    return columns(angle + after * tick, after), -cost, np.zeros(len(state), bool)


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angle between minus and plus a half turn."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def energy(state: np.ndarray, own: Parameters) -> np.ndarray:
    """Energy per moment of inertia, zero at rest upright."""
    return state[:, 1] ** 2 / 2 + _rates(own)[0] * (np.cos(state[:, 0]) - 1)


def linear(own: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """``A (n, 2, 2)`` and ``B (n, 2, 1)`` near upright, actions being shares."""
    fall, push = _rates(own)
    n, keeps = len(fall), 1 - TICK * push * own["friction"]
    onward = matrices([[1 + TICK**2 * fall, TICK * keeps], [TICK * fall, keeps]], n)
    return onward, TORQUE * matrices([[TICK**2 * push], [TICK * push]], n)


def tuned(own: Parameters) -> Parameters:
    """The parameters, and the regulator's feedback."""
    return {**own, "feedback": gains(*linear(own), COST, EFFORT)[:, 0]}


def control(state: np.ndarray, own: Parameters) -> np.ndarray:
    """Pump energy, and near upright hold."""
    angle, turn = wrapped(state[:, 0]), state[:, 1]
    fall, push = _rates(own)
    held = -(own["feedback"] * columns(angle, turn)).sum(1)
    # The rod falls along angle + turn / √fall; beyond this the largest torque cannot stop it.
    caught = np.abs(angle + turn / np.sqrt(fall)) < 0.9 * TORQUE * push / fall
    pumped = -PUMP * energy(state, own) * np.where(np.abs(turn) < 1e-3, 1.0, turn)
    chosen = np.where(caught & (np.abs(angle) < CATCH), held, pumped)
    return np.clip(chosen, -1, 1)[:, None]


def seen(state: np.ndarray) -> np.ndarray:
    """Cosine and sine of the angle, and the turn."""
    return columns(np.cos(state[:, 0]), np.sin(state[:, 0]), state[:, 1])


def upright(state: np.ndarray) -> np.ndarray:
    """Whether the rod is nearly upright."""
    return np.abs(wrapped(state[:, 0])) < UPRIGHT


def _rates(own: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """What gravity and a unit of torque do to the turn."""
    return 1.5 * own["gravity"] / own["length"], 3 / (own["mass"] * own["length"] ** 2)


SYSTEM = System(
    "pendulum", PARAMETERS, ("torque",), False, 2, begin, partial(step, fastest=WIDER), seen, tuned,
    control, good=upright, hold=40, goal=False,
    worth=1 / 1000, horizon=200,
)  # fmt: skip
