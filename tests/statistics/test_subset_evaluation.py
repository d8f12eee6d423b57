"""Sorted examples and scores from subsets, against brute force and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import special, stats
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from gengap.base.errors import UsageError
from gengap.statistics.example_order import fit_rows, sort_examples
from gengap.statistics.subset_evaluation import (
    choose_examples,
    estimate_score,
    expected_half_width,
)


def nested(models: int, examples: int, rng: np.random.Generator) -> np.ndarray:
    """A table in which an able model fails only what all less able ones fail, shuffled."""
    ones = rng.integers(0, examples + 1, models)
    return (np.arange(examples) < ones[:, None]).astype(float)[:, rng.permutation(examples)]


def response_table(models: int, examples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slope = np.exp(0.2 + 0.4 * rng.standard_normal(examples))
    gap = rng.standard_normal((models, 1)) - 1.2 * rng.standard_normal(examples)
    return (rng.random((models, examples)) < special.expit(slope * gap)).astype(float)


def disagreement(table: np.ndarray, order: np.ndarray) -> int:
    """Entries that are not ones and then zeros, by trying every threshold of every row."""
    examples = table.shape[1]
    steps = (np.arange(examples) < np.arange(examples + 1)[:, None]).astype(float)
    return int(sum(np.abs(steps - row[order]).sum(axis=1).min() for row in table))


def test_a_nested_table_is_sorted_without_disagreement():
    table = nested(30, 200, np.random.default_rng(0))
    order = sort_examples(table)
    assert order.disagreement == 0.0
    assert disagreement(table, order.examples) == 0


def test_a_nested_new_model_is_scored_within_one_slice():
    rng = np.random.default_rng(1)
    table = nested(41, 400, rng)
    order = sort_examples(table[:40])
    chosen = choose_examples(order, 20, seed=3)
    found = estimate_score(order, chosen, table[40, chosen])
    assert abs(found.sort_and_search - table[40].mean()) <= 1 / 20
    assert found.low <= table[40].mean() <= found.high


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_are_those_of_brute_force(seed):
    table = response_table(8, 25, seed)
    signs = (2 * table - 1).astype(np.int8)
    wrong, thresholds = fit_rows(signs)
    assert wrong == disagreement(table, np.arange(25))
    for row, t in zip(table, thresholds, strict=True):
        cost = [np.sum(row[:s] == 0) + np.sum(row[s:] == 1) for s in range(26)]
        assert cost[t] == min(cost)


def test_the_order_is_no_worse_than_by_sums_and_often_better():
    tables = [response_table(12, 30, seed) for seed in range(20)]
    by_sum = [disagreement(t, np.argsort(-t.mean(0), kind="stable")) for t in tables]
    sorted_ = [disagreement(t, sort_examples(t).examples) for t in tables]
    assert all(a <= b for a, b in zip(sorted_, by_sum, strict=True))
    assert sum(a < b for a, b in zip(sorted_, by_sum, strict=True)) >= 10


def test_the_order_is_close_to_the_best_of_all():
    for seed in range(5):
        table = response_table(6, 6, seed)
        best = min(disagreement(table, list(p)) for p in itertools.permutations(range(6)))
        order = sort_examples(table)
        assert order.disagreement == pytest.approx(disagreement(table, order.examples) / 36)
        assert best <= disagreement(table, order.examples) <= best + 2


def test_missing_scores_are_not_counted():
    table = np.array([[1, 1, 0, np.nan], [1, np.nan, 0, 0], [1, 0, 0, 0]])
    order = sort_examples(table)
    assert order.examples.tolist()[:2] == [0, 1]
    assert order.disagreement == 0.0


def test_one_example_of_each_slice_every_one_equally_often():
    order = sort_examples(response_table(10, 23))
    rank = np.argsort(order.examples)
    drawn = np.array([rank[choose_examples(order, 5, seed)] for seed in range(2000)])
    edges = [0, 4, 9, 13, 18, 23]
    for h in range(5):
        counts = np.bincount(drawn[:, h], minlength=23)
        assert counts[edges[h] : edges[h + 1]].sum() == 2000
        assert stats.chisquare(counts[edges[h] : edges[h + 1]]).pvalue > 1e-3
    assert choose_examples(order, 5, 7).tolist() == choose_examples(order, 5, 7).tolist()


def test_the_estimate_has_no_bias_even_for_a_model_unlike_the_others():
    order = sort_examples(response_table(30, 90))
    contrary = np.zeros(90)
    contrary[order.examples[50:]] = 1.0  # right where all others fail
    drawn = [choose_examples(order, 8, seed) for seed in range(3000)]
    found = [estimate_score(order, chosen, contrary[chosen]).estimate for chosen in drawn]
    assert np.mean(found) == pytest.approx(contrary.mean(), abs=4 * np.std(found) / 3000**0.5)


@pytest.mark.parametrize("k", [12, 40])
def test_intervals_hold_the_score_of_models_weak_and_strong(k):
    table = response_table(240, 400, seed=2)
    order = sort_examples(table[:40])
    held = []
    for seed, row in enumerate(table[40:]):
        chosen = choose_examples(order, k, seed)
        found = estimate_score(order, chosen, row[chosen])
        held.append(found.low <= row.mean() <= found.high)
    assert np.mean(held) > 0.92


def test_limits_are_exact_for_all_right_and_for_all_examples():
    order = sort_examples(response_table(20, 1000))
    chosen = choose_examples(order, 20)
    found = estimate_score(order, chosen, np.ones(20))
    assert found.high == found.sort_and_search == 1.0
    effective = 20 * (stats.t.ppf(0.975, 19) / stats.t.ppf(0.975, 2 * 19**2 / 56)) ** 2
    assert found.low == pytest.approx(0.025 ** (1 / effective))
    row = response_table(1, 1000, seed=9)[0]
    every = choose_examples(order, 1000)
    found = estimate_score(order, every, row[every])
    assert found.estimate == found.low == found.high == pytest.approx(row.mean())


def test_scores_between_right_and_wrong():
    rng = np.random.default_rng(4)
    base = rng.random(300)
    table = np.clip(base + 0.1 * rng.standard_normal((60, 300)), 0, 1)
    order = sort_examples(table[:20])
    assert math.isnan(order.disagreement)
    held, errors, random = [], [], []
    for seed, row in enumerate(table[20:]):
        chosen = choose_examples(order, 30, seed)
        found = estimate_score(order, chosen, row[chosen])
        held.append(found.low <= row.mean() <= found.high)
        errors.append(found.estimate - row.mean())
        random.append(rng.choice(row, 30, replace=False).mean() - row.mean())
        assert math.isnan(found.sort_and_search)
    assert np.mean(held) >= 0.9
    assert np.std(errors) < 0.6 * np.std(random)


def test_the_half_width_foreseen_is_the_one_found():
    table = response_table(60, 500, seed=6)
    order = sort_examples(table[:40])
    found = []
    for seed, row in enumerate(table[40:]):
        chosen = choose_examples(order, 50, seed)
        found.append(estimate_score(order, chosen, row[chosen]).half_width)
    assert expected_half_width(table[:40], 50) == pytest.approx(np.mean(found), rel=0.15)
    by_source = expected_half_width(table[:40], 50, source=np.repeat(["a", "b"], 20))
    assert by_source == pytest.approx(np.mean(found), rel=0.15)


def test_the_half_width_needs_models_that_meet():
    assert math.isnan(expected_half_width([[1, np.nan], [np.nan, 1]], 2))


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda t, o: sort_examples(t[0]), "a table of models"),
        (lambda t, o: sort_examples(t * 2), "0 to 1, not at 2"),
        (lambda t, o: sort_examples(np.full((2, 3), np.nan)), "Example 0 has no scores"),
        (lambda t, o: choose_examples(o, 1), "Cannot choose 1 of 30"),
        (lambda t, o: choose_examples(o, 31), "Cannot choose 31 of 30"),
        (lambda t, o: estimate_score(o, [0, 1], [1]), "one score for each of the 2"),
        (lambda t, o: estimate_score(o, [0, 1], [1, np.nan]), "none of them NaN"),
        (lambda t, o: estimate_score(o, o.examples[:3], [1, 1, 0]), "not one of each slice"),
        (lambda t, o: estimate_score(o, [-1, 99], [1, 1]), "not one of each slice"),
        (lambda t, o: expected_half_width(t, 5, source=["a"] * 10), "at least two labels"),
    ],
)
def test_unusable_input(act, says):
    table = response_table(10, 30)
    with pytest.raises(UsageError, match=says):
        act(table, sort_examples(table))


def digits_classifiers() -> dict[str, list[ClassifierMixin]]:
    return {
        "neighbours": [KNeighborsClassifier(k) for k in (1, 3, 7, 15, 31)],
        "tree": [DecisionTreeClassifier(max_depth=d, random_state=0) for d in (3, 5, 7, 10, None)],
        "bayes": [
            *(GaussianNB(var_smoothing=v) for v in (1e-9, 1e-4, 1e-2)),
            BernoulliNB(binarize=0.4),
            MultinomialNB(),
        ],
        "ridge": [RidgeClassifier(alpha) for alpha in (0.01, 1, 100)],
        "machine": [SVC(C=c, gamma=g) for c, g in ((1, "scale"), (0.1, "scale"), (1, 0.5))],
        "forest": [RandomForestClassifier(n, random_state=0) for n in (5, 20, 50)],
        "centroid": [NearestCentroid(), NearestCentroid(metric="manhattan")],
    }


@pytest.mark.slow
def test_on_digits_slices_beat_a_random_subset_and_the_plain_guess_loses_to_it():
    X, y = load_digits(return_X_y=True)
    X, fitted, rng = X / 16, np.arange(646), np.random.default_rng(0)
    family, rows = [], []
    for name, models in digits_classifiers().items():
        for model, size in itertools.product(models, (646, 150)):
            own = rng.choice(fitted, size, replace=False)
            rows.append(model.fit(X[own], y[own]).predict(X[646:]) == y[646:])
            family.append(name)
    table, source, k = np.array(rows, dtype=float), np.array(family), 57
    errors, held = [], []
    for name in np.unique(source):
        order = sort_examples(table[source != name])
        for row, seed in itertools.product(table[source == name], range(10)):
            chosen, truth = choose_examples(order, k, seed), row.mean()
            found = estimate_score(order, chosen, row[chosen])
            random = rng.choice(row, k, replace=False).mean()
            errors.append(np.abs(np.array([found.estimate, found.sort_and_search, random]) - truth))
            held.append(found.low <= truth <= found.high)
    slices, guess, random = np.mean(errors, axis=0)
    assert slices < 0.9 * random < random < guess
    assert np.mean(held) > 0.92
