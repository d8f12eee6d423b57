r"""How far an environment has moved, whatever that does to a model: four numbers from 0 to 1.

With input densities p of the training environments, weighing equally, and q of the unseen one:

- *covariate shift*: :math:`\tfrac12 \int |p - q|`, the largest difference of shares of any set of
  inputs, as benchmarks are measured by (X. Zhang et al., NICO++: towards better benchmarking for
  domain generalization, CVPR 2023, arXiv:2204.08040).
- *diversity shift*: the part of it where only one of them is:
  :math:`\tfrac12 \int_{pq = 0} |p - q|`.
- *correlation shift*: :math:`\tfrac12 \int \sqrt{pq} \sum_y |p(y|x) - q(y|x)| dx`, how far classes
  depend otherwise on inputs that both have (both: N. Ye et al., OoD-Bench: quantifying and
  understanding two dimensions of out-of-distribution generalization, CVPR 2022, arXiv:2106.03721,
  by which Y. Chen et al., ICML 2023, arXiv:2306.02595, sort models of a zoo).
- *concept shift*: the same on the shared distribution, :math:`\tfrac12 E_S \sum_y |p(y|x) -
  q(y|x)|`: the share of rows of the same inputs whose class is drawn otherwise.

A plain estimate of an integral of absolute values is above 0 where nothing has moved. Here the sign
comes from models fitted on other rows, and what is averaged with that sign are the rows themselves:
around 0 where nothing has moved, and else a lower bound, the closer the better the models. Numbers
are classes by their quarter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.statistics.decomposition.expected import curved, ridge_fit

ALONE = 0.95  # chance of one side, from which the other counts as absent
MOST_RATIO = 20.0


@dataclass(frozen=True, eq=False)
class Moves:
    """Per unseen environment, ``(E,)`` each; see the module."""

    covariate: np.ndarray
    diversity: np.ndarray
    correlation: np.ndarray
    concept: np.ndarray


def moves(
    probability: np.ndarray,
    features: np.ndarray,
    label: np.ndarray,
    environment: np.ndarray,
    weight: np.ndarray,
    fold: np.ndarray,
    unseen: np.ndarray,
) -> Moves:
    """How far each unseen environment is from all others.

    Args:
        probability: ``(n, K)`` of each environment given inputs, cross-fitted.
        features: ``(n, d)`` standardised.
        label: ``(n,)`` class codes from 0.
        environment: ``(n,)`` codes 0 to ``K - 1``.
        weight: ``(n,)``, adding up to 1 in each environment.
        fold: ``(n,)`` folds from 0.
        unseen: ``(E,)`` environment codes.
    """
    K = probability.shape[1]
    truth = np.eye(int(label.max()) + 1)[label]
    wide = curved(features)
    found = np.empty((4, len(unseen)))
    for j, e in enumerate(unseen):
        own = environment == e
        rest = (1 - probability[:, e]) / (K - 1)
        s = probability[:, e] / (probability[:, e] + rest)
        w = np.where(own, weight, weight / (K - 1))
        sided = np.where(own, 1.0, -1.0) * w  # both sides add up to 1 in size
        found[0, j] = sided @ (s > 0.5)
        found[1, j] = 0.5 * (sided @ (s > ALONE) - sided @ (s < 1 - ALONE))
        sign = _sign(wide, truth, own, w, fold)[np.arange(len(label)), label]
        odds = np.where(own, (1 - s) / s, s / (1 - s))
        root = np.sqrt(np.minimum(odds, MOST_RATIO))
        found[2, j] = 0.5 * float((sided * root) @ sign)
        shared = np.where(own, 1 - s, s)
        outside, inside = (side & (shared > 0) for side in (own, ~own))
        found[3, j] = 0.5 * sum(
            side * float(np.average(sign[rows], weights=(w * shared)[rows]))
            for side, rows in ((1.0, outside), (-1.0, inside))
            if rows.any()
        )
    return Moves(*np.clip(found, 0.0, 1.0))


def _sign(
    wide: np.ndarray, truth: np.ndarray, own: np.ndarray, weight: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Which classes ``(n, C)`` are likelier outside than inside given inputs: 1, or -1."""
    found = np.zeros_like(truth)
    for k in np.unique(fold):
        new = fold == k
        sides = []
        for side in (own, ~own):
            rows = side & ~new
            fitted = ridge_fit(wide[rows], truth[rows], weight[rows])
            sides.append(wide[new] @ fitted[:-1] + fitted[-1])
        found[new] = np.where(sides[0] > sides[1], 1.0, -1.0)
    return found
