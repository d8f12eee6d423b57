"""Acting in physical systems: all starts are rolled out together, and copies are stepped together.

The physics know no chance, so what a policy reaches from a start is one number, found by playing
the episode. Where a policy prefers several actions equally, the draw between them is the start's
own and the same for every policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gengap.control.agents import as_agent
from gengap.control.arena import Agent, Policy
from gengap.control.logs import Logs
from gengap.control.physics.contexts import Contexts
from gengap.control.physics.drivers import DISCOUNT
from gengap.control.physics.episodes import Act, Moment, Reached, at_random, expert, reached
from gengap.control.physics.system import some
from gengap.control.planning import greedy
from gengap.methods.practice import Acted, Starts

SCORES = ("normalised return", "return", "success")


@dataclass(frozen=True, eq=False)
class PhysicsArena:
    """Units are starts of a system in contexts.

    Attributes:
        contexts: the system, the contexts and the starts.
    """

    contexts: Contexts

    @property
    def told(self) -> int:
        """How many of the last numbers of an observation tell the context."""
        return self.contexts.sight.shape[1]

    @property
    def has_expert(self) -> bool:
        """A controller is known that is told the context."""
        return True

    @property
    def scores_known(self) -> tuple[str, ...]:
        """``normalised return`` is 0 for random actions and 1 for the expert, on average.

        ``return`` is the plain sum of rewards, as the simulators give them, and ``success`` whether
        the goal is reached, or all is well until the horizon.
        """
        return SCORES

    @property
    def digest(self) -> str:
        """Differs where contexts or starts do."""
        return self.contexts.digest

    def scores(self, policy: Policy | Agent, units: np.ndarray, score: str) -> np.ndarray:
        """What a policy of observations, or an agent, reaches, exactly, ``(n,)``."""
        agent, worth = as_agent(policy), self.contexts.system.worth
        agent.begin(len(units))

        def note(moment: Moment) -> None:
            agent.note(moment.action, moment.reward * worth)

        return self._scored(self._played(units, self._acting(agent, units), note), score)

    def expert_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What the controller that knows the context reaches."""
        act = expert(self.contexts.system, some(self.contexts.tuned, units))
        return self._scored(self._played(units, act), score)

    def _played(
        self, units: np.ndarray, act: Act, note: Callable[[Moment], None] | None = None
    ) -> Reached:
        own = self.contexts
        return reached(own.system, some(own.own, units), own.start[units], act, note)

    def _acting(self, agent: Agent, units: np.ndarray) -> Act:
        contexts = self.contexts

        def act(going: np.ndarray, state: np.ndarray, number: int) -> np.ndarray:
            seen = torch.from_numpy(contexts.seen(state, units[going]))
            answers = agent.answer(seen, going).numpy()
            if not contexts.system.discrete:
                return np.clip(np.nan_to_num(answers), -1, 1).astype(np.float64)
            return _drawn(answers, self._chance[units[going], number, 0])

        return act

    @cached_property
    def _chance(self) -> np.ndarray:
        return self.contexts.chances("equal preferences")

    def _scored(self, found: Reached, score: str) -> np.ndarray:
        if score == "success":
            return found.success.astype(np.float32)
        if score == "return":
            return found.total
        lowest, highest = self._reach
        return (found.total - lowest) / max(highest - lowest, 1e-9)

    @cached_property
    def _reach(self) -> tuple[float, float]:
        """Mean return of random actions and of the expert."""
        everywhere = np.arange(len(self.contexts))
        lowest = self.random_scores(everywhere, "return")
        highest = self.expert_scores(everywhere, "return")
        return float(lowest.mean()), float(highest.mean())

    def random_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What random actions reach from some units' starts, ``(n,)``."""
        act = at_random(self.contexts.system, self._at_random[units])
        return self._scored(self._played(units, act), score)

    def logged_returns(self, logs: Logs) -> np.ndarray:
        """The plain sum of rewards, as the simulators give them."""
        return logs.totals / self.contexts.system.worth

    @cached_property
    def _at_random(self) -> np.ndarray:
        return self.contexts.chances("random actions")

    def practice(
        self, units: Sequence[np.ndarray], draws: Sequence[np.random.Generator], count: int
    ) -> PhysicsPractice:
        """``count`` copies per run, each in a start of one of the run's units."""
        return PhysicsPractice(self.contexts, units, list(draws), count)


def _drawn(answers: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The action of the largest preference, one of several equal ones by an even draw."""
    return (greedy(answers).cumsum(1) > chance[:, None]).argmax(1)


class PhysicsPractice:
    """Copies of a system; see :class:`gengap.methods.practice.Practice`."""

    def __init__(
        self,
        contexts: Contexts,
        units: Sequence[np.ndarray],
        draws: list[np.random.Generator],
        count: int,
    ) -> None:
        self.contexts, self.draws, self.discount = contexts, draws, DISCOUNT
        self.starts = Starts(units, draws, count)
        self.shape = len(units), count
        copies = len(units) * count
        self.unit, self.age = np.zeros(copies, np.int64), np.zeros(copies, np.int64)
        self.state = np.zeros((copies, contexts.start.shape[1]))
        self._restart(np.ones(copies, bool))
        self.x = self._seen(self.state, self.unit).unflatten(0, self.shape)

    def act(self, action: Tensor) -> Acted:
        """Carry out one action ``(R, n)`` or ``(R, n, A)`` in every copy."""
        system = self.contexts.system
        flat = action.detach().cpu().flatten(0, 1).numpy()
        if not system.discrete:
            flat = np.clip(np.nan_to_num(flat), -1, 1).astype(np.float64)
        self.state, reward, end = system.step(self.state, flat, self.parameters)
        self.age += 1
        cut = (self.age >= system.horizon) & ~end
        last = self._seen(self.state, self.unit).unflatten(0, self.shape)
        over, self.x = end | cut, last
        if over.any():
            self._restart(over)
            self.x = last.clone()
            begun = self._seen(self.state[over], self.unit[over])
            self.x[torch.from_numpy(over).view(self.shape)] = begun
        earned = torch.from_numpy((reward * system.worth).astype(np.float32))
        return Acted(
            earned.view(self.shape),
            torch.from_numpy(end).view(self.shape),
            torch.from_numpy(cut).view(self.shape),
            last,
            self.x,
        )

    def _seen(self, state: np.ndarray, unit: np.ndarray) -> Tensor:
        return torch.from_numpy(self.contexts.seen(state, unit))

    def _restart(self, over: np.ndarray) -> None:
        """Put the copies of a mask at starts drawn from their run's own units."""
        self.unit[over] = self.starts.begun(over.reshape(self.shape))
        self.state[over] = self.contexts.start[self.unit[over]]
        self.age[over] = 0
        self.parameters = some(self.contexts.own, self.unit)
