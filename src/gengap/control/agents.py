"""Who acts in many copies at once, whether they remember an episode or not.

An arena that plays episodes asks an :class:`~gengap.control.arena.Agent` for what to do, and tells
it what came of it. A policy, a function of what is seen, is one without memory; a method that
remembers
(:meth:`~gengap.methods.base.Method.recall`) acts by its trained networks and what it keeps of each
copy's episode.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gengap.control.arena import Agent, Policy
from gengap.methods.base import Memory, Predictor


class Forgetful:
    """A policy as an agent."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def begin(self, copies: int) -> None:
        """Nothing to forget."""

    def answer(self, x: Tensor, going: np.ndarray) -> Tensor:
        """By what is seen alone."""
        return self.policy(x)

    def note(self, action: np.ndarray, reward: np.ndarray) -> None:
        """Nothing to keep."""

    def restart(self, over: np.ndarray) -> None:
        """Nothing to forget."""


class Remembering:
    """The trained networks of one run, with what they remember of each copy's episode.

    Args:
        network: a fleet of one.
        prepare: observations as the run's networks take them.
        device: where the networks are.
    """

    def __init__(
        self, network: Predictor, prepare: Callable[[Tensor], Tensor], device: str = "cpu"
    ) -> None:
        self.network, self.prepare, self.device = network, prepare, device

    def begin(self, copies: int) -> None:
        """Nothing is remembered yet."""
        self.going = np.arange(copies)
        self.memory = self._fresh(copies)

    @torch.no_grad()
    def answer(self, x: Tensor, going: np.ndarray) -> Tensor:
        """By what is seen and what is remembered."""
        if len(going) < len(self.going):
            kept = torch.from_numpy(np.searchsorted(self.going, going)).to(self.device)
            self.memory = {name: value[:, kept] for name, value in self.memory.items()}
            self.going = going
        seen = self.prepare(x.to(self.device))[None]
        method, network = self.network.method, self.network.plain
        return method.recall(network, seen, self.memory).logits[0].cpu()

    @torch.no_grad()
    def note(self, action: np.ndarray, reward: np.ndarray) -> None:
        """Keep what the method keeps."""
        numbered = np.issubdtype(action.dtype, np.integer)
        done = torch.from_numpy(action.astype(np.int64 if numbered else np.float32))
        earned = torch.from_numpy(reward.astype(np.float32))
        given = done[None].to(self.device), earned[None].to(self.device)
        self.network.method.remember(self.network.plain, self.memory, *given)

    def restart(self, over: np.ndarray) -> None:
        """Forget what was remembered in some copies."""
        which = torch.from_numpy(over).to(self.device)
        fresh = self._fresh(len(over))
        for name, value in self.memory.items():
            value[:, which] = fresh[name][:, which]

    @torch.no_grad()
    def _fresh(self, copies: int) -> Memory:
        return self.network.method.memory(self.network.plain, copies)


def as_agent(policy: Policy | Agent) -> Agent:
    """Whoever acts as an agent."""
    return Forgetful(policy) if callable(policy) else policy
