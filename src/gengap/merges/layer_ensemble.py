"""LEVI: every layer of a pretrained model and a small model of one's own, each a view, ensembled.

Fine-tuning that leans on a pretrained model's last features keeps what its pretraining got wrong;
a small model trained on the task alone keeps what the task's data get wrong. LEVI (Roh et al. 2024,
arXiv:2402.04644) reads the pretrained model at all its layers, lets each view answer by a linear
map, and ensembles the answers adaptively:

    f(x) = Σ_v g_v (h_v(x) A_v + b_v),        g_v >= 0,

``h_v`` being the features of view ``v``, a layer or the small model. The paper trains maps and
ensemble by gradient; here maps are ridge regressions and the ``g`` a non-negative least-squares fit
to what each map answers on examples left out of it (stacking, Wolpert 1992), both in closed form.
What a view merely memorised so counts nothing. With ``H`` the view's hat matrix, the answer on an
example that is left out is ``(ŷ_i - H_ii y_i) / (1 - H_ii)``, without refitting.

Helps where the pretrained features mislead. Costs one pass of both models at test time, not one of
merged weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from gengap.base.errors import UsageError


@dataclass(frozen=True)
class LayerEnsemble:
    """A fitted ensemble.

    Attributes:
        maps: for each view weights ``(d_v, C)`` and intercepts ``(C,)``.
        shares: ``g``, one for each view.
    """

    maps: tuple[tuple[np.ndarray, np.ndarray], ...]
    shares: tuple[float, ...]

    def __call__(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """Answers ``(n, C)`` for features ``(n, d_v)`` of each view."""
        parts = zip(self.shares, views, self.maps, strict=True)
        return np.asarray(sum(g * (h @ a + b) for g, h, (a, b) in parts))


def ensemble_layers(
    views: Sequence[np.ndarray], targets: np.ndarray, ridge: float = 1.0
) -> LayerEnsemble:
    """Fit the maps and the shares of views.

    Args:
        views: features ``(n, d_v)`` of each, of the same examples.
        targets: ``(n, C)``: values, or a column of zeros and ones for each class.
        ridge: penalty of the maps' squared weights, above 0.

    Raises:
        UsageError: no views, numbers of examples that differ, or no penalty.
    """
    targets = np.asarray(targets, dtype=float)
    if not views or any(len(view) != len(targets) for view in views):
        raise UsageError("Every view must have features of all examples; give at least one view.")
    if not ridge > 0:
        raise UsageError(f"ridge is {ridge:g}; give a penalty above 0.")
    fitted = [_ridge(np.asarray(view, dtype=float), targets, ridge) for view in views]
    answers = np.stack([left_out.ravel() for _, _, left_out in fitted], 1)
    shares = nnls(answers, targets.ravel())[0]
    return LayerEnsemble(tuple((a, b) for a, b, _ in fitted), tuple(map(float, shares)))


def _ridge(
    features: np.ndarray, targets: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, intercepts, and the answer to each example by the map fitted without it."""
    mean, level = features.mean(0), targets.mean(0)
    centred, moved = features - mean, targets - level
    inverse = np.linalg.inv(centred.T @ centred + ridge * np.eye(features.shape[1]))
    weights = inverse @ centred.T @ moved
    # The intercept is not penalised, and adds 1/n to each leverage.
    leverage = (centred @ inverse * centred).sum(1) + 1 / len(features)
    answers = centred @ weights + level
    left_out = (answers - leverage[:, None] * targets) / (1 - leverage[:, None])
    return weights, level - mean @ weights, left_out
