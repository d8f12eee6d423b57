"""Small simulators for tests: corridors whose exit lies left or right, and a leaking bucket."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd

# Half the corridor's length; the exit is at one end.
REACH = 3


class Corridor(gym.Env[Any, int]):
    """Walk left (0) or right (1) to the exit; its side and a colour are the level's.

    What is seen: the place, the exit's side, and six numbers that only tell the level.
    """

    observation_space = gym.spaces.Box(-1, 1, (8,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, slip: float = 0.0) -> None:
        self.slip = slip

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.side = int(self.np_random.integers(2)) * 2 - 1
        self.colour = self.np_random.uniform(-1, 1, 6).astype(np.float32)
        self.place = 0
        return self.view(), {}

    def view(self) -> Any:
        return np.array([self.place / REACH, self.side, *self.colour], np.float32)

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.slip and self.np_random.random() < self.slip:
            action = 1 - action
        self.place += 2 * int(action) - 1
        end = abs(self.place) == REACH
        return self.view(), float(end and np.sign(self.place) == self.side), end, False, {}


class Spoken(Corridor):
    """The exit's side is told by an instruction, not shown."""

    observation_space = gym.spaces.Dict(
        place=gym.spaces.Discrete(2 * REACH + 1, start=-REACH),
        mission=gym.spaces.Text(40),
    )

    def view(self) -> Any:
        text = "go to the left" if self.side < 0 else "please go to the right"
        return {"place": np.int64(self.place), "mission": text}


class Told(Corridor):
    """The exit's side is the instruction's."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.side = -1 if options["instruction"] == "left" else 1
        return self.view(), {}

    def view(self) -> Any:
        return np.array([self.place / REACH, 0, *self.colour], np.float32)


class Bucket(gym.Env[Any, Any]):
    """Keep the water at half by pouring between -2 and 6; ``leak`` flows out."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Box(-2.0, 6.0, (1,), np.float32)

    def __init__(self, leak: float = 1.0) -> None:
        self.leak = leak

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.water = float(self.np_random.uniform(0, 10))
        self.age = 0
        return np.array([self.water], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.water += float(action[0]) - self.leak
        self.age += 1
        seen = np.array([self.water], np.float32)
        return seen, -abs(self.water - 5), False, self.age >= 10, {}


def make(slip: float = 0.0) -> Corridor:
    return Corridor(slip)


def expert(seen: Any) -> int:
    return int(seen[1] > 0)


def play(seeds: range, policy: Any = expert, episodes: int = 1) -> pd.DataFrame:
    """A log written by a plain loop, without what was seen at the end."""
    rows = []
    env = Corridor()
    for seed in seeds:
        for episode in range(episodes):
            seen, _ = env.reset(seed=seed)
            end, step = False, 0
            while not end:
                action = policy(seen)
                after, reward, end, _, _ = env.step(action)
                rows.append((seed, episode, step, seen, action, reward, end, False))
                seen, step = after, step + 1
    names = [
        "level",
        "episode",
        "step",
        "observation",
        "action",
        "reward",
        "terminated",
        "truncated",
    ]
    return pd.DataFrame(rows, columns=names)
