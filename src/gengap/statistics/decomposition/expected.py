"""What is expected given inputs: cross-fitted regressions of several outcomes on the same rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

ALPHAS = np.logspace(-1, 5, 13)  # of ridge regression on standardised features
MOST_SQUARED = 30  # columns whose squares are features too
MOST_CROSSED = 8  # columns whose products are


def curved(features: np.ndarray) -> np.ndarray:
    """Standardised features with their squares and, of few columns, their products.

    Args:
        features: ``(n, d)``.
    """
    d = features.shape[1]
    parts = [features]
    if d <= MOST_SQUARED:
        parts.append(features**2)
    if d <= MOST_CROSSED:
        first, second = np.triu_indices(d, 1)
        parts.append(features[:, first] * features[:, second])
    return np.concatenate(parts, axis=1)


def expected(
    features: np.ndarray, outcomes: np.ndarray, weight: np.ndarray, fold: np.ndarray, seed: int
) -> np.ndarray:
    """Expected outcomes ``(n, E)`` given inputs, each row by models that were not fitted on it.

    The better of ridge regression on features with their squares, and of a forest, by the squared
    error in the first fold; of neither, where the mean is no worse.

    Args:
        features: ``(n, d)`` standardised.
        outcomes: ``(n, E)``; NaN where there is none.
        weight: ``(n,)``, at least 0.
        fold: ``(n,)`` folds from 0.
        seed: of the forest.
    """
    known = ~np.isnan(outcomes)
    total = (known * weight[:, None]).sum(axis=0)
    sums = np.nansum(outcomes * weight[:, None], axis=0)
    means = sums / np.where(total > 0, total, 1.0)
    filled = np.where(known, outcomes, means)
    scale = filled.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    filled = (filled - means) / scale
    wide = curved(features)
    models: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "mean": lambda train, new: np.zeros((int(new.sum()), filled.shape[1])),
        "ridge": lambda train, new: _ridge(wide, filled, weight, train, new),
        "forest": lambda train, new: _forest(features, filled, weight, train, new, seed),
    }
    first = fold == 0
    errors = {
        name: float(np.mean(weight[first, None] * (filled[first] - fit(~first, first)) ** 2))
        for name, fit in models.items()
    }
    chosen = models[min(errors, key=lambda name: errors[name])]
    found = np.empty_like(filled)
    for k in np.unique(fold):
        own = fold == k
        found[own] = chosen(~own, own)
    return means + scale * found


def ridge_fit(features: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights ``(d + 1, E)``, intercept last; the penalty by generalised cross-validation.

    Args:
        features: ``(n, d)``.
        targets: ``(n, E)``; one penalty for all.
        weight: ``(n,)``, at least 0.

    Source: G. H. Golub, M. Heath & G. Wahba, Technometrics 21 (1979), 215-223.
    """
    share = weight / weight.sum()
    centre, middle = share @ features, share @ targets
    root = np.sqrt(share * len(features))[:, None]
    X, Y = root * (features - centre), root * (targets - middle)
    if X.shape[0] >= X.shape[1]:
        values, vectors = np.linalg.eigh(X.T @ X)
    else:
        small, left = np.linalg.eigh(X @ X.T)
        values = small
        vectors = X.T @ (left / np.sqrt(np.maximum(small, 1e-12)))
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (X.T @ Y)
    total, best, weights = float((Y**2).sum()), np.inf, projected
    for alpha in ALPHAS:
        shrunk = projected / (values + alpha)[:, None]
        left_over = (
            total
            - 2 * float((shrunk * projected).sum())
            + float((values[:, None] * shrunk**2).sum())
        )
        freedom = 1 - (float((values / (values + alpha)).sum()) + 1) / len(X)
        score = left_over / freedom**2 if freedom > 0 else np.inf
        if score < best:
            best, weights = score, shrunk
    slopes = vectors @ weights
    return np.concatenate([slopes, (middle - centre @ slopes)[None]])


def _ridge(
    wide: np.ndarray, targets: np.ndarray, weight: np.ndarray, train: np.ndarray, new: np.ndarray
) -> np.ndarray:
    weights = ridge_fit(wide[train], targets[train], weight[train])
    return np.asarray(wide[new] @ weights[:-1] + weights[-1])


def _forest(
    features: np.ndarray,
    targets: np.ndarray,
    weight: np.ndarray,
    train: np.ndarray,
    new: np.ndarray,
    seed: int,
) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor

    leaf = max(10, int(train.sum()) // 200)
    model = ExtraTreesRegressor(
        30, min_samples_leaf=leaf, max_features=0.5, random_state=seed % 2**32
    )
    own = targets[train, 0] if targets.shape[1] == 1 else targets[train]
    model.fit(features[train], own, sample_weight=weight[train])
    return np.asarray(model.predict(features[new])).reshape(int(new.sum()), -1)
