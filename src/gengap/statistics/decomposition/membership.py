"""Of which environment is a row, given its inputs? Cross-fitted probabilities, calibrated.

Candidates are: none can tell; normal densities with one covariance and with one each, at several
temperatures; logistic regression; boosted trees. The one with the least log loss on rows that it
was not fitted on is used, so that where environments are alike every row is as likely of each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import log_softmax

from gengap.statistics.decomposition.bins import binned
from gengap.statistics.decomposition.gaussians import log_densities

TEMPERATURES = (1.0, 0.7, 0.4)
LEAST = 1e-6  # probability
MOST_FOR_TREES = 20_000  # rows times environments over 10
NOBODY = "none"
Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Membership:
    """How well inputs tell environments apart.

    Attributes:
        probability: ``(n, K)``, each row by models that were not fitted on it; environments weigh
            equally.
        log_loss: ``(n,)`` of each row under them.
        chosen: which kind of model.
    """

    probability: np.ndarray
    log_loss: np.ndarray
    chosen: str


def membership(
    features: np.ndarray, environment: np.ndarray, weight: np.ndarray, fold: np.ndarray, seed: int
) -> Membership:
    """Probabilities of environments given inputs.

    Args:
        features: ``(n, d)`` standardised.
        environment: ``(n,)`` codes 0 to ``K - 1``, each in every fold.
        weight: ``(n,)``; environments are made to weigh equally.
        fold: ``(n,)`` folds from 0.
        seed: of the trees.
    """
    K = int(environment.max()) + 1
    weight = weight / np.bincount(environment, weight, K)[environment]
    flat = np.full((len(features), K), -np.log(K))
    first = fold == 0
    best, name, chosen = float(np.log(K)), NOBODY, None
    for label, fit in _candidates(len(features), K, seed):
        found = _log_probabilities(fit, features, environment, weight, first)
        for temperature in TEMPERATURES:
            scaled = log_softmax(temperature * found, axis=1)
            own = -scaled[np.arange(len(scaled)), environment[first]]
            loss = float(np.average(np.minimum(own, -np.log(LEAST)), weights=weight[first]))
            if loss < best:
                best, name, chosen = loss, label, (fit, temperature)
    if chosen is not None:
        fit, temperature = chosen
        for k in np.unique(fold):
            own = fold == k
            found = _log_probabilities(fit, features, environment, weight, own)
            flat[own] = log_softmax(temperature * found, axis=1)
    probability = np.maximum(np.exp(flat), LEAST)
    probability /= probability.sum(axis=1, keepdims=True)
    return Membership(probability, -np.log(probability[np.arange(len(flat)), environment]), name)


def _log_probabilities(
    fit: Fit, features: np.ndarray, environment: np.ndarray, weight: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """``(m, K)`` of the rows in a mask, by a model of all others."""
    train = ~out & (weight > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hundred steps are near enough
        return fit(features[train], environment[train], weight[train], features[out])


def _candidates(rows: int, K: int, seed: int) -> Iterator[tuple[str, Fit]]:
    yield "normal densities of one covariance", partial(log_densities, common=True)
    yield "normal densities", partial(log_densities, common=False)
    yield "logistic regression", _logistic
    if rows * K <= 10 * MOST_FOR_TREES:
        yield "boosted trees", partial(_trees, seed=seed)


def _logistic(
    train: np.ndarray, codes: np.ndarray, weight: np.ndarray, new: np.ndarray
) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.3, max_iter=60, tol=1e-3)
    model.fit(train, codes, sample_weight=weight / weight.mean())
    return np.asarray(model.predict_log_proba(new))


def _trees(
    train: np.ndarray, codes: np.ndarray, weight: np.ndarray, new: np.ndarray, seed: int
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=30, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=20,
        l2_regularization=1.0, early_stopping=False, random_state=seed % 2**32,
    )  # fmt: skip
    weight = weight / weight.mean()
    train, new = binned(train, weight, new)
    model.fit(train, codes, sample_weight=weight)
    return np.log(np.maximum(model.predict_proba(new), LEAST))
