"""Scores and sets against hand-worked values and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.selective.conformal import calibrate
from gengap.statistics.selective.conformal_scores import (
    adaptive_scores,
    at_labels,
    prediction_sets,
    quantile_interval,
    quantile_scores,
    residual_interval,
    residual_scores,
    threshold_scores,
)

P = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])


def test_scores_of_classes_by_hand():
    assert threshold_scores(P) == pytest.approx(1 - P)
    assert adaptive_scores(P) == pytest.approx(np.array([[1, 0.5, 0.8], [0.4, 1, 0.8]]))
    half = adaptive_scores(P, [0.5, 0.0])
    assert half == pytest.approx(np.array([[0.9, 0.25, 0.65], [0, 0.8, 0.4]]))
    raps = adaptive_scores(P, penalty=0.1, free_ranks=1)
    assert raps == pytest.approx(np.array([[1.2, 0.5, 0.9], [0.4, 1.2, 0.9]]))
    assert at_labels(raps, [2, 0]) == pytest.approx([0.9, 0.4])


def test_sets_take_one_threshold_or_one_each():
    assert prediction_sets(threshold_scores(P), 0.6).tolist() == [
        [False, True, False],
        [True, False, True],
    ]
    assert prediction_sets(threshold_scores(P), [0.9, 0.1]).sum(1).tolist() == [3, 0]


@pytest.mark.parametrize("kind", ["threshold", "adaptive", "regularised"])
def test_sets_of_classes_cover_exactly(kind: str):
    rng = np.random.default_rng(5)
    hits, studies = 0.0, 400
    for _ in range(studies):
        model = rng.dirichlet(np.ones(5), 99)
        truth = 0.5 * model + 0.1  # a model too sure of itself
        y = (rng.random((99, 1)) > truth.cumsum(1)).sum(1)
        u = rng.random(99)
        options = {"penalty": 0.05, "free_ranks": 1} if kind == "regularised" else {}
        s = threshold_scores(model) if kind == "threshold" else adaptive_scores(model, u, **options)
        q = calibrate(at_labels(s[:49], y[:49]), 0.2).value
        hits += prediction_sets(s[49:], q)[np.arange(50), y[49:]].mean()
    # Scores without ties: coverage 40 / 50; a study's standard deviation is at most 0.085.
    assert hits / studies == pytest.approx(0.8, abs=0.015)


def test_intervals_hold_what_scores_at_most_the_threshold():
    y, f, d = np.linspace(-3, 3, 61), np.full(61, 0.5), np.full(61, 2.0)
    for q in (0.33, 1.04):
        inside = residual_scores(y, f, d) <= q
        low, high = residual_interval(f, q, d)
        assert ((low <= y) & (y <= high) == inside).all()
    for q in (0.33, -0.48):
        inside = quantile_scores(y, f - 1, f + 1) <= q
        low, high = quantile_interval(f - 1, f + 1, q)
        assert ((low <= y) & (y <= high) == inside).all()


def test_numbers_by_hand():
    assert residual_scores([1, 2], [3, 2]).tolist() == [2, 0]
    assert residual_scores([1, 2], [3, 3], [4, 1]).tolist() == [0.5, 1]
    assert quantile_scores([0, 5], [1, 1], [4, 4]).tolist() == [1, 1]
    assert quantile_scores([2], [1], [4]).tolist() == [-1]


def test_an_empty_interval_is_its_midpoint():
    low, high = quantile_interval([0.0, 3.0], [2.0, 1.0], [-5.0, 0.0])
    assert low.tolist() == high.tolist() == [1.0, 2.0]


def test_infinite_thresholds_hold_everything():
    assert prediction_sets(threshold_scores(P), np.inf).all()
    low, high = residual_interval([1.0], np.inf)
    assert (low[0], high[0]) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: threshold_scores([[0.5, 0.2]]), "sum to 1"),
        (lambda: adaptive_scores(P, [0.5, 2.0]), "between 0 and 1"),
        (lambda: adaptive_scores(P, penalty=-1.0), "at least 0"),
        (lambda: at_labels(P, [0, 3]), "codes from 0 to 2"),
        (lambda: prediction_sets(P, [1.0, 2.0, 3.0]), "threshold must be"),
        (lambda: residual_scores([1.0], [1.0], [0.0]), "scale must be positive"),
        (lambda: quantile_interval([1.0], [1.0, 2.0], 0.1), "high has 2 values"),
    ],
)
def test_bad_input(call, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        call()
