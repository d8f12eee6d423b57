"""Numbers of bins: the trees of the features themselves, as scikit-learn would grow them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from gengap.statistics.decomposition.bins import MOST, binned, limits


def test_boosted_trees_of_the_numbers_are_those_of_the_features():
    draw = np.random.default_rng(0)
    X = np.column_stack(
        [draw.normal(size=400), draw.integers(0, 5, 400), draw.normal(size=400).round(1)]
    )
    weight = draw.uniform(0.2, 3, 300)
    codes = (X[:300, 0] + X[:300, 1] + draw.normal(size=300) > 2).astype(int)
    train, new = binned(X[:300], weight, X[300:])

    def probabilities(fitted, asked):
        model = HistGradientBoostingClassifier(max_iter=5, random_state=0)
        return model.fit(fitted, codes, sample_weight=weight).predict_proba(asked)

    assert probabilities(train, new) == pytest.approx(probabilities(X[:300], X[300:]), abs=0)


def test_few_values_have_a_bin_each_and_many_have_equal_weight():
    assert limits(np.array([3.0, 1.0, 3.0, 2.0]), np.ones(4)).tolist() == [1.5, 2.5]
    column = np.random.default_rng(1).permutation(MOST * 4).astype(float)
    between = limits(column, np.ones(len(column)))
    # Half-way where a limit splits the weight exactly, as each does here but for rounding.
    assert between == pytest.approx([4 * k - 0.5 for k in range(1, MOST)], abs=0.5)


def test_a_row_of_weight_two_is_two_rows():
    column = np.random.default_rng(2).normal(size=600)
    weight = np.random.default_rng(3).integers(1, 4, 600)
    repeated = np.repeat(column, weight)
    found = limits(column, weight.astype(float))
    assert found == pytest.approx(limits(repeated, np.ones(len(repeated))), abs=1e-12)
