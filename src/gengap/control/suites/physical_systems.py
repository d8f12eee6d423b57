"""Physical systems with contexts: each level is one system at parameters of its own.

Gravity, length, mass, friction and the like are drawn for each level and are its factors, so that
``--splits extrapolate:length`` asks what lies beyond the lengths trained on, and ``folds:2`` what a
new context within the range costs. Agents see the context, do not, or see it with noise.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from gengap.control.levels import Levels, levels_of
from gengap.control.physics import cart_pole as cart_poles
from gengap.control.physics import mountain_car as mountain_cars
from gengap.control.physics import pendulum as pendulums
from gengap.control.physics import point_mass as point_masses
from gengap.control.physics.contexts import Sight, drawn
from gengap.control.physics.drivers import logged
from gengap.control.physics.system import System
from gengap.control.physics_arena import PhysicsArena
from gengap.environments.suites import suite

Behaviour = Literal["expert", "suboptimal", "mixed", "replay", "random"]
Score = Literal["normalised return", "return", "success"]
_OPTIONS = """

    Args:
        levels: how many contexts.
        starts: of each, from which one episode is logged and agents are scored.
        vary: parameters that differ between contexts, all of them unless given; the others are at
            their defaults.
        context: whether agents see the parameters that differ, do not, or see them with noise.
        data: who acted when the log was written (:mod:`gengap.control.physics.drivers`).
        score: what agents are scored by.
        seed: decides the contexts, the starts and the log.
    """


@suite(
    "cart-pole",
    summary="Keep poles upright on carts; gravity, lengths, masses and forces differ.",
    source="generated: the equations of Gymnasium's CartPole",
    default_splits="folds:2",
)
def cart_pole(
    levels: int = 100,
    starts: int = 5,
    vary: tuple[str, ...] = (),
    context: Sight = "visible",
    data: Behaviour = "expert",
    score: Score = "normalised return",
    seed: int = 0,
) -> Levels:
    """Keep a pole upright on a cart; gravity, length, mass, cart_mass and force differ."""
    return _made(cart_poles.SYSTEM, levels, starts, vary, context, data, score, seed)


@suite(
    "pendulum",
    summary="Swing rods up by a weak motor and hold them; lengths, masses and gravity differ.",
    source="generated: the equations of Gymnasium's Pendulum",
    default_splits="folds:2",
)
def pendulum(
    levels: int = 100,
    starts: int = 5,
    vary: tuple[str, ...] = (),
    context: Sight = "visible",
    data: Behaviour = "expert",
    score: Score = "normalised return",
    seed: int = 0,
) -> Levels:
    """Swing a rod up by a weak motor; gravity, length, mass and friction differ."""
    return _made(pendulums.SYSTEM, levels, starts, vary, context, data, score, seed)


@suite(
    "mountain-car",
    summary="Leave valleys by a weak engine; gravity, force and friction differ.",
    source="generated: the equations of Gymnasium's MountainCar",
    default_splits="folds:2",
)
def mountain_car(
    levels: int = 100,
    starts: int = 5,
    vary: tuple[str, ...] = (),
    context: Sight = "visible",
    data: Behaviour = "expert",
    score: Score = "normalised return",
    seed: int = 0,
) -> Levels:
    """Leave a valley by a weak engine; gravity, force and friction differ."""
    return _made(mountain_cars.SYSTEM, levels, starts, vary, context, data, score, seed)


@suite(
    "point-mass",
    summary="Bring masses to rest by a thruster; gravity, mass and friction differ.",
    source="generated: a mass with a thruster under gravity",
    default_splits="folds:2",
)
def point_mass(
    levels: int = 100,
    starts: int = 5,
    vary: tuple[str, ...] = (),
    context: Sight = "visible",
    data: Behaviour = "expert",
    score: Score = "success",
    seed: int = 0,
) -> Levels:
    """Come to rest in the middle of a square; gravity, mass and friction differ."""
    return _made(point_masses.SYSTEM, levels, starts, vary, context, data, score, seed)


for _suite in (cart_pole, pendulum, mountain_car, point_mass):
    _suite.__doc__ = f"{_suite.__doc__}{_OPTIONS}"


def _made(
    system: System,
    levels: int,
    starts: int,
    vary: tuple[str, ...],
    sight: Sight,
    data: str,
    score: Score,
    seed: int,
) -> Levels:
    contexts = drawn(system, levels, starts, vary, sight, seed)
    arena = PhysicsArena(contexts)
    best = arena.expert_scores(np.arange(len(contexts)), "success").mean()
    even = arena.random_scores("success").mean()
    return levels_of(
        contexts.level,
        logged(contexts, data),
        arena,
        names=[f"{system.name} {number}" for number in range(levels)],
        actions=system.actions,
        name=system.name,
        kind="context",
        factors=pd.DataFrame(dict(contexts.own)),
        notes=(
            f"The log was written by {_WRITERS[data]}; {_SIGHTS[sight]}. Of all starts the expert "
            f"succeeds from {best:.1%} within {system.horizon} actions, and acting at random from "
            f"{even:.1%}.",
        ),
        score=score,
    )


_WRITERS = {
    "expert": "a controller that knows each context",
    "suboptimal": "a controller that takes every parameter to be at its default",
    "mixed": "a controller that knows each context and one that knows none, by turns",
    "replay": "somebody who learnt meanwhile",
    "random": "somebody who acts at random",
}
_SIGHTS = {
    "visible": "agents see the parameters that differ",
    "hidden": "agents do not see the parameters that differ",
    "noisy": "agents see the parameters that differ with noise",
}
