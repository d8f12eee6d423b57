"""Shares of classes: weights that give all environments the same, and whether to use them."""

from __future__ import annotations

import numpy as np

FEWEST = 3  # rows of a class in every environment


def same_shares(
    label: np.ndarray, environment: np.ndarray, weight: np.ndarray
) -> np.ndarray | None:
    """Weights ``(n,)`` under which classes have the mean of the environments' shares everywhere.

    None where an environment has too few rows of a class.

    Args:
        label: ``(n,)`` class codes from 0.
        environment: ``(n,)`` codes from 0.
        weight: ``(n,)`` that add up to 1 in each environment.
    """
    K, C = int(environment.max()) + 1, int(label.max()) + 1
    cell = environment * C + label
    counts = np.bincount(cell, minlength=K * C).reshape(K, C)
    present = counts.sum(axis=0) > 0
    if counts[:, present].min() < FEWEST:
        return None
    shares = np.bincount(cell, weight, K * C).reshape(K, C)
    common = shares.mean(axis=0)
    return np.asarray(weight * common[label] / shares.ravel()[cell])


def loss_of_labels(
    label: np.ndarray, environment: np.ndarray, weight: np.ndarray, fold: np.ndarray
) -> float:
    """Held-out log loss of environments given the class alone, environments weighing equally.

    To be compared with that of environments given inputs; see the package.
    """
    K, C = int(environment.max()) + 1, int(label.max()) + 1
    total = 0.0
    for f in np.unique(fold):
        own = fold == f
        cell = label[~own] * K + environment[~own]
        # Half a row of each environment keeps the logarithm of an empty cell finite.
        prior = 0.5 * float(np.mean(weight))
        table = np.bincount(cell, weight[~own], C * K).reshape(C, K) + prior
        table /= table.sum(axis=1, keepdims=True)
        total -= float(weight[own] @ np.log(table[label[own], environment[own]]))
    return total / float(weight.sum())
