"""MiniGrid and BabyAI levels as tables, by playing every action in every state once.

From the state that a seed gives, states are found breadth first. What play changes (place and
direction, what is carried, the grid, doors, and BabyAI's verifier) is taken out of the simulator
and put back before each action, so nothing is copied deeply and nothing is written anew: the tables
hold what the simulator did (M. Chevalier-Boisvert et al. 2023, Minigrid & Miniworld). Only the
reward is another: 1 where MiniGrid's is above 0, whenever that happens.
"""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, suggest
from gengap.control.behaviour import stream
from gengap.control.tables import LevelTables

ACTIONS = ("left", "right", "forward", "pick up", "drop", "toggle", "done")
# Kinds of objects, colours and states of doors that a cell of the view is coded by.
CODES = (11, 6, 3)
COLOURS = ("blue", "green", "grey", "purple", "red", "yellow")
SHAPES = ("ball", "box", "door", "goal", "key", "lava", "square")
WORDS = (
    *COLOURS, *SHAPES, "go", "to", "pick", "up", "open", "put", "next", "near", "get", "fetch",
    "find", "use", "reach", "avoid", "after", "then", "and", "before", "you", "left", "right",
    "front", "behind", "of", "on", "your", "the", "a", "an", "matching", "object", "opening", "end",
)  # fmt: skip
CHANGING = ("door", "key", "ball", "box")
Key = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Played:
    """One level of ``S`` states, the first of them where it starts.

    Attributes:
        next_state: ``(S, 7)``.
        reward: ``(S, 7)`` 0 or 1; -1 where MiniGrid's is below 0.
        end: ``(S, 7)`` bool.
        observation: ``(S, D)`` bytes, see :func:`encoded`.
        untouched: ``(S,)`` bool, whether only place and direction differ from the start.
        mission: in words.
        horizon: steps after which MiniGrid cuts the episode off.
    """

    next_state: np.ndarray
    reward: np.ndarray
    end: np.ndarray
    observation: np.ndarray
    untouched: np.ndarray
    mission: str
    horizon: int


class World:
    """What play changes in a simulator, to be taken out and put back."""

    def __init__(self, env: Any) -> None:
        self.world = env.unwrapped
        found = [thing for thing in [*self.world.grid.grid, self.world.carrying] if thing]
        found += [thing.contains for thing in found if getattr(thing, "contains", None)]
        self.things = [thing for thing in found if thing.type in CHANGING]
        self.parts = list(_parts(getattr(self.world, "instrs", None)))

    def taken(self) -> tuple[Key, Any]:
        """What tells states apart, and all that is needed to be back in this one."""
        world, cells = self.world, list(self.world.grid.grid)
        place = int(world.agent_pos[0]), int(world.agent_pos[1]), int(world.agent_dir)
        things = [dict(vars(thing)) for thing in self.things]
        parts = [dict(vars(part)) for part in self.parts]
        touched = (
            id(world.carrying),
            tuple(map(id, cells)) if self.things else (),
            tuple(_frozen(own.get(name)) for own in things for name in _OF_THINGS),
            tuple(_frozen(value) for own in parts for value in own.values()),
        )
        return (place, touched), (place, world.carrying, cells, things, parts)

    def put(self, saved: Any) -> None:
        """Be back in a state."""
        world = self.world
        (column, row, direction), world.carrying, cells, things, parts = saved
        world.agent_pos, world.agent_dir, world.step_count = (column, row), direction, 0
        world.grid.grid = list(cells)
        for thing, own in zip(self.things, things, strict=True):
            vars(thing).update(own)
        for part, own in zip(self.parts, parts, strict=True):
            vars(part).update({k: list(v) if isinstance(v, list) else v for k, v in own.items()})


_OF_THINGS = ("is_open", "is_locked", "contains")


def _parts(instruction: Any) -> Any:
    """The instructions and descriptions that BabyAI's verifier is made of."""
    if instruction is None:
        return
    yield instruction
    for name in ("instr_a", "instr_b", "desc", "desc_move", "desc_fixed"):
        yield from _parts(getattr(instruction, name, None))


