"""Cart-pole: keep a pole upright on a cart by pushing the cart left or right.

The equations, the limits and the reward of 1 a step are those of Gymnasium's ``CartPole`` (Barto,
Sutton and Anderson 1983), with explicit Euler steps. ``length`` is half the pole's, as there. The
controller pushes to the side that the linear quadratic regulator of the upright pole says.
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
    columns,
    spread,
)

TICK = 0.02  # seconds
TRACK, LEAN = 2.4, 12 * 2 * np.pi / 360  # metres and radians at which the episode is lost
COST = np.diag([0.1, 0.1, 10.0, 0.1])  # of position, speed, angle, angular speed
PARAMETERS = {
    "gravity": Parameter(9.8, 5.0, 15.0, "m/s²"),
    "length": Parameter(0.5, 0.25, 2.0, "m"),
    "mass": Parameter(0.1, 0.05, 1.0, "kg"),
    "cart_mass": Parameter(1.0, 0.5, 2.0, "kg"),
    "force": Parameter(10.0, 5.0, 15.0, "N"),
}


def begin(draws: np.ndarray) -> np.ndarray:
    """Within half a metre of the middle, the pole leaning by up to half of what it may."""
    return spread(draws, 0.5, 0.5, LEAN / 2, 0.4)


def step(state: np.ndarray, action: np.ndarray, own: Parameters) -> Stepped:
    """One tick; ``action`` 1 pushes to the right, 0 to the left."""
    place, speed, angle, turn = state.T
    total = own["mass"] + own["cart_mass"]
    moment = own["mass"] * own["length"]
    force = np.where(action == 1, own["force"], -own["force"])
    cosine, sine = np.cos(angle), np.sin(angle)
    pushed = (force + moment * turn**2 * sine) / total
    turning = (own["gravity"] * sine - cosine * pushed) / (
        own["length"] * (4 / 3 - own["mass"] * cosine**2 / total)
    )
    gaining = pushed - moment * turning * cosine / total
    after = columns(
        place + TICK * speed, speed + TICK * gaining, angle + TICK * turn, turn + TICK * turning
    )
    lost = (np.abs(after[:, 0]) > TRACK) | (np.abs(after[:, 2]) > LEAN)
    return after, np.ones(len(state)), lost


def linear(own: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """``A (n, 4, 4)`` and ``B (n, 4, 1)`` of small leans, the force being the action."""
    n = len(own["length"])
    total, share = own["mass"] + own["cart_mass"], own["mass"] / (own["mass"] + own["cart_mass"])
    inertia = own["length"] * (4 / 3 - share)
    fall, push = own["gravity"] / inertia, -1 / (inertia * total)
    lever = share * own["length"]
    onward = matrices(
        [
            [1.0, TICK, 0.0, 0.0],
            [0.0, 1.0, -TICK * lever * fall, 0.0],
            [0.0, 0.0, 1.0, TICK],
            [0.0, 0.0, TICK * fall, 1.0],
        ],
        n,
    )
    added = matrices([[0.0], [TICK * (1 / total - lever * push)], [0.0], [TICK * push]], n)
    return onward, added


def tuned(own: Parameters) -> Parameters:
    """The regulator's feedback, in shares of the force."""
    onward, added = linear(own)
    feedback = gains(onward, added * own["force"][:, None, None], COST, np.eye(1))
    return {"feedback": feedback[:, 0]}


def control(state: np.ndarray, own: Parameters) -> np.ndarray:
    """Push to the side that the regulator would push to."""
    return ((own["feedback"] * state).sum(1) < 0).astype(np.int64)


SYSTEM = System(
    "cart-pole", PARAMETERS, ("left", "right"), True, 4, begin, step,
    seen=as_they_are, tuned=tuned, control=control,
    good=always, hold=0, goal=False, worth=1 / 200, horizon=200,
)  # fmt: skip
