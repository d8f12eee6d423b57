"""Shrinking and learned aggregation: weights that need not sum to 1.

    θ = γ Σ_k λ_k θ_k,        λ_k >= 0,  Σ λ_k = 1,  γ > 0.

Federated learning takes ``γ = 1`` and ``λ_k`` in proportion to what each model saw. A ``γ``
somewhat below 1 shrinks all weights as weight decay does after many steps, and generalises better,
the more so the more the models' data differ. Learned aggregation chooses ``γ`` and ``λ`` on
validation examples. The paper descends their gradient; here the score is any function, so they are
searched by the simplex method of Nelder and Mead in ``(log γ, log λ)``, from the plain mean on, and
the best that was scored is taken: on the validation examples never worse than the plain mean.

With a base the rest, ``1 - γ``, is the base's. Helps where models saw different data. Networks
with normalisation barely notice ``γ``; in others a small one makes answers unsure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Choice, Place
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import SCORES, register_merge

PAPER = Paper(
    "Revisiting weighted aggregation in federated learning with neural networks",
    "Li, Lin, Shang, Wu",
    2023,
    "https://arxiv.org/abs/2302.10911",
)


@register_merge(
    "shrinking-aggregation",
    summary="mean of the models with all weights shrunk",
    paper=PAPER,
)
@dataclass(frozen=True)
class ShrinkingAggregation(Combination):
    """Mean times a factor."""

    shrink: float = hyperparameter(0.95, 0.7, 1.0, help="factor of the mean")
    piecewise: ClassVar[bool] = True

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """The factor, divided between the models."""
        return [self.shrink * weight for weight in at.weights]


@register_merge(
    "learned-aggregation",
    summary="weights of models and their sum chosen by the validation score",
    paper=PAPER,
    needs=(SCORES,),
)
@dataclass(frozen=True)
class LearnedAggregation(Combination):
    """Weights found by search, from the mean on."""

    scorings: int = hyperparameter(60, 20, 200, help="merges that are scored at most")
    piecewise: ClassVar[bool] = True

    def weights(self, choice: Choice) -> Sequence[float]:
        """The best of those scored, the plain mean first."""
        seen: list[tuple[float, list[float]]] = []

        def cost(point: np.ndarray) -> float:
            if len(seen) >= max(round(self.scorings), 1):  # SciPy's own limit is a soft one
                return np.inf
            weights = aggregation(point, choice.alike)
            seen.append((choice.scored(weights), weights))
            return -seen[-1][0]

        number = choice.number + 1
        # The first step tries 10% of shrinking and each model at 1.6 times its weight.
        corners = np.vstack([np.zeros(number), np.diag([-0.1, *[0.5] * choice.number])])
        minimize(
            cost,
            np.zeros(number),
            method="Nelder-Mead",
            options={"initial_simplex": corners, "maxfev": round(self.scorings)},
        )
        return max(seen, key=lambda found: found[0])[1]


def aggregation(point: np.ndarray, alike: Sequence[float]) -> list[float]:
    """Weights ``γ λ_k`` at a point ``(log γ, log-odds of each model)``; at 0 those given."""
    shares = np.asarray(alike) * np.exp(np.clip(point[1:], -30, 30))
    return [float(w) for w in np.exp(np.clip(point[0], -30, 30)) * shares / shares.sum()]
