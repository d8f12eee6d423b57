"""What remains to be lost when an environment's own relation is known: corrections fitted there.

A prediction made without regard to the environment is corrected by ridge regression of its
residuals on the inputs, on their squares and on the prediction, within each environment, and scored
on rows that the correction was not fitted on. The penalty, chosen by generalised cross-validation,
leaves the prediction nearly alone where there is nothing to correct. Corrections, by ridge
regression or by a forest, are used where they win clearly, over all environments or in one: what
they lose where there is nothing to win scatters more between environments than rows can tell.

Environments are corrected from equally many rows, so that what few rows cannot teach cancels
between them; one with fewer than ``ENOUGH`` uses what it has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gengap.base.seeds import derive, generator
from gengap.statistics.decomposition.expected import curved, ridge_fit

FEWEST = 30  # rows of an environment, below which nothing is learnt from it
ENOUGH = 200
UNCORRECTED = "none"
CLEAR, CLEAR_IN_ONE = 2.0, 3.0  # standard errors
Correct = Callable[[np.ndarray, np.ndarray], np.ndarray]  # from training rows, at new ones


def own_loss(
    features: np.ndarray,
    environment: np.ndarray,
    base: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    fold: np.ndarray,
    loss: Callable[[np.ndarray], np.ndarray],
    seed: int,
) -> tuple[np.ndarray, str]:
    """Loss of corrected predictions ``(n,)``, and which correction was used.

    Args:
        features: ``(n, d)`` standardised.
        environment: ``(n,)`` codes from 0.
        base: ``(n, C)`` predictions to correct: a number, or a score of each class.
        target: ``(n, C)`` the truth in that form.
        weight: ``(n,)`` of rows, at least 0.
        fold: ``(n,)`` folds from 0.
        loss: of corrected predictions ``(n, C)``, per row.
        seed: of the rows drawn, and of forests.

    Returns:
        NaN in environments with fewer than :data:`FEWEST` rows.
    """
    sizes = np.bincount(environment)
    enough = sizes[sizes >= FEWEST]
    if not len(enough):
        return np.full(len(base), np.nan), UNCORRECTED
    most = max(ENOUGH, int(enough.min()))
    scale = np.where(base.std(axis=0) > 0, base.std(axis=0), 1.0)
    inputs = np.concatenate([features, (base - base.mean(axis=0)) / scale], axis=1)
    wide, residual = curved(inputs), target - base
    candidates: dict[str, Correct] = {
        "ridge": lambda train, new: _ridge(wide, residual, weight, train, new),
        "forest": lambda train, new: _forest(inputs, residual, weight, train, new, seed),
    }
    taught = np.where(sizes[environment] >= FEWEST, weight, 0.0)
    best, chosen = loss(base), UNCORRECTED
    for name, fit in candidates.items():
        found = loss(base + _corrections(fit, residual, environment, fold, most, seed))
        if _wins(best - found, environment, taught):
            best, chosen = found, name
    return np.where(sizes[environment] >= FEWEST, best, np.nan), chosen


def _wins(gain: np.ndarray, environment: np.ndarray, weight: np.ndarray) -> bool:
    """Whether losses ``(n,)`` fall clearly, on average or in one environment."""
    total = np.bincount(environment, weight)
    share = weight / np.where(total > 0, total, 1.0)[environment]
    means = np.bincount(environment, share * gain)
    scatter = np.bincount(environment, (share * (gain - means[environment])) ** 2)
    known = total > 0
    errors = np.sqrt(np.maximum(scatter, 1e-300))
    over_all = means[known].sum() / np.sqrt(max(scatter[known].sum(), 1e-300))
    return bool(over_all > CLEAR and means[known].sum() > 0) or bool(
        (means[known] / errors[known]).max() > CLEAR_IN_ONE
    )


def _corrections(
    fit: Correct,
    residual: np.ndarray,
    environment: np.ndarray,
    fold: np.ndarray,
    most: int,
    seed: int,
) -> np.ndarray:
    found = np.zeros_like(residual)
    for k in np.unique(environment):
        rows = np.flatnonzero(environment == k)
        if len(rows) < FEWEST:
            continue
        rng = generator(seed, "rows that correct", k)
        for f in np.unique(fold[rows]):
            new, train = rows[fold[rows] == f], rows[fold[rows] != f]
            share = most * len(train) // len(rows)
            if len(train) > share:
                train = rng.choice(train, share, replace=False)
            found[new] = fit(train, new)
    return found


def _ridge(
    wide: np.ndarray, residual: np.ndarray, weight: np.ndarray, train: np.ndarray, new: np.ndarray
) -> np.ndarray:
    weights = ridge_fit(wide[train], residual[train], weight[train])
    return np.asarray(wide[new] @ weights[:-1] + weights[-1])


def _forest(
    inputs: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    train: np.ndarray,
    new: np.ndarray,
    seed: int,
) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor

    leaf = max(5, len(train) // 30)
    model = ExtraTreesRegressor(
        15, min_samples_leaf=leaf, random_state=derive(seed, "correction") % 2**32
    )
    one = residual.shape[1] == 1
    own = residual[train, 0] if one else residual[train]
    model.fit(inputs[train], own, sample_weight=weight[train])
    return np.asarray(model.predict(inputs[new])).reshape(len(new), -1)
