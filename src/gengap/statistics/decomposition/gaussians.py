"""Normal densities of weighted classes: linear and quadratic discriminants with a temperature."""

from __future__ import annotations

import numpy as np

SHRINKAGE = 0.05  # of a class's covariance towards the common one, and of both towards a diagonal
FLOOR = 1e-3  # of a variance of standardised features


def log_densities(
    train: np.ndarray, codes: np.ndarray, weight: np.ndarray, new: np.ndarray, *, common: bool
) -> np.ndarray:
    """Logarithms of class densities at new rows, ``(m, K)``, up to one constant.

    Args:
        train: ``(n, d)`` standardised features.
        codes: ``(n,)`` classes, each of 0 to ``K - 1`` present.
        weight: ``(n,)``, at least 0; each class has some.
        new: ``(m, d)``.
        common: whether classes share one covariance.
    """
    classes = int(codes.max()) + 1
    means, spreads, sizes = [], [], []
    for k in range(classes):
        own = codes == k
        w = weight[own] / weight[own].sum()
        mean = w @ train[own]
        apart = train[own] - mean
        means.append(mean)
        spreads.append((apart * w[:, None]).T @ apart)
        sizes.append(1 / float(w @ w))
    pooled = _steadied(np.mean(spreads, axis=0))
    found = np.empty((len(new), classes))
    for k in range(classes):
        spread = pooled
        if not common:  # a class with few rows leans on the others
            lean = max(SHRINKAGE, train.shape[1] / (train.shape[1] + sizes[k]))
            spread = _steadied((1 - lean) * spreads[k] + lean * pooled)
        root = np.linalg.cholesky(spread)
        apart = np.linalg.solve(root, (new - means[k]).T)
        found[:, k] = -0.5 * np.sum(apart**2, axis=0) - np.log(np.diag(root)).sum()
    return found


def _steadied(spread: np.ndarray) -> np.ndarray:
    diagonal = np.diag(spread)
    steadied = (1 - SHRINKAGE) * spread + SHRINKAGE * np.diag(diagonal)
    return np.asarray(steadied + FLOOR * np.eye(len(spread)))
