"""One bad row does not cost the others their answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from gengap.base.errors import UsageError
from gengap.guard.rows import form_of, read_rows

FORM = form_of(np.zeros((5, 2)))


def test_missing_and_infinite_values():
    rows = read_rows(np.array([[1, 2], [np.nan, 0], [0, -np.inf], [3, 4]]), FORM)
    assert rows.reason.tolist() == ["", "value 0 is missing (NaN)", "value 1 is infinite", ""]
    assert rows.X.tolist() == [[1, 2], [3, 4]]


def test_rows_of_different_lengths():
    rows = read_rows([[1, 2], [1, 2, 3], ["x", 1], 7, [3, None], [5, 6]], FORM)
    assert rows.reason.tolist() == [
        "",
        "has 3 values where the model takes 2",
        "is not made of numbers",
        "has shape () where the model takes (2,)",
        "value 1 is missing (NaN)",
        "",
    ]
    assert rows.X.tolist() == [[1, 2], [5, 6]]


def test_words_among_numbers():
    rows = read_rows([[1, 2], ["x", "y"]], FORM)
    assert rows.readable.tolist() == [True, False]
    assert rows.X.tolist() == [[1, 2]]


def test_a_whole_array_of_the_wrong_width():
    rows = read_rows(np.zeros((3, 5)), FORM)
    assert rows.reason.tolist() == ["has 5 values where the model takes 2"] * 3
    rows = read_rows(np.zeros((2, 3, 3)), form_of(np.zeros((5, 4, 4))))
    assert rows.reason[0] == "has shape (3, 3) where the model takes (4, 4)"


def test_tables_and_tensors():
    table = pd.DataFrame({"age": [1.0, np.nan], "kind": ["a", None]})
    form = form_of(table.iloc[:1])
    rows = read_rows(table, form)
    assert rows.reason.tolist() == ["", "column 'age' is missing (NaN)"]
    assert list(rows.X["kind"]) == ["a"]
    rows = read_rows(torch.tensor([[1.0, float("inf")], [1, 2]]), FORM)
    assert rows.readable.tolist() == [False, True]
    assert isinstance(rows.X, torch.Tensor)


def test_missing_values_pass_where_they_were_known_in_training():
    form = form_of(np.array([[1.0, np.nan]]))
    assert read_rows(np.array([[np.nan, 1.0], [np.inf, 1.0]]), form).readable.tolist() == [
        True,
        False,
    ]


def test_absurd_values():
    form = form_of(np.array([[0.5, -1e4], [0.1, 10.0]]))
    rows = read_rows(np.array([[9e5, 9e9], [1.1e6, 0], [0, -1e300]]), form)
    assert rows.reason.tolist() == [
        "",
        "value 0 is 1.1e+06, far outside what the guard has seen",
        "value 1 is -1e+300, far outside what the guard has seen",
    ]
    table = pd.DataFrame({"age": [1.0, 1e300], "kind": ["a", "b"]})
    reason = read_rows(table, form_of(table.iloc[:1])).reason
    assert reason[1] == "column 'age' is 1e+300, far outside what the guard has seen"


def test_complex_numbers_and_dates():
    for X in (np.ones((1, 2)) * 1j, torch.ones(1, 2) * 1j, [[1j, 2], [1, 2]]):
        assert read_rows(X, FORM).reason[0] == "is made of complex numbers"
    days = np.array([["2020-01-01", "2020-01-02"]], "M8[D]")
    assert read_rows(days, FORM).reason[0] == "is made of dates"
    assert read_rows([[1, 2, 3], [1j, 2]], FORM).reason[1] == "is made of complex numbers"
    with pytest.raises(UsageError, match="X is made of dates; give real numbers"):
        form_of(days)


def test_masked_values_are_missing():
    rows = read_rows(np.ma.array([[1, 2], [3, 4]], mask=[[0, 0], [0, 1]]), FORM)
    assert rows.reason.tolist() == ["", "value 1 is missing (NaN)"]


@pytest.mark.parametrize(
    "X",
    [None, "abc", {"a": 1}, 3.0, np.float64(3), (k for k in [1])],
    ids=lambda X: type(X).__name__,
)
def test_input_of_another_kind(X):
    for read in (form_of, lambda given: read_rows(given, FORM)):
        with pytest.raises(UsageError, match=r"X is a .*, not rows of examples; give an array"):
            read(X)


def test_sparse_matrices():
    with pytest.raises(UsageError, match="give a dense array"):
        read_rows(scipy.sparse.eye(2), FORM)


def test_input_that_is_no_rows():
    with pytest.raises(UsageError, match=r"X is one example; give rows .* X\[None\]"):
        read_rows(np.zeros(2), FORM)
    with pytest.raises(UsageError, match="X has no rows"):
        form_of(np.zeros((0, 2)))
    with pytest.raises(UsageError, match="The rows of X differ in length"):
        form_of([[1], [1, 2]])
    with pytest.raises(UsageError, match="Row 1 of X has an infinite value"):
        form_of(np.array([[0.0], [np.inf]]))
