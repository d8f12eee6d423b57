from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.questions.forecasting import neighbour_labels, neighbour_score, neighbours

SOURCE = np.array([[0.0], [1.0], [10.0], [11.0]])
TARGET = np.array([[0.4], [10.6], [12.0]])


def test_neighbours_worked_by_hand():
    # One neighbour: rows 0, 3, 3. Two: {0, 1}, {2, 3}, {2, 3}.
    assert neighbour_score([1, 0, 0, 1], neighbours(SOURCE, TARGET, k=1)) == 1.0
    two = neighbours(SOURCE, TARGET, k=2)
    assert neighbour_score([1, 1, 0, 1], two) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert neighbour_labels([0, 1, 2, 2], [0, 2, 1], two) == pytest.approx(0.5)


def test_losses_average_as_scores_do():
    assert neighbour_score([1.0, 3.0, 5.0, 7.0], neighbours(SOURCE, TARGET[:1], k=2)) == 2.0


def test_distance_by_hand():
    # To the two nearest: 0.4 and 0.6; 0.6 and 0.4; 2 and 1.
    assert neighbours(SOURCE, TARGET, k=2).distance.mean() == pytest.approx((0.5 + 0.5 + 1.5) / 3)


def test_more_neighbours_than_examples_are_all_of_them():
    assert neighbour_score([1, 0, 0, 0], neighbours(SOURCE, TARGET, k=99)) == 0.25


def test_neighbours_agree_with_brute_force():
    rng = np.random.default_rng(0)
    source, target = rng.standard_normal((60, 5)), rng.standard_normal((20, 5))
    score, labels, answers = rng.random(60), rng.integers(0, 3, 60), rng.integers(0, 3, 20)
    distance = ((target[:, None] - source[None]) ** 2).sum(-1)
    nearest = distance.argsort(1)[:, :7]
    near = neighbours(source, target, 7)
    np.testing.assert_array_equal(near.rows, nearest)
    assert neighbour_score(score, near) == pytest.approx(score[nearest].mean())
    hits = np.mean(labels[nearest] == answers[:, None])
    assert neighbour_labels(labels, answers, near) == pytest.approx(hits)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: neighbours(SOURCE, TARGET, k=0), "k is 0"),
        (lambda: neighbour_score([1, 0], neighbours(SOURCE, TARGET)), "4 finite numbers"),
        (lambda: neighbour_labels([0, 1, 2, 2], [0], neighbours(SOURCE, TARGET)), "one answer per"),
        (lambda: neighbours(SOURCE, [[0.0, 1.0]]), "shapes"),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(UsageError, match=words):
        call()
