"""Classifier tests: scikit-learn's ridge refitted, exactness, power, and what they look at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.questions.shift import classifier
from gengap.questions.shift.classifier import classifier_test, linear_classifier_test


def sample(n: int, m: int, d: int, shift: float = 0.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(m, d))
    y[:, -1] += shift
    return rng.normal(size=(n, d)), y


def test_linear_test_equals_ridge_refitted_fold_by_fold():
    x, y = sample(40, 30, 3, shift=0.7)
    X, is_new = np.concatenate([x, y]), np.repeat([0, 1], [40, 30])
    Z = (X - X.mean(0)) / X.std(0)
    fold = classifier._folds(is_new, 5, generator(0, "linear classifier test"))
    areas = []
    for k in range(5):
        rest = fold != k
        ridge = Ridge(alpha=0.1 * rest.sum()).fit(Z[rest], is_new[rest])
        areas.append(roc_auc_score(is_new[~rest], ridge.predict(Z[~rest])))
    # Folds are of one size here, so each counts alike.
    assert linear_classifier_test(x, y).auroc.estimate == pytest.approx(np.mean(areas))


def test_more_features_than_rows_gives_the_same_directions():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(20, 60)), rng.integers(0, 2, (20, 3)).astype(bool)
    ridge = Ridge(alpha=0.1 * 20).fit(X, labels.astype(float))
    assert classifier._directions(X, labels) == pytest.approx(ridge.coef_.T)


@pytest.mark.parametrize("test", [linear_classifier_test, classifier_test])
def test_finds_a_shift_and_the_feature_behind_it(test):
    found = test(*sample(150, 120, 4, shift=1.2))
    assert found.p_value <= 0.001
    assert found.auroc.estimate > 0.7
    assert int(np.argmax(found.importance)) == 3
    assert found.importance[3] > 5 * np.abs(found.importance[:3]).max()


def test_trees_see_a_change_of_spread_that_a_line_does_not():
    x, y = sample(200, 200, 2)
    y *= 3
    assert classifier_test(x, y).p_value < 0.001
    assert linear_classifier_test(x, y).p_value > 0.01


def test_sets_far_apart_are_told_apart_always():
    found = linear_classifier_test(*sample(20, 20, 1, shift=100.0), permutations=99)
    assert found.auroc.estimate == 1.0
    assert found.p_value == 0.01
    assert math.isnan(found.auroc.low)
    assert "no limits" in found.auroc.note


def test_equal_rows_are_no_evidence():
    same = np.ones((30, 2))
    assert linear_classifier_test(same, same, permutations=19).p_value == 1.0
    assert classifier_test(same, same).p_value > 0.5
    assert classifier_test(same, same).auroc.estimate == 0.5


def test_held_out_area_has_limits_and_takes_missing_features():
    x, y = sample(100, 100, 2, shift=1.0)
    x[::7, 0] = np.nan
    found = classifier_test(x, y)
    assert found.auroc.low < found.auroc.estimate < found.auroc.high


def test_any_classifier_will_do_and_is_left_alone():
    model = LogisticRegression()
    assert classifier_test(*sample(60, 60, 2, shift=2.0), model=model).p_value < 0.001
    assert not hasattr(model, "coef_")


def test_seeds_decide_everything():
    pair = sample(40, 40, 3, shift=0.3)
    first, again, other = (linear_classifier_test(*pair, seed=seed) for seed in (0, 0, 1))
    assert (first.p_value, first.auroc.estimate) == (again.p_value, again.auroc.estimate)
    assert first.auroc.estimate != other.auroc.estimate


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 5])
def test_the_linear_test_is_exact_and_a_rank_test_of_its_scores_is_not(d):
    rng = np.random.default_rng(d)
    p, z = [], []
    for seed in range(1_500):
        found = linear_classifier_test(
            rng.normal(size=(60, d)), rng.normal(size=(50, d)), permutations=39, seed=seed
        )
        p.append(found.p_value)
        # Five folds of 12 and 10: the rank test's standard error of their mean area.
        z.append((found.auroc.estimate - 0.5) / math.sqrt(23 / (12 * 12 * 10) / 5))
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.018)
    assert np.mean(np.array(p) <= 0.2) == pytest.approx(0.2, abs=0.033)
    assert np.std(z) == pytest.approx(math.sqrt(2), abs=0.1)
    assert 0.08 < np.mean(np.array(z) > 1.645) < 0.14


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((9, 2)), np.zeros((20, 2)), "there are 9 and 20"),
        (np.zeros((20, 2)), np.zeros((20, 3)), "same features"),
        (np.full((20, 2), np.inf), np.zeros((20, 2)), "finite"),
        (np.full((20, 2), "a"), np.zeros((20, 2)), "must be numbers"),
    ],
)
@pytest.mark.parametrize("test", [linear_classifier_test, classifier_test])
def test_bad_input_is_named(test, x, y, said):
    with pytest.raises(UsageError, match=said):
        test(x, y)


def test_a_number_of_permutations_is_needed():
    with pytest.raises(UsageError, match="permutations is 0"):
        linear_classifier_test(*sample(20, 20, 1), permutations=0)
