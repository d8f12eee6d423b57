"""Acting in somebody's simulator through Gymnasium's vector interface: rollouts, and practice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.control.agents import as_agent
from gengap.control.arena import Agent, Policy
from gengap.control.behaviour import stream
from gengap.control.logs import Logs
from gengap.control.players import Player, at_random, episode_of
from gengap.control.simulators import Simulator, Stage
from gengap.control.spaces import Actions, Sight
from gengap.methods.practice import Acted, Starts

# Copies that are stepped together when a policy is scored.
COPIES = 64
# Scenes and starts are told to a copy as one number, in the place of a seed.
STARTS = 1 << 16


class SceneEnv(gymnasium.Env[np.ndarray, Any]):
    """A place to play in as a Gymnasium environment: observations and actions as agents have them.

    ``reset(seed=scene * STARTS + start)`` puts it into a scene at a start.
    """

    def __init__(
        self, simulator: Simulator, sight: Sight, actions: Actions, shape: tuple[int, ...]
    ):
        self.stage, self.sight, self.actions = Stage(simulator), sight, actions
        kind = sight.dtype
        low, high = (0, 255) if kind == np.uint8 else (-np.inf, np.inf)
        self.observation_space = gymnasium.spaces.Box(low, high, shape, kind.type)
        if actions.low is None:
            self.action_space = gymnasium.spaces.Discrete(actions.count)
        else:
            self.action_space = gymnasium.spaces.Box(-1, 1, (len(actions.low),))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in the scene and at the start of a number."""
        scene, start = divmod(int(seed or 0), STARTS)
        self.instruction = self.stage.simulator.scenes[scene].instruction
        return self.sight.one(self.stage.reset(scene, start), self.instruction), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Carry out an action of an agent."""
        observation, reward, end, cut = self.stage.step(self.actions.carried_out(action))
        return self.sight.one(observation, self.instruction), reward, end, cut, {}


@dataclass(eq=False)
class GymnasiumArena:
    """Units in a simulator.

    Attributes:
        simulator: with its scenes.
        sight: how observations become arrays.
        actions: what can be done.
        shape: of an observation.
        scene: ``(n,)`` the scene of each unit.
        start: ``(n,)`` its start there.
        digest: differs where the simulator or the units do.
        discount: of rewards, for practice; scores count them in full.
        expert: plays as others are held against; None where nobody is known.
    """

    simulator: Simulator
    sight: Sight
    actions: Actions
    shape: tuple[int, ...]
    scene: np.ndarray
    start: np.ndarray
    digest: str
    discount: float
    expert: Player | None = None
    _idle: list[SyncVectorEnv] = field(default_factory=list, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_idle": []}

    @property
    def has_expert(self) -> bool:
        """Whether one was given."""
        return self.expert is not None

    @property
    def scores_known(self) -> tuple[str, ...]:
        """``return``: the sum of rewards; ``success`` as :class:`Stage` tells it.

        ``normalised return`` is 0 for the random policy and 1 for the expert, on average over all
        units, where there is an expert.
        """
        return ("return", "success", *(("normalised return",) if self.has_expert else ()))

    @cached_property
    def places(self) -> np.ndarray:
        """``(n,)`` scene and start as one number."""
        return self.scene.astype(np.int64) * STARTS + self.start

    def scores(self, policy: Policy | Agent, units: np.ndarray, score: str) -> np.ndarray:
        """What a policy reaches from some units' starts, by one rollout of each start, ``(n,)``."""
        places, back = np.unique(self.places[units], return_inverse=True)
        with self._copies(min(len(places), COPIES)) as copies:
            total, won = _rolled(copies, as_agent(policy), places, self.actions.low is None)
        return self._scored(total, won, score)[back]

    def expert_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What the expert reaches from some units' starts, ``(n,)``."""
        total, won = self.of_expert
        return self._scored(total, won, score)[np.searchsorted(self._all, self.places[units])]

    def random_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What acting at random reaches from some units' starts, ``(n,)``."""
        total, won = self.of_random
        return self._scored(total, won, score)[np.searchsorted(self._all, self.places[units])]

    def logged_returns(self, logs: Logs) -> np.ndarray:
        """The plain sum of rewards."""
        return logs.totals

    def _scored(self, total: np.ndarray, won: np.ndarray, score: str) -> np.ndarray:
        if score == "success":
            return won.astype(np.float32)
        if score == "return":
            return total.astype(np.float32)
        low, high = self._reach
        return ((total - low) / (high - low)).astype(np.float32)

    @cached_property
    def _all(self) -> np.ndarray:
        return np.unique(self.places)

    def _played(self, player: Player) -> tuple[np.ndarray, np.ndarray]:
        """Return and success of a player from every start that any unit has."""
        stage, found = Stage(self.simulator), []
        for place in self._all:
            scene, start = divmod(int(place), STARTS)
            played = episode_of(stage, player, scene, start, stream(0, "player", int(place)))
            found.append((sum(played.reward), stage.succeeded))
        total, won = zip(*found, strict=True)
        return np.array(total), np.array(won)

    @cached_property
    def of_expert(self) -> tuple[np.ndarray, np.ndarray]:
        """The expert's return and success from every start."""
        assert self.expert is not None
        return self._played(self.expert)

    @cached_property
    def of_random(self) -> tuple[np.ndarray, np.ndarray]:
        """Return and success from every start by acting at random."""
        return self._played(at_random(self.actions))

    @cached_property
    def _reach(self) -> tuple[float, float]:
        low, high = float(self.of_random[0].mean()), float(self.of_expert[0].mean())
        if high <= low:
            raise UsageError(
                f"The expert's mean return is {high:g} and that of acting at random {low:g}, so "
                "no return can be normalised by them; mend the expert, or score by return."
            )
        return low, high

    @contextmanager
    def _copies(self, count: int) -> Iterator[SyncVectorEnv]:
        """Copies of the simulator that nobody else uses; runs may be scored in several threads."""
        fitting = [own for own in self._idle if own.num_envs == count]
        copies = fitting[0] if fitting else self.vector(count)
        if fitting:
            self._idle.remove(copies)
        yield copies
        self._idle.append(copies)

    def vector(self, count: int) -> SyncVectorEnv:
        """Copies that are stepped together and wait where their episode is over."""

        def made() -> SceneEnv:
            return SceneEnv(self.simulator, self.sight, self.actions, self.shape)

        return SyncVectorEnv([made] * count, autoreset_mode=AutoresetMode.DISABLED)

    def practice(
        self, units: Sequence[np.ndarray], draws: Sequence[np.random.Generator], count: int
    ) -> GymnasiumPractice:
        """``count`` copies per run, each at a start of one of the run's units."""
        return GymnasiumPractice(self, units, list(draws), count)


