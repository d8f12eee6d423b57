"""The functions of signs against Python's own, and which part is unseen."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite
from gengap.statistics.boolean_functions import influence, walsh


def pointed(x):
    return x[2 + int(x[0] < 0) + 2 * int(x[1] < 0)]


ORACLES = {
    "parity": lambda x: -1 if sum(v < 0 for v in x[:3]) % 2 else 1,
    "majority": lambda x: sorted(x[:3])[1],
    "pointer": pointed,
}


@pytest.mark.parametrize("function", ORACLES)
def test_values_are_those_of_the_function(function):
    data = load_suite(f"boolean:bits=6,function={function},unseen=corner")
    X = np.asarray(data.X)[:, 0]
    assert len(np.unique(X, axis=0)) == 64
    assert [ORACLES[function](x) for x in X.tolist()] == data.y.tolist()
    hidden = [x[0] == x[1] == -1 for x in X.tolist()]
    assert (data.factors["part"] == "test").tolist() == hidden


def test_a_parity_and_a_majority_of_five():
    for function, value in (("parity", -1), ("majority", 1)):
        data = load_suite(f"boolean:bits=7,degree=5,function={function}")
        X = np.asarray(data.X)[:, 0]
        (row,) = np.flatnonzero((X == [1, -1, 1, 1, 1, -1, -1]).all(1))
        assert data.y[row] == value


@pytest.mark.parametrize("options", ["degree=8", "degree=0", "function=majority,degree=4"])
def test_degrees_that_cannot_be(options):
    with pytest.raises(UsageError, match="not defined"):
        load_suite(f"boolean:bits=7,{options}")


def test_a_sparse_function_is_six_products():
    values = load_suite("boolean:bits=8,function=sparse", seed=3).y
    coefficients = walsh(values)
    assert 1 <= (np.abs(coefficients) > 1e-9).sum() <= 6
    assert influence(values, 0) > 0


def test_too_few_signs():
    with pytest.raises(UsageError, match="6 to 14"):
        load_suite("boolean:bits=3")
