"""The estimand where it is known: expected losses of a learner that has seen unlimited examples.

With unlimited examples a learner that minimises a risk reaches the minimiser over the mixture of
its training environments, all weighted equally. Then each quantity of the estimand is a number:

- ``in_distribution``: loss of the learner of the other environments, averaged over them;
- ``unseen``: loss in environment e of the learner of the other environments;
- ``reference``: loss in environment e of the learner of all environments, e included. Its
  training set has as many examples, which no longer matters when they are unlimited; what does
  matter is that e makes up one part in K of the mixture.

At finite training sizes both learners are noisier, and their losses larger by terms of the order
(number of parameters) / (number of examples) that nearly cancel in ``cost_of_unseen``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from gengap.base.errors import UsageError, listing, unknown

Learner = TypeVar("Learner")


@dataclass(frozen=True)
class Truth:
    """Expected losses (squared error or error rate) for one unseen environment."""

    in_distribution: float
    unseen: float
    reference: float

    @property
    def gap(self) -> float:
        """How much worse off outside than inside: ``unseen - in_distribution``."""
        return self.unseen - self.in_distribution

    @property
    def difficulty(self) -> float:
        """How much harder the environment is in itself: ``reference - in_distribution``."""
        return self.reference - self.in_distribution

    @property
    def cost_of_unseen(self) -> float:
        """What not having seen the environment costs: ``unseen - reference``."""
        return self.unseen - self.reference


def estimand(
    names: Sequence[str],
    environment: str | float,
    learn: Callable[[list[int]], Learner],
    risk: Callable[[Learner, str], float],
) -> Truth:
    """Put the estimand together from a population learner and its exact risk.

    Args:
        names: of the environments.
        environment: the unseen one.
        learn: from positions of training environments to what is learnt from their mixture.
        risk: exact loss of what was learnt in an environment.
    """
    unseen = position(environment, names)
    others = [k for k in range(len(names)) if k != unseen]
    without, with_all = learn(others), learn(list(range(len(names))))
    inside = float(np.mean([risk(without, names[k]) for k in others]))
    return Truth(inside, risk(without, names[unseen]), risk(with_all, names[unseen]))


def exact(family: Callable[..., Any]) -> Callable[..., Truth]:
    """The estimand as a function of the unseen environment and the options that load a suite.

    Args:
        family: from those options, the number of examples and the seed excepted, to what has a
            method ``truth``. With unlimited examples these two change nothing.
    """

    def truth(environment: str | float, n: int = 0, seed: int = 0, **options: Any) -> Truth:
        found: Truth = family(**options).truth(environment)
        return found

    return truth


def number_name(value: float) -> str:
    """Name an environment after a number, as ``Environments`` does: 3.0 is "3"."""
    return str(int(value)) if float(value).is_integer() else str(float(value))


def position(environment: str | float, names: Sequence[str]) -> int:
    """Find an environment by its name, or by its number where environments are called by one."""
    name = environment if isinstance(environment, str) else number_name(environment)
    if name not in names:
        raise unknown(f"There is no environment {name!r}", name, names)
    return list(names).index(name)


def distinct(values: Sequence[float], option: str) -> None:
    """Refuse a list of environment parameters that is too short or repeats one."""
    if len(values) < 2 or len(set(values)) < len(values):
        raise UsageError(
            f"{option} must hold two or more different numbers, one per environment; got "
            f"{listing(values)}."
        )
