"""Physical systems with contexts: each level is one system at parameters of its own.

Gravity, length, mass, friction and the like are drawn for each level and are its factors, so that
``--splits extrapolate:length`` asks what lies beyond the lengths trained on, and ``folds:2`` what a
new context within the range costs. Agents see the context, do not, or see it with noise.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _registered(
    system: System, summary: str, source: str, score: Score = "normalised return"
) -> Callable[..., Levels]:
    """Register the suite of a system, its levels being contexts."""
    usual = score

    def made(
        levels: int = 100,
        starts: int = 5,
        vary: tuple[str, ...] = (),
        context: Sight = "visible",
        data: Behaviour = "expert",
        score: Score = usual,
        seed: int = 0,
    ) -> Levels:
        """Levels of one system, each at parameters of its own.

        Args:
            levels: how many contexts.
            starts: of each, from which one episode is logged and agents are scored.
            vary: parameters that differ between contexts, all of them unless given; the others are
                at their defaults.
            context: whether agents see the parameters that differ, do not, or see them with noise.
            data: who acted when the log was written (:mod:`gengap.control.physics.drivers`).
            score: what agents are scored by.
            seed: decides the contexts, the starts and the log.
        """
        contexts = drawn(system, levels, starts, vary, context, seed)
        arena = PhysicsArena(contexts)
        everywhere = np.arange(len(contexts))
        best = arena.expert_scores(everywhere, "success").mean()
        even = arena.random_scores(everywhere, "success").mean()
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
                f"The log was written by {_WRITERS[data]}; {_SIGHTS[context]}. Of all starts the "
                f"expert succeeds from {best:.1%} within {system.horizon} actions, and acting at "
                f"random from {even:.1%}.",
            ),
            score=score,
        )

    return suite(system.name, summary=summary, source=source, default_splits="folds:2")(made)


cart_pole = _registered(
    cart_poles.SYSTEM,
    "Keep poles upright on carts; gravity, lengths, masses and forces differ.",
    "generated: the equations of Gymnasium's CartPole",
)
pendulum = _registered(
    pendulums.SYSTEM,
    "Swing rods up by a weak motor and hold them; lengths, masses and gravity differ.",
    "generated: the equations of Gymnasium's Pendulum",
)
mountain_car = _registered(
    mountain_cars.SYSTEM,
    "Leave valleys by a weak engine; gravity, force and friction differ.",
    "generated: the equations of Gymnasium's MountainCar",
)
point_mass = _registered(
    point_masses.SYSTEM,
    "Bring masses to rest by a thruster; gravity, mass and friction differ.",
    "generated: a mass with a thruster under gravity",
    score="success",
)
