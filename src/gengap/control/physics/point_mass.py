"""Point mass: come to rest at the middle of a square, thrusting in one of eight directions or not.

A thruster of one newton pushes, gravity pulls down, friction slows in proportion to speed; walls
stop what reaches them. Ticks are semi-implicit Euler steps, and each costs the distance from the
middle. The controller is proportional and derivative: it wants the force that the linear quadratic
regulator wants, and holds against gravity, and takes the direction that comes closest.
"""

from __future__ import annotations

import numpy as np

from gengap.control.physics.regulator import gains, matrices
from gengap.control.physics.system import (
    Parameter,
    Parameters,
    Stepped,
    System,
    always,
    as_they_are,
    spread,
)

TICK = 0.1  # seconds
WALL = 2.0  # metres from the middle
NEAR, SLOW = 0.1, 0.2  # metres and metres a second that count as at rest in the middle
COST, EFFORT = np.diag([1.0, 0.5]), np.eye(1) * 0.1
_EIGHT = {
    "right": 0, "up right": 45, "up": 90, "up left": 135, "left": 180, "down left": 225,
    "down": 270, "down right": 315,
}  # fmt: skip
ACTIONS = ("none", *_EIGHT)
# (9, 2) newton
THRUST = np.array(
    [(0.0, 0.0), *((np.cos(turn), np.sin(turn)) for turn in np.deg2rad(list(_EIGHT.values())))]
)
PARAMETERS = {
    "gravity": Parameter(0.0, 0.0, 0.4, "m/s²"),
    "mass": Parameter(1.0, 0.5, 2.0, "kg"),
    "friction": Parameter(0.1, 0.0, 0.5, "N s/m"),
}


def begin(draws: np.ndarray) -> np.ndarray:
    """Anywhere within a metre of the middle, on either axis, moving slowly."""
    return spread(draws, 1.0, 1.0, 0.3, 0.3)


def step(state: np.ndarray, action: np.ndarray, own: Parameters) -> Stepped:
    """One tick; ``action`` is a row of :data:`THRUST`. States are places and speeds, x and y."""
    place, speed = state[:, :2], state[:, 2:]
    mass = own["mass"][:, None]
    pull = np.stack([np.zeros(len(state)), -own["gravity"]], 1)
    pushed = (THRUST[action] - own["friction"][:, None] * speed) / mass + pull
    speed = speed + TICK * pushed
    wanted = place + TICK * speed
    place = np.clip(wanted, -WALL, WALL)
    speed = np.where(place == wanted, speed, 0.0)
    distance = np.hypot(place[:, 0], place[:, 1])
    there = (distance < NEAR) & (np.hypot(speed[:, 0], speed[:, 1]) < SLOW)
    return np.concatenate([place, speed], 1), -distance, there


def linear(own: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """``A (n, 2, 2)`` and ``B (n, 2, 1)`` of one axis, the force being the action."""
    n, keeps = len(own["mass"]), 1 - TICK * own["friction"] / own["mass"]
    onward = matrices([[1.0, TICK * keeps], [0.0, keeps]], n)
    return onward, matrices([[TICK**2 / own["mass"]], [TICK / own["mass"]]], n)


def tuned(own: Parameters) -> Parameters:
    """The feedback of an axis, and the force against gravity."""
    return {
        "feedback": gains(*linear(own), COST, EFFORT)[:, 0],
        "lift": own["mass"] * own["gravity"],
    }


def control(state: np.ndarray, own: Parameters) -> np.ndarray:
    """The direction whose force comes closest to what is wanted, or none."""
    wanted = -own["feedback"][:, :1] * state[:, :2] - own["feedback"][:, 1:] * state[:, 2:]
    wanted[:, 1] += own["lift"]
    # The motor gives at most one newton, so what is wanted beyond is wanted in the same direction.
    wanted /= np.maximum(np.hypot(wanted[:, 0], wanted[:, 1]), 1.0)[:, None]
    apart = np.square(THRUST - wanted[:, None]).sum(-1)
    return apart.argmin(1)


SYSTEM = System(
    "point-mass", PARAMETERS, ACTIONS, True, 4, begin, step, seen=as_they_are, tuned=tuned,
    control=control, good=always, hold=0, goal=True,
    worth=1 / 50, horizon=100,
)  # fmt: skip
