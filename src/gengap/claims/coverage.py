"""Combinations of two factors: is it how many are covered, or how many examples there are?

A. Uselis et al., Does data scaling lead to visual compositional generalization? (arXiv 2507.07102).
Five digits at six angles: each digit is trained on at ``k`` of the angles, every angle has some
digit, and the score is that on combinations which no training has, digit and angle each known.

Features are *factored* as far as the mean feature of a digit at an angle is the sum of a part of
the digit and a part of the angle.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.fairness import features
from gengap.claims.material import accuracy, digits, halves, train
from gengap.environments.suites.images import rotate
from gengap.study.trained import Trained

PAPER = Paper(
    "Does data scaling lead to visual compositional generalization?",
    "Uselis, Dittadi, Oh",
    2025,
    "https://arxiv.org/abs/2507.07102",
)
CLASSES, ANGLES = 5, (0, 60, 120, 180, 240, 300)
APART = 30  # digits of each class that no training has
FEW, MANY = 2, 4  # angles that each digit is trained on at
EXAMPLES = 200


def coverage_over_examples(draw: int, store: str) -> float:
    """Accuracy with twice the combinations minus accuracy with twice the examples."""
    more_covered = _trained(draw, store, MANY, EXAMPLES)
    more_examples = _trained(draw, store, FEW, 2 * EXAMPLES)
    return _unseen(more_covered, draw) - _unseen(more_examples, draw)


def coverage_factors(draw: int, store: str) -> float:
    """Share of the features' spread that is additive: with many combinations minus with few."""
    many, few = (_trained(draw, store, covered, EXAMPLES) for covered in (MANY, FEW))
    return factored(_means(many, draw)) - factored(_means(few, draw))


def factored(means: np.ndarray) -> float:
    """The share of the spread of ``means (classes, angles, d)`` that is a sum of two parts.

    Example:
        >>> factored(np.add.outer([0.0, 1, 4], [2.0, 3])[..., None])
        1.0
    """
    centred = means - means.mean((0, 1))
    additive = centred.mean(0) + centred.mean(1)[:, None]
    return float(1 - ((centred - additive) ** 2).sum() / (centred**2).sum())


def _trained(draw: int, store: str, covered: int, examples: int) -> Trained:
    """A perceptron whose classes are each covered at so many angles, examples spread evenly."""
    images, y, _ = digits(draw)
    each = examples // (CLASSES * covered)
    rows, turned = [], []
    for digit in range(CLASSES):
        own = np.flatnonzero(y == digit)[APART:]
        for k in range(covered):
            some = own[k * each : (k + 1) * each]
            rows.append(some)
            turned.append(rotate(images[some], ANGLES[(digit + k) % len(ANGLES)]))
    X, labels = np.concatenate(turned), y[np.concatenate(rows)]
    data = halves(X, labels, f"digits at angles, {covered} covered, {examples} examples")
    (model,) = train(data, "mlp", draw, store)
    return model


def _unseen(model: Trained, draw: int) -> float:
    """Accuracy on digits kept apart at the angles that no training covers for them."""
    images, y, _ = digits(draw)
    scores = []
    for digit in range(CLASSES):
        own = np.flatnonzero(y == digit)[:APART]
        for k in range(MANY, len(ANGLES)):
            angle = ANGLES[(digit + k) % len(ANGLES)]
            scores.append(accuracy(model, rotate(images[own], angle), y[own]))
    return float(np.mean(scores))


def _means(model: Trained, draw: int) -> np.ndarray:
    """Mean features ``(classes, angles, d)`` of digits kept apart."""
    images, y, _ = digits(draw)
    own = [np.flatnonzero(y == digit)[:APART] for digit in range(CLASSES)]
    return np.array(
        [[features(model, rotate(images[rows], a)).mean(0) for a in ANGLES] for rows in own],
        dtype=np.float64,
    )


_SETTING = "five digits at six angles, 200 or 400 examples; perceptron"
CLAIMS = (
    Claim(
        "coverage-over-examples",
        PAPER,
        251,
        "Coverage of combinations, not number of examples, drives compositional accuracy",
        "accuracy on unseen combinations, four angles a digit minus two and twice the examples",
        _SETTING,
        coverage_over_examples,
        20,
    ),
    Claim(
        "coverage-factors",
        PAPER,
        251,
        "Coverage of combinations makes features additive in the factors",
        "additive share of the features' spread, four angles a digit minus two, equal totals",
        _SETTING,
        coverage_factors,
        20,
    ),
)