def _frozen(value: Any) -> Any:
    """A value as it counts for telling states apart; objects are themselves."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(_frozen(own) for own in value)
    if isinstance(value, np.integer):
        return int(value)
    return value if isinstance(value, (bool, int, float, str, type(None))) else id(value)


def played(env: Any, seed: int, most: int) -> Played:
    """Play every action in every state of a seed's level.

    Args:
        env: a MiniGrid environment.
        seed: of the level.
        most: states that are taken on.

    Raises:
        UsageError: the level has more states, or draws at random while it is played.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # BabyAI prints what it rejects
        env.reset(seed=seed)
    world = env.unwrapped
    mission, horizon, sees = str(world.mission), int(world.max_steps), world.gen_obs
    held, chance = World(env), world.np_random.bit_generator.state
    key, saved = held.taken()
    numbers, queue, begin = {key: 0}, deque([saved]), key[1]
    rows: list[tuple[list[int], list[float], list[bool]]] = []
    seen, untouched = [encoded(sees())], [True]
    # One view for each state, not one for each action that leads there.
    world.gen_obs = dict
    while queue:
        saved, row = queue.popleft(), ([], [], [])  # type: ignore[var-annotated]
        for action in range(len(ACTIONS)):
            held.put(saved)
            _, reward, over, _, _ = env.step(action)
            to = len(rows)
            if not over:
                key, after = held.taken()
                to = numbers.setdefault(key, len(numbers))
                if to == len(seen):
                    queue.append(after)
                    seen.append(encoded(sees()))
                    untouched.append(key[1] == begin)
            for column, value in zip(row, (to, float(np.sign(reward)), bool(over)), strict=True):
                column.append(value)
        rows.append(row)
        if len(numbers) > most:
            raise UsageError(
                f"The level of seed {seed} has more than {most} states; choose a smaller task, or "
                "raise states."
            )
    del world.gen_obs
    if world.np_random.bit_generator.state != chance:
        raise UsageError(
            f"The level of seed {seed} draws at random while it is played, so it is no table; "
            "choose another task."
        )
    onward, reward, end = (np.array(column) for column in zip(*rows, strict=True))
    return Played(
        onward, reward.astype(np.float32), end, np.stack(seen), np.array(untouched), mission,
        horizon,
    )  # fmt: skip


def encoded(observation: dict[str, Any]) -> np.ndarray:
    """An observation as bytes: one-hots of each cell's codes and of the direction, and words."""
    image = observation["image"].reshape(-1, len(CODES))
    parts = [
        np.eye(count, dtype=np.uint8)[np.minimum(image[:, k], count - 1)].ravel()
        for k, count in enumerate(CODES)
    ]
    said = set(str(observation["mission"]).lower().replace(",", " ").split())
    words = np.array([word in said for word in WORDS], np.uint8)
    return np.concatenate([*parts, np.eye(4, dtype=np.uint8)[observation["direction"]], words])


def made(task: str) -> Any:
    """A MiniGrid or BabyAI environment by its short or its full name.

    Raises:
        UsageError: MiniGrid is not installed, or has no such task.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pygame greets
            import gymnasium
            import minigrid
    except ImportError:
        raise UsageError('MiniGrid is not installed; run pip install "gengap[minigrid]".') from None
    known = [name for name in gymnasium.registry if name.startswith(("MiniGrid-", "BabyAI-"))]
    if not known:
        minigrid.register_minigrid_envs()
        known = [name for name in gymnasium.registry if name.startswith(("MiniGrid-", "BabyAI-"))]
    short = {name.split("-", 1)[1].rsplit("-v", 1)[0]: name for name in sorted(known)}
    name = task if task in known else short.get(task)
    if name is None:
        raise UsageError(f"MiniGrid has no task {task!r}{suggest(task, short) or '.'}")
    with contextlib.redirect_stdout(io.StringIO()):
        return gymnasium.make(name, disable_env_checker=True).unwrapped


def minigrid_tables(
    task: str, seeds: Sequence[int], starts: int, most: int, seed: int = 0
) -> LevelTables:
    """Levels of some seeds, stacked.

    Args:
        task: such as ``FourRooms`` or ``GoToLocal``.
        seeds: of the levels.
        starts: of each: its own, and others from which nothing has been touched yet.
        most: states of a level that are taken on.
        seed: decides the further starts.
    """
    env = made(task)
    levels = [played(env, number, most) for number in seeds]
    count = np.array([len(level.end) for level in levels])
    fewest = min(int(level.untouched.sum()) for level in levels)
    if starts > fewest:
        raise UsageError(f"A level of {task} has {fewest} places to start in; give fewer starts.")
    start = np.zeros((len(levels), starts), np.int64)
    for row, (number, level) in enumerate(zip(seeds, levels, strict=True)):
        others = np.flatnonzero(level.untouched)[1:]
        start[row, 1:] = stream(seed, "minigrid", number).permutation(others)[: starts - 1]
    missions = [level.mission for level in levels]
    factors = pd.DataFrame(
        {
            "level": [f"{task} {number}" for number in seeds],
            "instruction": missions,
            "colour": [_first(mission, COLOURS) for mission in missions],
            "shape": [_first(mission, SHAPES) for mission in missions],
            "states": count,
        }
    )
    return LevelTables(
        _stacked([level.next_state for level in levels]),
        _stacked([level.reward for level in levels]),
        _stacked([level.end for level in levels]),
        _stacked([level.observation for level in levels]),
        count, start, max(level.horizon for level in levels), ACTIONS, factors,
    )  # fmt: skip


def _first(mission: str, words: Sequence[str]) -> str:
    """The first of some words that a mission holds; ``any`` where it holds none."""
    return next((word for word in mission.lower().split() if word in words), "any")


def _stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """``(L, S, ...)``, padded with zeros to the longest."""
    found = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in enumerate(arrays):
        found[row, : len(array)] = array
    return found
