from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.questions.forecasting import (
    average_confidence,
    difference_of_confidences,
    thresholded_confidence,
)


def calibrated() -> tuple[np.ndarray, np.ndarray]:
    """Ten examples for each of three rows of probabilities, with labels in just those shares."""
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.1, 0.9, 0.0]])
    labels = np.concatenate([np.repeat([0, 1, 2], np.round(10 * row).astype(int)) for row in p])
    return np.repeat(p, 10, axis=0), labels


def test_average_confidence_is_the_accuracy_of_a_calibrated_model():
    p, labels = calibrated()
    assert average_confidence(p) == pytest.approx(np.mean(p.argmax(1) == labels))
    assert average_confidence(p) == pytest.approx((0.5 + 0.7 + 0.9) / 3)


def test_difference_of_confidences_moves_the_accuracy_by_the_drop_of_confidence():
    source = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]]  # confidence 0.75
    target = [[0.6, 0.4], [0.5, 0.5]]  # confidence 0.55
    assert difference_of_confidences(source, [0, 1, 1, 1], target) == pytest.approx(0.55)
    assert difference_of_confidences(source, [1, 1, 0, 0], target) == 0.0  # cut at 0


def test_thresholded_confidence_by_hand():
    source = np.array([0.6, 0.7, 0.8, 0.9])
    source = np.stack([source, 1 - source], 1)
    labels = [1, 0, 0, 0]  # one of four wrong: the threshold is 0.7
    target = np.array([0.55, 0.65, 0.75, 0.95, 0.7])
    target = np.stack([target, 1 - target], 1)
    assert thresholded_confidence(source, labels, target) == pytest.approx(3 / 5)
    # Two classes: entropy orders examples as confidence does.
    assert thresholded_confidence(source, labels, target, "negative entropy") == pytest.approx(0.6)


@pytest.mark.parametrize("certainty", ["confidence", "negative entropy"])
@pytest.mark.parametrize("decimals", [16, 1])
def test_thresholded_confidence_of_the_source_is_its_accuracy_ties_or_not(certainty, decimals):
    rng = np.random.default_rng(0)
    p = np.round(rng.dirichlet([0.4, 0.4], 500)[:, 0], decimals)
    p = np.stack([p, 1 - p], 1)
    labels = rng.integers(0, 2, 500)
    accuracy = np.mean(p.argmax(1) == labels)
    assert thresholded_confidence(p, labels, p, certainty) == pytest.approx(accuracy)


def test_a_source_always_wrong_forecasts_nothing_right():
    assert thresholded_confidence([[0.9, 0.1]], [1], [[0.99, 0.01]]) == 0.0


def test_entropy_and_confidence_differ_with_three_classes():
    source = np.array([[0.5, 0.5, 0.0], [0.48, 0.26, 0.26], [0.9, 0.05, 0.05]])
    # One wrong. The least confident row is the second, and it has the highest entropy as well.
    target = np.array([[0.49, 0.51, 0.0], [0.5, 0.25, 0.25]])
    assert thresholded_confidence(source, [0, 1, 0], target) == 1.0
    # Entropies: ln 2 = 0.693 at the threshold; the targets have a little less, and 1.04.
    assert thresholded_confidence(source, [0, 1, 0], target, "negative entropy") == 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: average_confidence([0.5, 0.5]), "shape"),
        (lambda: average_confidence([[0.5, 0.6]]), "sum to 1"),
        (lambda: average_confidence([[np.nan, 1.0]]), "probabilities"),
        (lambda: difference_of_confidences([[0.5, 0.5]], [2], [[1.0, 0.0]]), "0 to 1"),
        (lambda: thresholded_confidence([[1.0, 0.0]], [0.0], [[1.0, 0.0]]), "class codes"),
        (lambda: thresholded_confidence([[1.0, 0.0]], [0], [[1.0, 0.0]], "margin"), "'margin'"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(UsageError, match=words):
        call()
