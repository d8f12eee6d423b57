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

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.base.errors import UsageError, listing, unknown


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


class Family(ABC):
    """Environments whose population learner and its risks have closed forms."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Environment names."""

    @abstractmethod
    def learn(self, train: list[int]) -> Any:
        """What is learnt from the even mixture of the environments at some positions."""

    @abstractmethod
    def risk(self, learnt: Any, environment: Any) -> float:
        """Return the exact loss of what was learnt in an environment."""

    def truth(self, environment: str | float) -> Truth:
        """Return the estimand of the learner with ``environment`` unseen."""
        unseen, every = position(environment, self.names), list(range(len(self.names)))
        others = [k for k in every if k != unseen]
        without, name = self.learn(others), self.names[unseen]
        inside = float(np.mean([self.risk(without, self.names[k]) for k in others]))
        return Truth(inside, self.risk(without, name), self.risk(self.learn(every), name))


def exact(family: Callable[..., Family]) -> Callable[..., Truth]:
    """The estimand as a function of the unseen environment and the options that load a suite.

    Args:
        family: made from those options, but for the number of examples and the seed. With
            unlimited examples these two change nothing.
    """

    def truth(environment: str | float, n: int = 0, seed: int = 0, **options: Any) -> Truth:
        return family(**options).truth(environment)

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
