"""Averages over the checkpoints of one run: SWA, EMA and the beta moving average.

With ``u_i`` in (0, 1) the time of checkpoint ``i`` of ``n``, ``(i - 1/2) / n``, all are

    θ = Σ_i w_i θ_i,        w_i = k(u_i) / Σ_j k(u_j),

and differ in the kernel ``k`` alone:

- SWA (Izmailov et al. 2018, arXiv:1803.05407): 1 from a share of the run on, else 0;
- EMA (Polyak, Juditsky 1992): ``θ̄_i = d θ̄_{i-1} + (1 - d) θ_i`` from ``θ̄_1 = θ_1``, whose
  weights are ``d^(n-1), (1-d) d^(n-2), ..., (1-d)``;
- BMA (Shu et al. 2023, arXiv:2302.00864): the density of Beta(β, β), which for β < 1 is large at
  both ends. The first checkpoint, or the base, is the model before fine-tuning: what was known and
  what was learned count most, and the way between a little.

Where steps are given they set the times: ``u = (step - first + s/2) / (last - first + s)`` with
``s`` the mean distance; EMA then decays by ``d`` every ``s`` steps.

Helps a little almost always, most with large learning rates. Hurts when the average reaches back
to where the loss was still falling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Choice
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import TRAJECTORY, register_merge


def times(choice: Choice, before: int = 0) -> np.ndarray:
    """When checkpoints were taken, ``(n + before,)`` increasing in (0, 1).

    Args:
        choice: with the number of checkpoints and maybe their steps.
        before: checkpoints at equal distances before the first; with steps, one at step 0.
    """
    number = choice.number + before
    if choice.steps is None or number == 1:
        return (np.arange(number) + 0.5) / number
    steps = np.array([0] * before + list(choice.steps), dtype=float)
    distance = (steps[-1] - steps[0]) / (len(steps) - 1)
    return np.asarray((steps - steps[0] + distance / 2) / (steps[-1] - steps[0] + distance))


@dataclass(frozen=True)
class Trajectory(Combination):
    """Base of the averages over checkpoints; subclasses give the kernel."""

    piecewise: ClassVar[bool] = True
    preferable: ClassVar[bool] = False

    def kernel(self, times: np.ndarray) -> np.ndarray:
        """How much checkpoints count by their times ``(n,)``, in any unit."""
        raise NotImplementedError

    def weights(self, choice: Choice) -> Sequence[float]:
        """The kernel, summing to 1."""
        counts = self.kernel(times(choice))
        return [float(count) for count in counts / counts.sum()]


@register_merge(
    "swa",
    summary="mean of the checkpoints from a share of the run on",
    paper=Paper(
        "Averaging weights leads to wider optima and better generalization",
        "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson",
        2018,
        "https://arxiv.org/abs/1803.05407",
    ),
    of=TRAJECTORY,
)
@dataclass(frozen=True)
class SWA(Trajectory):
    """Uniform mean of a tail."""

    start: float = hyperparameter(
        0.0, 0.0, 0.9, limit=1, help="share of the run before the mean begins"
    )

    def kernel(self, times: np.ndarray) -> np.ndarray:
        """1 from the start on, and for the last checkpoint whatever the start."""
        inside = (times >= self.start).astype(float)
        inside[-1] = 1
        return inside


@register_merge(
    "ema",
    summary="mean of the checkpoints with weights that decay into the past",
    paper=Paper(
        "Acceleration of stochastic approximation by averaging",
        "Polyak, Juditsky",
        1992,
        "https://doi.org/10.1137/0330046",
    ),
    of=TRAJECTORY,
)
@dataclass(frozen=True)
class EMA(Trajectory):
    """Exponential moving average, begun at the first checkpoint."""

    decay: float = hyperparameter(
        0.7, 0.3, 0.99, limit=1, help="share of the average that a checkpoint leaves"
    )

    def kernel(self, times: np.ndarray) -> np.ndarray:
        """Powers of the decay; the first checkpoint stands for all before it."""
        age = (times[-1] - times) * len(times)
        powers = self.decay**age
        powers[1:] *= 1 - self.decay
        return np.asarray(powers)


@register_merge(
    "beta-moving-average",
    summary="mean over fine-tuning in which both ends count most, the base included",
    paper=Paper(
        "CLIPood: generalizing CLIP to out-of-distributions",
        "Shu, Guo, Wu, Wang, Wang, Long",
        2023,
        "https://arxiv.org/abs/2302.00864",
    ),
    of=TRAJECTORY,
)
@dataclass(frozen=True)
class BetaMovingAverage(Trajectory):
    """Average with the density of Beta(β, β); the base is a checkpoint before the first."""

    beta: float = hyperparameter(0.5, 0.2, 2.0, help="both parameters of the beta distribution")

    def kernel(self, times: np.ndarray) -> np.ndarray:
        """The density without its constant."""
        return np.asarray((times * (1 - times)) ** (self.beta - 1))

    def weights(self, choice: Choice) -> Sequence[float]:
        """Of each checkpoint; with a base the rest, as of one before the first, is the base's."""
        counts = self.kernel(times(choice, before=int(choice.based)))
        return [float(count) for count in (counts / counts.sum())[int(choice.based) :]]
