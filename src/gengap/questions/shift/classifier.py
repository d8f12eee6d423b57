"""Can a classifier tell the new batch from the reference? If so they differ, and it says where.

A classifier is trained to tell reference rows (0) from new rows (1) and scored on rows it has not
seen by the area under its ROC curve, the chance that a new row gets the larger score. Under
equality that is 1/2 on average, whatever the classifier. Two ways to a p-value that holds:

*Half for training, half for testing*, with any classifier. Given the classifier, the labels of the
test half are exchangeable under equality, so the rank sum of the new rows has Mann and Whitney's
distribution.

*Cross-validated*, which uses every row for both. The scores of different folds are not independent:
two folds learn their direction from one another, so if fold ``k`` looks separable in the direction
learnt from fold ``j`` the converse holds too. For a linear classifier that learns a difference of
means ``w`` the two are the same number ``w_j . w_k``, and the variance of the pooled rank sum is
twice what a rank or binomial test takes it to be: at a nominal 5% such a test rejects equality 11%
of the time (60 and 50 rows; 12% in theory). What is exact is to redo everything under random
labels, ``p = (1 + b) / (1 + B)``. Ridge regression on the labels, the direction of Fisher's
discriminant, makes that cheap: its predictions are linear in the labels, so the ``B`` refits of a
fold are one matrix product.

It helps where features are many and weak alone. The linear one sees shifts of means only; trees see
the rest, with half the rows. It hurts as a verdict on a model: a feature that does not matter can
give a perfect area.

Sources: D. Lopez-Paz & M. Oquab, Revisiting classifier two-sample tests, ICLR 2017,
arXiv:1610.06545; I. Kim, A. Ramdas, A. Singh & L. Wasserman, Classification accuracy as a proxy for
two-sample testing, Annals of Statistics 49 (2021), 411-434, arXiv:1602.02210.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.delong import auroc_interval
from gengap.statistics.separation.metrics import labelled_auroc
from gengap.statistics.two_sample import two_tables

FOLDS = 5
FEWEST = 10
RIDGE = 0.1  # as a share of a standardised feature's own sum of squares
FOLDS_SHARE = "Folds share their training rows: the area has a p-value but no limits."


@dataclass(frozen=True, eq=False)
class ClassifierTest:
    """How well a classifier tells new rows from reference rows that it has not seen.

    Attributes:
        auroc: 0.5 cannot tell them apart, 1 always can; with DeLong's limits on held-out rows.
        p_value: one-sided.
        importance: ``(d,)`` by how much shuffling each feature among unseen rows lowers the area.
    """

    auroc: Interval
    p_value: float
    importance: np.ndarray


def classifier_test(
    reference: ArrayLike, new: ArrayLike, model: Any = None, seed: int = 0
) -> ClassifierTest:
    """Train on half of the rows, test on the other half.

    Args:
        reference: ``(n, d)`` features.
        new: ``(m, d)`` features; at least 10 rows each.
        model: a scikit-learn classifier, which is cloned; gradient-boosted trees when not given.
        seed: of the halves, the shuffles, and the trees.

    Raises:
        UsageError: features that are no two tables of numbers with the same columns, or few rows.
    """
    from sklearn.base import clone

    X, is_new = _pooled(reference, new, missing=model is None)
    rng = generator(seed, "classifier test")
    training = _folds(is_new, 2, rng) == 0
    classifier = _trees(seed) if model is None else clone(model)
    classifier.fit(X[training], is_new[training])
    tested, labels = X[~training], is_new[~training].astype(bool)
    scores = _scores(classifier, tested)
    inliers, strangers = scores[~labels], scores[labels]
    test = stats.mannwhitneyu(strangers, inliers, alternative="greater")
    area = auroc_interval(inliers, strangers)
    shuffled = np.empty((len(tested), X.shape[1]))
    for column in range(X.shape[1]):
        changed = tested.copy()
        changed[:, column] = rng.permutation(changed[:, column])
        shuffled[:, column] = _scores(classifier, changed)
    importance = area.estimate - labelled_auroc(shuffled.T, labels)
    return ClassifierTest(area, _probability(test.pvalue), importance)


def linear_classifier_test(
    reference: ArrayLike, new: ArrayLike, permutations: int = 999, seed: int = 0
) -> ClassifierTest:
    """Cross-validate a linear classifier, and again under random labels; exact.

    Args:
        reference: ``(n, d)`` finite features.
        new: ``(m, d)`` features; at least 10 rows each.
        permutations: number of random labellings; memory grows by ``12 (n + m)`` bytes for each.
        seed: of the folds and the labellings.

    Raises:
        UsageError: as :func:`classifier_test`, features missing, or no permutations.
    """
    if permutations < 1:
        raise UsageError(f"permutations is {permutations}; give a positive number, e.g. 999.")
    X, is_new = _pooled(reference, new, missing=False)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rng = generator(seed, "linear classifier test")
    # Everything is redone under random labels, so nothing that is learnt needs to be independent.
    fold = _folds(is_new, FOLDS, rng)
    labels = _labellings(is_new, fold, permutations, rng)
    pairs = np.zeros(1 + permutations)
    shuffled, number = np.zeros(X.shape[1]), 0
    for k in range(FOLDS):
        own = fold == k
        # One solve gives the directions learnt under all labellings, the observed one first.
        weights = _directions(X[~own], labels[~own])
        tested, truth = X[own], labels[own]
        here = int(truth[:, 0].sum()) * int((~truth[:, 0]).sum())
        pairs += labelled_auroc((tested @ weights).T, truth.T) * here
        # Shuffling one feature at a time changes the score by that feature's part alone.
        moved = rng.permuted(tested, axis=0) - tested
        scores = (tested @ weights[:, :1]) + moved * weights[:, 0]
        shuffled += labelled_auroc(scores.T, truth[:, 0]) * here
        number += here
    extreme = int(np.sum(pairs[1:] >= pairs[0] - 1e-9))
    area = float(pairs[0] / number)
    return ClassifierTest(
        Interval(area, math.nan, math.nan, note=FOLDS_SHARE),
        (1 + extreme) / (1 + permutations),
        area - shuffled / number,
    )


def _directions(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Ridge weights ``(d, L)`` for each column of ``labels (n, L)``."""
    n, d = X.shape
    centred = X - X.mean(axis=0)
    targets = labels.astype(np.float64)
    if d <= n:
        gram = centred.T @ centred + RIDGE * n * np.eye(d)
        return np.asarray(linalg.solve(gram, centred.T @ targets, assume_a="pos"))
    targets -= targets.mean(axis=0)
    gram = centred @ centred.T + RIDGE * n * np.eye(n)
    return np.asarray(centred.T @ linalg.solve(gram, targets, assume_a="pos"))


