"""Who acts in many copies at once, whether they remember an episode or not.

An arena that plays episodes asks an :class:`~gengap.control.arena.Agent` for what to do, and tells
it what came of it. A policy, a function of what is seen, is one without memory; a method that
remembers
(:meth:`~gengap.methods.base.Method.recall`) acts by its trained networks and what it keeps of each
copy's episode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gengap.control.arena import Agent, Policy
from gengap.methods.base import Memory, Predictor
from gengap.models.networks import Network

if TYPE_CHECKING:
    from gengap.control.levels import Scaling

# Observations that a network answers in one go.
ROWS_AT_ONCE = 65_536


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


def policy_of(network: Network, scaling: Scaling | None, device: str = "cpu") -> Policy:
    """What the trained networks of one run answer observations with, whatever came before them.

    Args:
        network: a fleet of one.
        scaling: of observations, as the run learnt it; None where they are left alone.
        device: where the networks are.
    """
    prepared = prepared_by(scaling, device)

    @torch.no_grad()
    def answer(observations: Tensor) -> Tensor:
        parts = observations.to(device).split(ROWS_AT_ONCE)
        return torch.cat([network(prepared(rows)[None]).logits[0] for rows in parts]).cpu()

    return answer


def acting(network: Network, scaling: Scaling | None, device: str = "cpu") -> Policy | Agent:
    """The trained networks of one run as whoever acts; see :func:`policy_of`."""
    if isinstance(network, Predictor) and network.remembers:
        return Remembering(network, prepared_by(scaling, device), device)
    return policy_of(network, scaling, device)


def prepared_by(scaling: Scaling | None, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """What prepares observations ``(n, *shape)`` as a run's networks take them."""
    if scaling is None:
        return Tensor.float
    scaled = scaling.on(device)
    return lambda rows: scaled(rows.float())


def as_agent(policy: Policy | Agent) -> Agent:
    """Whoever acts as an agent."""
    return Forgetful(policy) if callable(policy) else policy