def _rolled(
    copies: SyncVectorEnv, agent: Agent, places: np.ndarray, numbered: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return and success ``(m,)`` of one episode from each place."""
    total, won = np.zeros(len(places)), np.zeros(len(places), bool)
    at = np.arange(copies.num_envs)  # whose episode each copy plays
    playing, following = np.ones(len(at), bool), len(at)
    draws: dict[int, np.random.Generator] = {}
    seen, _ = copies.reset(seed=places[at].tolist())
    agent.begin(len(at))
    every = at.copy()
    while playing.any():
        answer = agent.answer(torch.from_numpy(seen), every).numpy()
        action = _taken(answer, places[at], draws) if numbered else answer.clip(-1, 1)
        seen, reward, end, cut, _ = copies.step(action)
        agent.note(action, reward)
        total[at[playing]] += reward[playing]
        over = end | cut
        for copy in np.flatnonzero(over):
            if not playing[copy]:
                continue
            won[at[copy]] = copies.envs[copy].stage.succeeded  # type: ignore[attr-defined]
            if following < len(places):
                at[copy], following = following, following + 1
            else:
                playing[copy] = False
        if over.any():
            # A copy without further episode repeats its last, which nobody counts.
            seen, _ = copies.reset(seed=places[at].tolist(), options={"reset_mask": over})
            agent.restart(over)
    return total, won


def _taken(
    answer: np.ndarray, places: np.ndarray, draws: dict[int, np.random.Generator]
) -> np.ndarray:
    """The preferred action of each copy; of several, one by chance from its place's own stream."""
    answer = np.nan_to_num(answer, nan=-np.inf)
    best = answer == answer.max(-1, keepdims=True)
    found = best.argmax(-1)
    for copy in np.flatnonzero(best.sum(-1) > 1):
        place = int(places[copy])
        if place not in draws:
            draws[place] = stream(0, "ties", place)
        found[copy] = draws[place].choice(np.flatnonzero(best[copy]))
    return found


class GymnasiumPractice:
    """Copies of a simulator; see :class:`gengap.methods.practice.Practice`."""

    def __init__(
        self,
        arena: GymnasiumArena,
        units: Sequence[np.ndarray],
        draws: list[np.random.Generator],
        count: int,
    ) -> None:
        self.discount, self.draws, self.count = arena.discount, draws, count
        self.starts, self.places = Starts(units, draws, count), arena.places
        self.copies = arena.vector(len(units) * count)
        self.numbered, self.shape = arena.actions.low is None, arena.shape
        seen, _ = self.copies.reset(seed=self._begun(np.ones(self.copies.num_envs, bool)))
        self.x = self._tensor(seen)

    def act(self, action: Tensor) -> Acted:
        """Carry out one action ``(R, n)``, or ``(R, n, A)``, in every copy."""
        flat = action.detach().cpu().numpy().reshape(len(self.draws) * self.count, -1)
        seen, reward, end, cut, _ = self.copies.step(flat[:, 0] if self.numbered else flat)
        last = self._tensor(seen)
        over = end | cut
        if over.any():
            seen, _ = self.copies.reset(seed=self._begun(over), options={"reset_mask": over})
        self.x = self._tensor(seen)
        shape = len(self.draws), self.count
        return Acted(
            reward=torch.from_numpy(reward.astype(np.float32)).view(shape),
            end=torch.from_numpy(end).view(shape),
            cut=torch.from_numpy(cut & ~end).view(shape),
            last=last,
            x=self.x,
        )

    def _begun(self, over: np.ndarray) -> list[int | None]:
        """Where each copy whose episode is over begins anew, from its run's own places."""
        found = np.zeros(over.shape, np.int64)
        found[over] = self.places[self.starts.begun(over.reshape(-1, self.count))]
        return [int(place) for place in found]

    def _tensor(self, seen: np.ndarray) -> Tensor:
        return torch.from_numpy(seen).float().view(len(self.draws), self.count, *self.shape)
