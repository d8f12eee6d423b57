"""Shares of explained variance: by hand, and free of chance."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.statistics.shapley import explained_shares


def test_independent_quantities_share_what_they_cause():
    levels = np.array([-1.0, 1.0])
    a, b, c = (axis.ravel() for axis in np.meshgrid(levels, levels, levels, indexing="ij"))
    a, b, c = (np.tile(column, 5) for column in (a, b, c))
    values = 3 * a + 1 * b
    found = explained_shares(values, np.column_stack([a, b, c]))
    # Of the variance 9 + 1. The orders in which c is added before a or b make it explain less
    # than nothing, as it does by chance.
    np.testing.assert_allclose(found.share, [0.9, 0.1, 0.0], atol=0.03)
    assert found.share[2] < 0
    assert found.explained == pytest.approx(1.0)
    assert found.p_value[0] < 0.001
    assert found.p_value[2] > 0.2


def test_shapleys_value_of_two_related_quantities_by_hand():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    z = x + np.array([0.5, -1.0, 0.5, 0.0, 0.5, -1.0, 0.5])
    y = x + np.array([1.0, 0.0, -1.0, 1.0, -1.0, 0.0, 0.5])

    def explained(*columns):
        return sm.OLS(y, sm.add_constant(np.column_stack(columns))).fit().rsquared_adj

    first = (explained(x) + explained(x, z) - explained(z)) / 2
    found = explained_shares(y, np.column_stack([x, z]))
    np.testing.assert_allclose(found.share, [first, explained(x, z) - first])
    assert found.explained == pytest.approx(explained(x, z))


def test_without_relation_shares_are_0_on_average_and_p_is_even():
    shares, p = [], []
    for number in range(40):
        rng = generator(number, "no relation")
        found = explained_shares(rng.normal(size=10), rng.normal(size=(10, 2)))
        shares.append(found.share)
        p.append(found.p_value)
    assert np.abs(np.mean(shares)) < 0.08
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.1)


def test_too_many_quantities_are_refused():
    with pytest.raises(UsageError, match="4 quantities cannot be told apart in 6"):
        explained_shares(np.arange(6.0), np.eye(6)[:, :4])
