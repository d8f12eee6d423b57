"""Somebody's simulator as a set of scenes: any Gymnasium environment whose level can be chosen.

A level is a seed, given to ``reset(seed=)``, or a context, whose values are given to the factory,
or both. A scene is a level under one instruction. An episode starts in a scene at a start: where
the level is its seed, all starts of a level begin alike and differ in what is drawn at random
later; where it is a context, each start is a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.named_objects import named_object, told
from gengap.base.seeds import derive
from gengap.control.spaces import leaves

# Actions after which an episode is cut off where the simulator does not say.
HORIZON = 1000
# Copies of a simulator with different contexts that one stage keeps at hand.
KEPT = 4


@dataclass(frozen=True)
class Scene:
    """A level under one instruction.

    Attributes:
        level: its name.
        seed: given to ``reset(seed=)``; None where a start is one.
        context: given to the factory.
        instruction: given to ``reset(options={"instruction": ...})``; None where there is none.
    """

    level: str
    seed: int | None
    context: tuple[tuple[str, Any], ...]
    instruction: str | None = None


@dataclass(frozen=True, eq=False)
class Simulator:
    """A factory of environments and the scenes they are put in.

    Attributes:
        make: returns a Gymnasium environment; contexts are its keyword arguments.
        name: what to call it.
        scenes: where episodes take place.
        horizon: actions after which an episode is cut off.
    """

    make: Callable[..., Any]
    name: str
    scenes: tuple[Scene, ...]
    horizon: int

    def open(self, context: Sequence[tuple[str, Any]] = ()) -> Any:
        """An environment with a context.

        Raises:
            UsageError: the factory fails, or returns something else.
        """
        with told(f"The simulator {self.name}"):
            made = self.make(**dict(context))
        missing = [n for n in ("reset", "step", "action_space") if not hasattr(made, n)]
        if missing:
            raise UsageError(
                f"The simulator {self.name} returns a {type(made).__name__}, which has no "
                f"{missing[0]}; return a gymnasium.Env."
            )
        return made


def factory_of(given: str | Callable[..., Any]) -> tuple[Callable[..., Any], str]:
    """A factory and its name, from itself, ``package:make`` or the id of a registered environment.

    Raises:
        UsageError: there is no such thing, or Gymnasium is not installed.
    """
    import importlib.util

    if importlib.util.find_spec("gymnasium") is None:
        raise UsageError('Simulators need Gymnasium; run pip install "gengap[gymnasium]".')
    if not isinstance(given, str):
        if not callable(given):
            raise UsageError(
                f"A simulator is a function that returns an environment, not a "
                f"{type(given).__name__}; give the function itself."
            )
        return given, getattr(given, "__name__", type(given).__name__)
    if ":" in given:
        found = named_object(given)
        if not callable(found):
            raise UsageError(f"{given} is no function; name one that returns an environment.")
        return found, given.rpartition("/")[2]
    return Registered(given), given


@dataclass(frozen=True)
class Registered:
    """Makes an environment that Gymnasium knows by its id; unlike a lambda it can be sent."""

    id: str

    def __call__(self, **context: Any) -> Any:
        """A new environment."""
        import gymnasium

        try:
            return gymnasium.make(self.id, **context)
        except gymnasium.error.Error as error:
            raise UsageError(
                f"Gymnasium makes no {self.id}: {str(error).rstrip('.')}; name a registered one, "
                "or a function of yours as package:make."
            ) from None


def simulator_of(
    given: str | Callable[..., Any],
    seeds: Iterable[int] | None,
    contexts: Mapping[str, Iterable[Any]] | None,
    instructions: Sequence[str] | None,
    horizon: int | None,
) -> Simulator:
    """The simulator with its scenes; see :func:`gengap.control.simulated.simulated`."""
    make, name = factory_of(given)
    own = {key: list(values) for key, values in (contexts or {}).items()}
    numbers: list[int | None] = [None] if seeds is None else [int(seed) for seed in seeds]
    if (seeds is None and not own) or not numbers or not all(own.values()):
        raise UsageError(
            "No level is named; give seeds=range(100), or contexts such as "
            '{"gravity": [5, 10, 20]} for the factory.'
        )
    if len(set(numbers)) < len(numbers):
        raise UsageError("The seeds of levels hold one twice; give each once.")
    if any(number is not None and not 0 <= number < 2**31 for number in numbers):
        raise UsageError("The seeds of levels must be whole numbers from 0 to 2,147,483,647.")
    told_under: list[str | None] = [*instructions] if instructions else [None]
    scenes = tuple(
        Scene(_level(seed, context), seed, context, instruction)
        for values in product(*own.values())
        for seed in numbers
        for context in [tuple(zip(own, values, strict=True))]
        for instruction in told_under
    )
    found = Simulator(make, name, scenes, horizon or HORIZON)
    if horizon is None:
        spec = getattr(found.open(scenes[0].context), "spec", None)
        limit = getattr(spec, "max_episode_steps", None)
        found = Simulator(make, name, scenes, int(limit or HORIZON))
    return found


def _level(seed: int | None, context: Sequence[tuple[str, Any]]) -> str:
    """``"7"``, ``"gravity=10,length=1"`` or both."""
    said = [f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in context]  # fmt: skip
    return ",".join(said if seed is None else [*said, f"seed={seed}"] if said else [str(seed)])


class Stage:
    """One place to play in: puts environments into scenes and steps them.

    Attributes:
        succeeded: whether the last episode did: as the simulator's info says (``is_success`` or
            ``success``), else whether it ended, by itself, with a positive reward.
        env: the environment of the scene.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.succeeded = simulator, False
        self.env: Any = None
        self.at_hand: dict[str, Any] = {}
        self.age = 0

    def reset(self, scene: int, start: int) -> Any:
        """Start an episode; returns the observation."""
        own = self.simulator.scenes[scene]
        key = repr(own.context)
        if key not in self.at_hand:
            if len(self.at_hand) >= KEPT:
                self.at_hand.pop(next(iter(self.at_hand))).close()
            self.at_hand[key] = self.simulator.open(own.context)
        self.env = self.at_hand[key]
        options = None if own.instruction is None else {"instruction": own.instruction}
        with told(f"reset of {self.simulator.name}"):
            seed = start if own.seed is None else own.seed
            observation, _ = self.env.reset(seed=seed, options=options)
            if own.seed is not None and start:
                # The level is the seed's; what is drawn from here on is the start's.
                self.env.unwrapped.np_random = np.random.default_rng(
                    derive(own.seed, "start", start)
                )
        self.age, self.succeeded = 0, False
        return observation

    def step(self, action: Any) -> tuple[Any, float, bool, bool]:
        """Observation, reward, whether the episode ended and whether it was cut off."""
        with told(f"step of {self.simulator.name}"):
            observation, reward, end, cut, info = self.env.step(action)
        if not np.isfinite(reward):
            raise UsageError(
                f"The simulator {self.simulator.name} gave the reward {reward}; mend it, since "
                "no return can be counted from it."
            )
        self.age += 1
        cut = bool(cut) or (self.age >= self.simulator.horizon and not end)
        if end or cut:
            won = info.get("is_success", info.get("success"))
            self.succeeded = bool(end and reward > 0) if won is None else bool(won)
        return observation, float(reward), bool(end), cut and not end


def walk(stage: Stage, scene: int, start: int, actions: Any, most: int) -> bytes:
    """What is met in a scene by the same random actions, as a digest."""
    draw = np.random.default_rng(0)
    found = sha256()
    _note(found, stage.reset(scene, start))
    for _ in range(most):
        observation, reward, end, cut = stage.step(random_action(actions, draw))
        _note(found, observation)
        found.update(repr((reward, end)).encode())
        if end or cut:
            break
    return found.digest()


def _note(found: Any, observation: Any) -> None:
    for path, value in leaves(observation):
        found.update(path.encode())
        found.update(value.encode() if isinstance(value, str) else np.asarray(value).tobytes())


def random_action(actions: Any, draw: np.random.Generator) -> Any:
    """Any action with the same chance, as the simulator takes it.

    Args:
        actions: of :class:`~gengap.control.spaces.Actions`.
        draw: the stream.
    """
    if actions.low is None:
        return actions.carried_out(draw.integers(actions.count))
    return actions.carried_out(draw.uniform(-1, 1, len(actions.low)))
