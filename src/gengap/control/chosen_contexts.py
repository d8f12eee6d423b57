"""Which contexts to train on, so that agents trained on few of many do well in all of them.

An agent that was trained in one context is asked to act in all. Cho, Jayawardana, Li & Wu
(Model-based transfer learning for contextual reinforcement learning, 2024, arXiv:2408.04498) model
what it reaches as a set point, less a loss in proportion to how far it is taken,

    Ĵ(x → x') = J(x) - θ |x - x'|,

where ``J`` is a Gaussian process through what agents reached in their own contexts, and ``θ`` the
slope of what they lost elsewhere. The next context is the one of which most is hoped, beyond what
is reached already by the best agent for each context,

    G(x) = 1/C Σ_x' max(0, μ(x) + σ(x) - θ |x - x'| - max_i J(x_i → x')),

and the first is the one in the middle. Contexts are scaled to between 0 and 1, the process has a
squared exponential kernel of length 0.25, the mean of the set points as its mean, and the spread of
all that was reached as its deviation; ``θ`` is fitted by least squares and no less than 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError

LENGTH = 0.25
# Share of the variance that is noise, lest two agents of like contexts contradict each other.
NOISE = 1e-4


@dataclass(frozen=True, eq=False)
class Chosen:
    """Contexts trained on, in this order.

    Attributes:
        contexts: ``(k,)`` their numbers.
        reached: ``(k, C)`` what the agent of each reached in every context.
    """

    contexts: np.ndarray
    reached: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """``(C,)`` what the best of the agents reached in each context."""
        return self.reached.max(0)


def choose_contexts(
    contexts: np.ndarray, reached_from: Callable[[int], np.ndarray], count: int
) -> Chosen:
    """Choose contexts one after another, training an agent in each before the next is chosen.

    Args:
        contexts: ``(C, V)`` parameters, or ``(C,)`` of one.
        reached_from: trains in the context of a number, and says what is reached ``(C,)`` in all.
        count: how many.

    Raises:
        UsageError: there are fewer contexts.
    """
    if not 1 <= count <= len(contexts):
        raise UsageError(f"{count} of {len(contexts)} contexts cannot be chosen.")
    chosen: list[int] = []
    reached: list[np.ndarray] = []
    for _ in range(count):
        chosen.append(next_context(contexts, chosen, reached))
        reached.append(np.asarray(reached_from(chosen[-1]), np.float64))
    return Chosen(np.array(chosen), np.stack(reached))


def next_context(contexts: np.ndarray, tried: list[int], reached: list[np.ndarray]) -> int:
    """The number of the context to train in next, of several alike the first.

    Args:
        contexts: ``(C, V)`` or ``(C,)``.
        tried: numbers of those that agents were trained in.
        reached: what each of these agents reached, ``(C,)``.
    """
    if not tried:
        place = scaled(contexts)
        return int(np.abs(place - 0.5).sum(1).argmin())
    found = hopes(contexts, np.array(tried), np.stack(reached))
    found[tried] = -np.inf
    return int(found.argmax())


def hopes(contexts: np.ndarray, tried: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """How much more is hoped of each context than is reached, ``G (C,)``.

    Args:
        tried: ``(k,)`` numbers.
        reached: ``(k, C)``.
    """
    place = scaled(contexts)
    far = np.sqrt(np.square(place[:, None] - place).sum(-1))
    own = reached[np.arange(len(tried)), tried]
    lost = own[:, None] - reached
    slope = max(float((far[tried] * lost).sum() / np.square(far[tried]).sum()), 0.0)
    alike = np.exp(-np.square(far / LENGTH) / 2)
    near = np.linalg.solve(alike[np.ix_(tried, tried)] + NOISE * np.eye(len(tried)), alike[tried])
    middle = own.mean() + near.T @ (own - own.mean())
    left = np.clip(1 - (alike[tried] * near).sum(0), 0, None)
    hoped = middle + reached.std() * np.sqrt(left)
    more = hoped[:, None] - slope * far - reached.max(0)
    return np.asarray(np.clip(more, 0, None).mean(1))


def scaled(contexts: np.ndarray) -> np.ndarray:
    """Parameters ``(C, V)`` between 0 and 1; one that does not differ is 0.5."""
    values = np.asarray(contexts, np.float64).reshape(len(contexts), -1)
    lowest, width = values.min(0), np.ptp(values, 0)
    return np.where(width > 0, (values - lowest) / np.where(width > 0, width, 1), 0.5)
