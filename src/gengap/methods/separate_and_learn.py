"""Separate and learn (SAL): find the strangers in unlabelled data, then learn to tell them.

Examples met in use ("wild") are inliers and strangers, mixed and unlabelled. With ``ŷ`` the
predicted class, an inlier's gradient resembles the training gradient and a stranger's does not,
so that the strangers' gradients share a direction. With one row of ``G`` per wild example,

    G_i = ∇ℓ(x_i, ŷ_i) - mean_train ∇ℓ(x, y),      v = top right singular vector of G,
    τ(x) = <∇ℓ(x, ŷ) - mean_train ∇ℓ, v>²,

a wild example whose ``τ`` exceeds that of a share ``keep`` of inliers not trained on counts as a
stranger. The network is then trained to keep its classes, and to give inliers negative and the
candidates positive energy ``E = -log Σ_c exp z_c`` in a logistic regression:

    min_θ  E -log p_y(x)  +  λ ( E log(1 + exp E(x)) + E log(1 + exp(-E(x')) ).

Gradients are those of the last layer, ``(p - onehot) ⊗ (φ, 1)``: products of two vectors, so that
products with ``G`` need neither its entries nor their memory. The paper learns the regression's
slope and offset too; here they are 1 and 0, so that strangeness is the energy itself.

Helps when strangers in use resemble each other and are a fair share of the wild examples. Hurts
when they are few: a share ``1 - keep`` of the wild inliers is taken for strangers in any case,
and what these candidates teach is then wrong. What both did on digits: docs/results.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.outliers import both, energy
from gengap.methods.registry import ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network
from gengap.models.outputs import Outputs, features_of, head_of, labels_of, logits_of


@register(
    "separate-and-learn",
    summary="gives inliers negative and outliers, such as those found in the wild, positive energy",
    paper=Paper(
        "How does unlabeled data provably help out-of-distribution detection?",
        "Du, Fang, Diakonikolas, Li",
        2024,
        "https://arxiv.org/abs/2402.03502",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, OUTLIERS),
    passes=2.0,
)
@dataclass(frozen=True)
class SeparateAndLearn(Method):
    """The second half: a regression of energies, inliers against what was found."""

    weight: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="weight of the regression")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the weighted regression."""
        known, strange = both(network, batch)
        regression = regression_loss(known.flatten(1, 2), strange)
        return batch.risks(known).mean(1) + self.weight * regression


@dataclass(frozen=True)
class Separation:
    """Which wild examples count as strangers.

    Attributes:
        scores: ``(m,)`` float64 squared projection ``τ`` of each wild example.
        threshold: the score above which it is a candidate.
        candidates: ``(m,)`` bool.
    """

    scores: Tensor
    threshold: float
    candidates: Tensor

    def __repr__(self) -> str:
        found, among = int(self.candidates.sum()), len(self.candidates)
        return f"Separation({found} of {among} wild examples above {self.threshold:.3g})"


def separate(
    train: Outputs, held_out: Outputs, wild: Outputs, *, keep: float = 0.95, seed: int = 0
) -> Separation:
    """Filter wild examples by their gradients' top singular direction.

    Args:
        train: outputs on the training examples, with labels and the head.
        held_out: outputs on inliers not trained on.
        wild: outputs on the mixture.
        keep: share of the held-out inliers at or below the threshold.
        seed: starts the search for the singular vector, which it does not change otherwise.

    Raises:
        UsageError: there is no last linear layer, fewer than 2 wild examples, no held-out
            inliers, or ``keep`` is no share.
    """
    head_of(train)
    if not 0 < keep <= 1:
        raise UsageError(f"The share keep must be above 0 and at most 1, not {keep}.")
    if len(wild) < 2 or not len(held_out):
        raise UsageError("Separating needs at least 2 wild examples and 1 held-out inlier.")
    residual, features = _factors(train, labels_of(train))
    mean = residual.T @ features / len(features)
    direction = top_direction(*_factors(wild), mean, seed)

    def score(outputs: Outputs) -> np.ndarray:
        return np.square(_projected(*_factors(outputs), mean, direction))

    scores, ordered = score(wild), np.sort(score(held_out))
    # The rank is rounded first: 0.95 * 20 is a little above 19.
    rank = int(np.ceil(round(keep * len(ordered), 9)))
    threshold = float(ordered[rank - 1])
    return Separation(torch.from_numpy(scores), threshold, torch.from_numpy(scores > threshold))


def top_direction(
    residual: np.ndarray, features: np.ndarray, mean: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Top right singular vector, as ``(C, d)``, of the rows ``residual_i ⊗ features_i - mean``.

    Args:
        residual: ``(m, C)``.
        features: ``(m, d)``.
        mean: ``(C, d)``.
    """
    size = (len(residual), mean.size)
    operator = LinearOperator(
        size,
        matvec=lambda v: _projected(residual, features, mean, v.reshape(mean.shape)),
        rmatvec=lambda u: ((residual * u.reshape(-1, 1)).T @ features - u.sum() * mean).ravel(),
        dtype=np.float64,
    )
    start = generator(seed, "separate and learn start").standard_normal(max(size))
    if not np.any(operator.rmatvec(start[: size[0]])):
        return np.zeros_like(mean)
    found = svds(operator, k=1, v0=start[: min(size)], return_singular_vectors="vh")
    return found[2].reshape(mean.shape)


def regression_loss(inliers: Tensor, strangers: Tensor) -> Tensor:
    """Logistic loss of energies of logits ``(n, C)`` and ``(m, C)``, strangers' being positive."""
    return F.softplus(energy(inliers)).mean(-1) + F.softplus(-energy(strangers)).mean(-1)


def _factors(outputs: Outputs, labels: Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The two factors of each last-layer gradient, at the labels or else the predictions."""
    logits, features = logits_of(outputs).double(), features_of(outputs).double()
    at = logits.argmax(1) if labels is None else labels
    residual = logits.softmax(1) - F.one_hot(at, logits.shape[1])
    return residual.numpy(), F.pad(features, (0, 1), value=1.0).numpy()


def _projected(
    residual: np.ndarray, features: np.ndarray, mean: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """``<residual_i ⊗ features_i - mean, direction>`` for each ``i``."""
    return np.einsum("ic,ic->i", features @ direction.T, residual) - np.vdot(mean, direction)
