"""What must hold of a simulator before anything is learnt in it, found by resetting it twice."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from gengap.base.errors import UsageError
from gengap.control.simulators import Simulator, Stage, walk
from gengap.control.spaces import Actions, leaves

# Scenes that are looked into, spread over all of them, and random actions taken in each.
LOOKED, STEPS = 24, 30


def examine(simulator: Simulator, actions: Actions) -> tuple[bool, str, list[str]]:
    """Whether anything is drawn after an episode's start, a digest, and sentences.

    Raises:
        UsageError: resetting twice gives two levels, or all levels are one.
    """
    scenes = simulator.scenes
    some = np.unique(np.linspace(0, len(scenes) - 1, min(LOOKED, len(scenes))).astype(int))
    stage, digest, drawn, unsteady = Stage(simulator), sha256(), False, False
    walks: set[bytes] = set()
    for scene in map(int, some):
        first = _seen(stage.reset(scene, 0))
        met = walk(stage, scene, 0, actions, STEPS)
        again = Stage(simulator) if scene == 0 else stage
        if first != _seen(again.reset(scene, 0)):
            own = scenes[scene]
            raise UsageError(
                f"reset(seed={own.seed or 0}) of {simulator.name} gives another level each time "
                "it is called, so no level can be told from another; draw everything about the "
                "level from the seed (super().reset(seed=seed), then self.np_random)."
            )
        unsteady |= met != walk(again, scene, 0, actions, STEPS)
        drawn |= met != walk(stage, scene, 1, actions, STEPS)
        walks.add(met)
        digest.update(met)
    if len({scenes[scene].level for scene in some}) > 1 and len(walks) == 1:
        what = "the seed" if scenes[0].seed is not None else "its context"
        raise UsageError(
            f"The {len(scenes)} levels of {simulator.name} are all the same: it does not heed "
            f"{what}; make the level from it."
        )
    said = [
        f"{simulator.name} draws something that its seed does not decide, so the same agent "
        "earns another score when it is scored again; draw from self.np_random."
    ]
    by_seed = scenes[0].seed is not None
    return drawn or unsteady or not by_seed, digest.hexdigest(), said if unsteady else []


def _seen(observation: object) -> dict[str, bytes]:
    return {path: np.asarray(value).tobytes() for path, value in leaves(observation)}
