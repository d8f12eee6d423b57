"""Weighted behaviour cloning: say what was done, the louder the better it went.

A second network ``V`` learns the mean return that followed an observation; an action that was
followed by more than that is cloned with more weight,

    L = 1/N Σ ½ [V(s) - R]² + 1/N Σ min(exp(β (R - V(s)) / σ), 100) ℓ(π(s), a),

with ``R`` the logged discounted return from there on, ``σ`` the standard deviation of ``R - V(s)``
in the batch, and ``ℓ`` the cross-entropy or, where actions are vectors, the squared error. It is
advantage-weighted regression on a log, and asks no network about an action that nobody took; such
weighting has been found to carry over to unseen goals better than pessimism about values (Yang et
al. 2023, arXiv:2305.18882).

Helps when some episodes of the log went well and others did not. Hurts where chance decides how
episodes go: luck is cloned with weight. On an expert's log it is cloning with noisy weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.weighted_cloning import ReturnCloning, weights


@register(
    "weighted-bc",
    summary="clones logged actions, the more the better it went from there",
    paper=Paper(
        "Advantage-weighted regression: simple and scalable off-policy reinforcement learning",
        "Peng, Kumar, Zhang, Levine",
        2019,
        "https://arxiv.org/abs/1910.00177",
    ),
    needs=(TRANSITIONS,),
    passes=2,
)
@dataclass(frozen=True)
class WeightedBC(ReturnCloning):
    """Cloning weighted by how much better than usual it went."""

    sharpness: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of an advantage of one standard deviation, as a log"
    )

    def weights(self, advantage: Tensor) -> Tensor:
        """Of advantages ``(R, E, B)``."""
        return weights(advantage, self.sharpness)
