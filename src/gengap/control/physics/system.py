"""What a physical system is: parameters, a step, what is seen of it, and a controller.

All functions act on ``n`` copies at once: states are ``(n, S)``, and a context holds each physical
parameter as ``(n,)`` numbers, so that every copy can have its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

# Each parameter by name, (n,) numbers, or (n, ...) what a controller worked out from them.
Parameters = Mapping[str, np.ndarray]
# (n, S) states after, (n,) rewards, (n,) whether the episode ends.
Stepped = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Parameter:
    """One physical parameter.

    Attributes:
        default: what the simulators of the literature take.
        lowest, highest: the range that contexts are drawn from, evenly.
        unit: what it is measured in.
    """

    default: float
    lowest: float
    highest: float
    unit: str


@dataclass(frozen=True)
class System:
    """A physical system in which agents act.

    Attributes:
        name: what users call it.
        parameters: by name.
        actions: their names; where actions are vectors, those of their components.
        discrete: whether actions are numbered; else components are between -1 and 1.
        draws: how many even draws between 0 and 1 decide a start.
        begin: ``(n, draws)`` to states.
        step: states, actions ``(n,)`` or ``(n, A)``, and parameters, to what comes of them.
        seen: states to observations ``(n, O)``.
        tuned: parameters to what the controller needs to know in order to act.
        control: states and what it needs to know, to actions.
        good: states to ``(n,)`` bool, whether all is as it should be.
        hold: steps at the horizon for which all must be good in a success.
        goal: whether an end is a success; where not, an episode that ended failed.
        worth: what rewards are multiplied by for learners, so that returns are about 1 in size.
        horizon: steps of an episode.
        rough: the controller of somebody mediocre, who takes every parameter to be at its default;
            None for ``control``.
    """

    name: str
    parameters: Mapping[str, Parameter]
    actions: tuple[str, ...]
    discrete: bool
    draws: int
    begin: Callable[[np.ndarray], np.ndarray]
    step: Callable[[np.ndarray, np.ndarray, Parameters], Stepped]
    seen: Callable[[np.ndarray], np.ndarray]
    tuned: Callable[[Parameters], Parameters]
    control: Callable[[np.ndarray, Parameters], np.ndarray]
    good: Callable[[np.ndarray], np.ndarray]
    hold: int
    goal: bool
    worth: float
    horizon: int
    rough: Callable[[np.ndarray, Parameters], np.ndarray] | None = None

    def nominal(self, n: int) -> Parameters:
        """Every parameter at its default in ``n`` copies."""
        return {name: np.full(n, own.default) for name, own in self.parameters.items()}


def some(parameters: Parameters, rows: np.ndarray) -> Parameters:
    """The parameters of some copies."""
    return {name: values[rows] for name, values in parameters.items()}


def as_they_are(state: np.ndarray) -> np.ndarray:
    """States are seen whole."""
    return state


def always(state: np.ndarray) -> np.ndarray:
    """All is well in every state that does not end the episode."""
    return np.ones(len(state), bool)


def columns(*values: np.ndarray) -> np.ndarray:
    """``(n, S)`` states of ``S`` columns, each of which lies in one piece of memory."""
    return np.stack(values).T


def spread(draws: np.ndarray, *limits: float) -> np.ndarray:
    """Even draws ``(n, S)`` between 0 and 1 as draws between minus and plus the limits."""
    return (2 * draws - 1) * np.array(limits)
