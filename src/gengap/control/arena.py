"""Where agents act: an arena scores them from each unit's start, and lets online methods practise.

Compiled levels, vectorised physics and real simulators are arenas alike. A policy is a function of
observations; it answers with a preference per action, and the largest is taken (each of several
equal ones with the same chance), or, where actions are vectors, with the action itself. An agent
answers likewise, and may remember what went before in an episode; it is scored by playing one from
each start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from gengap.control.logs import Logs
from gengap.methods.practice import Practice

# Observations (n, *shape) as prepared, to preferences (n, A) or actions (n, A).
Policy = Callable[[Tensor], Tensor]


class Agent(Protocol):
    """Acts in copies of levels, each of which plays an episode of its own."""

    def begin(self, copies: int) -> None:
        """An episode begins in each of so many copies."""
        ...

    def answer(self, x: Tensor, going: np.ndarray) -> Tensor:
        """Preferences or actions ``(m, A)``, as a policy answers.

        Args:
            x: ``(m, *shape)`` observations as logged.
            going: ``(m,)`` the copies they are of, ascending; those that were left out before are
                over.
        """
        ...

    def note(self, action: np.ndarray, reward: np.ndarray) -> None:
        """What the copies that were last asked did, ``(m,)`` or ``(m, A)``, and earned ``(m,)``."""
        ...

    def restart(self, over: np.ndarray) -> None:
        """Another episode begins in some copies, ``(copies,)`` bool."""
        ...


class Arena(Protocol):
    """Where agents act from each of ``n`` units' starts."""

    @property
    def digest(self) -> str:
        """Differs where the content does."""
        ...

    def scores(self, policy: Policy | Agent, units: np.ndarray, score: str) -> np.ndarray:
        """What a policy reaches from the starts of some units, ``(n,)`` float32.

        Args:
            policy: of observations as logged.
            units: ``(n,)`` unit numbers.
            score: the name of the score, one of :attr:`scores_known`.
        """
        ...

    @property
    def has_expert(self) -> bool:
        """Whether it knows a policy to hold others against."""
        ...

    def expert_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What that policy reaches from the starts of some units, ``(n,)`` float32."""
        ...

    def random_scores(self, units: np.ndarray, score: str) -> np.ndarray:
        """What acting at random reaches from the starts of some units, ``(n,)`` float32."""
        ...

    def logged_returns(self, logs: Logs) -> np.ndarray:
        """What each logged episode earned, ``(n,)``, as the score ``return`` counts it."""
        ...

    @property
    def scores_known(self) -> tuple[str, ...]:
        """Names of the scores it can give; the first is the default."""
        ...

    def practice(
        self, units: Sequence[np.ndarray], draws: Sequence[np.random.Generator], count: int
    ) -> Practice:
        """Copies of the levels in which the runs of a fleet act.

        Args:
            units: whose starts each run may act from.
            draws: one generator per run.
            count: copies per run.
        """
        ...
