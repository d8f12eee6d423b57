"""Contexts: the physical parameters of each level, its starts, and what an agent sees of them.

Every level draws from streams of its own, so that it is the same whichever are drawn with it, and
however many starts it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal

import numpy as np

from gengap.base.errors import UsageError, unknown
from gengap.control.behaviour import stream
from gengap.control.physics.system import Parameters, System, some

Sight = Literal["visible", "hidden", "noisy"]
# Standard deviation of noisy sight, as a share of a parameter's range.
NOISE = 0.2


@dataclass(frozen=True, eq=False)
class Contexts:
    """``n`` starts in ``L`` contexts of a system.

    Attributes:
        system: the physics.
        level: ``(n,)`` the context of each start.
        parameters: ``(L,)`` numbers each.
        start: ``(n, S)`` states.
        sight: ``(n, V)`` float32, what is seen of the context beside the state; V may be 0.
        seed: decides what is drawn.
    """

    system: System
    level: np.ndarray
    parameters: Parameters
    start: np.ndarray
    sight: np.ndarray
    seed: int

    def __len__(self) -> int:
        return len(self.level)

    @cached_property
    def own(self) -> Parameters:
        """Of each start, ``(n,)`` numbers each."""
        return some(self.parameters, self.level)

    @cached_property
    def tuned(self) -> Parameters:
        """What a controller knows that was told each context, a row per start."""
        return some(self.system.tuned(self.parameters), self.level)

    def seen(self, state: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Observations ``(m, O + V)`` float32 of states in the contexts of some starts."""
        return np.concatenate([self.system.seen(state), self.sight[rows]], 1, dtype=np.float32)

    def chances(self, purpose: str) -> np.ndarray:
        """Even draws for every step of every start, ``(n, horizon, components)`` float32."""
        width = 1 if self.system.discrete else len(self.system.actions)
        levels, starts = self._shape
        shape = starts, self.system.horizon, width
        drawn = [
            stream(self.seed, f"{self.system.name} {purpose}", number).random(shape, np.float32)
            for number in range(levels)
        ]
        return np.concatenate(drawn)

    @property
    def _shape(self) -> tuple[int, int]:
        levels = int(self.level[-1]) + 1
        return levels, len(self) // levels

    @cached_property
    def digest(self) -> str:
        """Differs where the content does."""
        found = sha256(f"{self.system.name} {self.system.horizon} {self.seed}".encode())
        for array in (*self.parameters.values(), self.level, self.start, self.sight):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def drawn(
    system: System, levels: int, starts: int, vary: tuple[str, ...], sight: Sight, seed: int
) -> Contexts:
    """Contexts and starts of a system.

    Args:
        levels: how many contexts.
        starts: of each.
        vary: parameters that differ between contexts, the others being at their defaults; all of
            them where empty.
        sight: whether an agent sees the parameters that differ.
        seed: decides everything.

    Raises:
        UsageError: there is no such parameter, or too few levels or starts.
    """
    if levels < 2 or starts < 1:
        raise UsageError(f"{system.name} needs at least two levels and one start of each.")
    names = list(system.parameters)
    for name in vary:
        if name not in names:
            raise unknown(f"{system.name} has no parameter {name!r}", name, names)
    chosen = [name for name in names if name in vary or not vary]
    # All are drawn, so that a parameter is the same whichever others vary with it.
    draws = np.stack(
        [_stream(system, "context", k, seed).random(len(names)) for k in range(levels)]
    )
    parameters = dict(system.nominal(levels))
    for name in chosen:
        own = system.parameters[name]
        values = own.lowest + draws[:, names.index(name)] * (own.highest - own.lowest)
        # Three digits are what people read, and split at.
        parameters[name] = np.array([float(f"{value:.3g}") for value in values])
    shape = starts, system.draws
    begun = [_stream(system, "starts", k, seed).random(shape) for k in range(levels)]
    seen = _sight(system, parameters, chosen, sight, starts, seed)
    level = np.repeat(np.arange(levels), starts)
    return Contexts(system, level, parameters, system.begin(np.concatenate(begun)), seen, seed)


def _sight(
    system: System, parameters: Parameters, chosen: list[str], sight: Sight, starts: int, seed: int
) -> np.ndarray:
    levels, names = len(next(iter(parameters.values()))), list(system.parameters)
    if sight == "hidden":
        return np.zeros((levels * starts, 0), np.float32)
    shown = np.repeat(np.stack([parameters[name] for name in chosen], 1), starts, axis=0)
    if sight == "noisy":
        shape = starts, len(names)
        noise = [_stream(system, "noise", k, seed).standard_normal(shape) for k in range(levels)]
        width = [
            system.parameters[name].highest - system.parameters[name].lowest for name in chosen
        ]
        places = [names.index(name) for name in chosen]
        shown = shown + NOISE * np.array(width) * np.concatenate(noise)[:, places]
    return shown.astype(np.float32)


def _stream(system: System, purpose: str, level: int, seed: int) -> np.random.Generator:
    return stream(seed, f"{system.name} {purpose}", level)
