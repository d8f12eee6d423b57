"""Mountain car: leave a valley with an engine too weak to climb its side at once.

The equations and the reward of -1 a step are those of Gymnasium's ``MountainCar`` (Moore 1990),
with friction added. The controller pushes the way the car rolls, which gains most, and needs to
know no context: here hiding the context should cost nothing. The hasty one does the same until it
believes to be fast enough. Without friction pushing right conserves, up to the tick,

    H = ½ speed² + U(place),    U(place) = (gravity / 3) sin(3 place) - force · place,

so it pushes right for good as soon as ``H`` is above the highest ``U`` on the way, and where
gravity or the force are other than it believes it does not get there.
"""

from __future__ import annotations

import numpy as np

from gengap.control.physics.system import (
    Parameter,
    Parameters,
    Stepped,
    System,
    always,
    as_they_are,
    columns,
)

LEFT, RIGHT, FLAG = -1.2, 0.6, 0.5
FASTEST = 0.07
MARGIN = 1.02  # of the speed that would just do
PARAMETERS = {
    "gravity": Parameter(0.0025, 0.0015, 0.003, "per tick²"),
    "force": Parameter(0.001, 0.0008, 0.0015, "per tick²"),
    "friction": Parameter(0.0, 0.0, 0.004, "per tick"),
}


def begin(draws: np.ndarray) -> np.ndarray:
    """Anywhere in the valley, rolling slowly."""
    return np.array([-1.0, -0.02]) + draws * np.array([0.9, 0.04])


def step(state: np.ndarray, action: np.ndarray, own: Parameters) -> Stepped:
    """One tick; ``action`` is 0 to push left, 1 not to push, 2 to push right."""
    place, speed = state.T
    pushed = (action - 1) * own["force"] - own["gravity"] * np.cos(3 * place)
    speed = np.clip(speed * (1 - own["friction"]) + pushed, -FASTEST, FASTEST)
    place = np.clip(place + speed, LEFT, RIGHT)
    speed = np.where((place == LEFT) & (speed < 0), 0.0, speed)
    return columns(place, speed), np.full(len(state), -1.0), (place >= FLAG) & (speed >= 0)


def tuned(own: Parameters) -> Parameters:
    """The parameters, and where the way to the flag is highest."""
    crest = np.arccos(np.clip(own["force"] / own["gravity"], -1, 1)) / 3
    return {**own, "crest": np.minimum(crest, FLAG)}


def control(state: np.ndarray, own: Parameters) -> np.ndarray:
    """Push the way the car rolls."""
    return np.where(state[:, 1] >= 0, 2, 0)


def hasty(state: np.ndarray, own: Parameters) -> np.ndarray:
    """Push right where that should do, and otherwise the way the car rolls."""
    place, speed = state.T
    wall = _height(np.maximum(place, own["crest"]), own) - _height(place, own)
    return np.where((speed >= 0) | (speed**2 / 2 >= MARGIN**2 * wall), 2, 0)


def _height(place: np.ndarray, own: Parameters) -> np.ndarray:
    return own["gravity"] / 3 * np.sin(3 * place) - own["force"] * place


SYSTEM = System(
    "mountain-car", PARAMETERS, ("left", "none", "right"), True, 2, begin, step,
    seen=as_they_are, tuned=tuned, control=control,
    good=always, hold=0, goal=True, worth=1 / 200, horizon=200,
    rough=hasty,
)  # fmt: skip
