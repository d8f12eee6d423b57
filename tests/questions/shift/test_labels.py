"""Label shift: two classes by hand, the delta method by hand, coverage, and what cannot be told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from gengap.base.errors import UsageError
from gengap.questions.shift.labels import (
    ALIKE,
    NEGATIVE,
    UNSTEADY,
    label_shift,
)
from gengap.questions.shift.univariate import any_column, category_test, column_tests


def two_classes(new_ones: int, new: int = 200):
    """Sensitivity 0.8 and specificity 0.7 on 100 of each; ``new_ones`` of the new predicted 1."""
    labels = np.repeat([0, 1], [100, 100])
    predicted = np.concatenate([np.repeat([0, 1], [70, 30]), np.repeat([0, 1], [20, 80])])
    return predicted, labels, np.repeat([0, 1], [new - new_ones, new_ones])


def test_two_classes_by_hand():
    found = label_shift(*two_classes(140))
    # The share predicted 1 is 0.3 + 0.5 q, so q = (0.7 - 0.3) / 0.5.
    assert [own.estimate for own in found.target] == pytest.approx([0.2, 0.8])
    assert found.weights == pytest.approx([0.4, 1.6])
    assert found.source == pytest.approx([0.5, 0.5])
    assert found.confusion == pytest.approx(np.array([[0.7, 0.2], [0.3, 0.8]]))
    # Unbiased variances of shares: p (1 - p) / (n - 1).
    variance = 0.7 * 0.3 / 199 + 0.2**2 * 0.7 * 0.3 / 99 + 0.8**2 * 0.8 * 0.2 / 99
    assert found.target[1].half_width == pytest.approx(1.959964 * math.sqrt(variance) / 0.5)


def test_true_labels_as_outputs_give_shares_and_their_standard_errors():
    labels = np.repeat([0, 1, 2], [20, 30, 50])
    found = label_shift(labels, labels, np.repeat([0, 1, 2], [50, 30, 20]))
    assert [own.estimate for own in found.target] == pytest.approx([0.5, 0.3, 0.2])
    assert found.target[0].half_width == pytest.approx(1.959964 * math.sqrt(0.25 / 99))
    assert found.weights == pytest.approx([2.5, 1.0, 0.4])


def test_probabilities_of_0_and_1_are_predictions():
    predicted, labels, new = two_classes(90)
    assert label_shift(np.eye(2)[predicted], labels, np.eye(2)[new]).target == (
        label_shift(predicted, labels, new).target
    )


@pytest.mark.parametrize("hard", [True, False])
def test_coverage(hard):
    rng = np.random.default_rng(0)
    then, now = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])

    def draw(frequencies, n):
        y = rng.choice(3, n, p=frequencies)
        outputs = special.softmax(2 * np.eye(3)[y] + rng.normal(size=(n, 3)), axis=1)
        return (outputs.argmax(1) if hard else outputs), y

    held = []
    for _ in range(400):
        outputs, labels = draw(then, 200)
        found = label_shift(outputs, labels, draw(now, 150)[0])
        held.append(
            [own.low <= truth <= own.high for own, truth in zip(found.target, now, strict=True)]
        )
    # Four standard errors of a coverage of 95% over 400 studies are 4.4 points.
    assert np.mean(held, axis=0) == pytest.approx([0.95] * 3, abs=0.044)


def test_classes_treated_alike_cannot_be_told_apart():
    outputs = np.tile([[0.5, 0.5], [0.3, 0.7]], (10, 1))
    found = label_shift(outputs, np.repeat([0, 1], 10), outputs)
    assert all(math.isnan(own.low) and own.note == ALIKE for own in found.target)
    assert np.isnan(found.weights).all()


def test_what_no_class_frequencies_explain_is_said():
    found = label_shift(*two_classes(1))
    assert found.target[1].estimate == 0.0
    assert found.target[1].note == NEGATIVE
    assert found.weights == pytest.approx([2.0, 0.0])


def test_rare_classes_are_said_to_be_unsteady():
    found = label_shift([0] * 20 + [1] * 5, [0] * 20 + [1] * 5, [0, 1, 1])
    assert found.target[0].note == UNSTEADY


def test_predicted_classes_and_probabilities_are_tested():
    predicted, _, new = two_classes(160)
    theirs = stats.chi2_contingency([[90, 110], [40, 160]], correction=False)
    assert category_test(predicted, new) == pytest.approx((theirs.statistic, theirs.pvalue))
    rng = np.random.default_rng(0)
    source = rng.dirichlet([2, 2, 2], 150)
    assert any_column(column_tests(source, rng.dirichlet([2, 2, 2], 150))) > 0.05
    assert any_column(column_tests(source, rng.dirichlet([4, 2, 2], 150))) < 0.001


@pytest.mark.parametrize(
    ("outputs", "labels", "new", "said"),
    [
        ([0, 1, 1], [0, 1], [0, 1], "3 outputs and 2 labels"),
        ([0, 1, 1], [0, 1, 1], [0, 1], "Class 0 has fewer than 2"),
        ([0, 0, 1, 1], [0, 0, 1, 1], [2, 0], "new_outputs must be class codes"),
        ([0, 0, 1, 1], [0, 0, 1, 1], [1], "at least 2"),
        ([0, 0, 1, 1], ["a", "a", "b", "b"], [0, 1], "labels must be class codes"),
        (np.full((4, 2), 0.7), [0, 0, 1, 1], np.full((4, 2), 0.5), "add up to 1"),
        (np.full((4, 2), 0.5), [0, 0, 2, 2], np.full((4, 2), 0.5), "for 2 classes only"),
        (np.full((4, 2), 0.5), [0, 0, 1, 1], np.full((4, 3), 1 / 3), "new_outputs must be"),
        ([0.5, 0.5], [0, 1], [0, 1], "outputs must be"),
    ],
)
def test_bad_input_is_named(outputs, labels, new, said):
    with pytest.raises(UsageError, match=said):
        label_shift(outputs, labels, new)