def _labellings(
    is_new: np.ndarray, fold: np.ndarray, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """The observed labels and random ones ``(N, 1 + B)``, which swap rows within a fold only."""
    labels = np.repeat(is_new.astype(bool)[:, None], 1 + permutations, axis=1)
    for k in range(FOLDS):
        own = np.flatnonzero(fold == k)
        labels[own, 1:] = rng.permuted(labels[own, 1:], axis=0)
    return labels


def _folds(is_new: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """A fold per row, the two sets dealt out evenly."""
    fold = np.empty(len(is_new), dtype=int)
    for label in (0, 1):
        rows = np.flatnonzero(is_new == label)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % number
    return fold


def _trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=50, min_samples_leaf=5, l2_regularization=1.0, random_state=seed % 2**32
    )


def _scores(classifier: Any, X: np.ndarray) -> np.ndarray:
    if hasattr(classifier, "decision_function"):
        return np.asarray(classifier.decision_function(X), dtype=np.float64)
    return np.asarray(classifier.predict_proba(X)[:, 1], dtype=np.float64)


def _probability(p: float) -> float:
    """A p-value; 1 where all scores are equal and there is none."""
    return 1.0 if math.isnan(p) else float(p)


def _pooled(reference: ArrayLike, new: ArrayLike, *, missing: bool) -> tuple[np.ndarray, ...]:
    """Both sets ``(n + m, d)``, and which rows are new."""
    x, y = two_tables(reference, new)
    if min(len(x), len(y)) < FEWEST:
        raise UsageError(
            f"A classifier needs at least {FEWEST} rows on each side; there are {len(x)} and "
            f"{len(y)}."
        )
    X = np.concatenate([x, y])
    if np.isinf(X).any() or (np.isnan(X).any() and not missing):
        raise UsageError("Features must be finite numbers; drop or fill what is missing.")
    return X, np.repeat([0, 1], [len(x), len(y)])
