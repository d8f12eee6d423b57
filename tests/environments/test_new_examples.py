"""New examples put below those that are there: joined by name, encoded alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.environments.new_examples import below, joined
from gengap.environments.preparation import encode, encode_alike


def table() -> pd.DataFrame:
    colour = pd.Categorical(["red", "blue", "red"])
    size = pd.Categorical(["s", "m", "l"], categories=["s", "m", "l"], ordered=True)
    return pd.DataFrame({"x": [1.0, np.nan, 3.0], "colour": colour, "size": size})


def test_new_rows_join_by_name_with_their_new_categories():
    new = pd.DataFrame(
        {"other": [0, 0], "colour": ["green", None], "size": ["m", "xl"], "x": ["4", "?"]}
    )
    found = joined(table(), new)
    assert list(found.columns) == ["x", "colour", "size"]
    np.testing.assert_array_equal(found["x"], [1, np.nan, 3, 4, np.nan])
    assert list(found["colour"].cat.categories) == ["blue", "red", "green"]
    assert found["colour"].isna().tolist() == [False] * 4 + [True]
    assert found["size"].cat.codes.tolist() == [0, 1, 2, 1, -1]  # "xl" has no rank
    assert len(table()) == 3


@pytest.mark.parametrize(
    ("X", "new", "words"),
    [
        (table(), pd.DataFrame({"x": [1.0]}), "no column 'colour', 'size'"),
        (table(), table().iloc[:0], "at least one row"),
        (table(), np.zeros((2, 3)), "must be a DataFrame"),
        (table(), table().assign(x=["1", "tall", "2"]), "'tall' in row 2"),
        (table(), table().assign(x=np.inf), "infinite"),
        (np.zeros((4, 2)), np.zeros((4, 3)), r"shape \(4, 3\)"),
        (np.zeros((4, 2)), np.zeros((0, 2)), "one or more"),
        (np.zeros((4, 2)), np.full((1, 2), np.inf), "finite"),
    ],
)
def test_unusable_new_examples_are_one_sentence(X, new, words):
    with pytest.raises(UsageError, match=words):
        joined(X, new)


def test_new_rows_are_encoded_alike_and_change_nothing_above_them():
    old = table()
    new = pd.DataFrame({"x": [100.0, np.nan], "colour": ["green", "blue"], "size": ["l", "s"]})
    alone = encode(old)
    both = encode_alike(joined(old, new), alone.codes)
    np.testing.assert_array_equal(both[:3], alone.matrix)
    np.testing.assert_array_equal(both[3:], encode_alike(below(old[:0], new), alone.codes))
    by_name = dict(zip(alone.columns, both[3:].T, strict=True))
    np.testing.assert_allclose(by_name["x"], [98.0, np.nan])  # the median of 1 and 3 is 2
    np.testing.assert_array_equal(by_name["x is missing"], [0, 1])
    np.testing.assert_array_equal(by_name["colour=blue"], [0, 1])
    np.testing.assert_array_equal(by_name["colour=red"], [0, 0])  # green is neither
    assert len(below(old, new)) == 2


def test_a_category_that_is_new_has_no_column():
    levels = [f"v{k}" for k in range(40) for _ in range(1 + (k < 30))]
    old = pd.DataFrame({"x": np.arange(70.0), "c": pd.Categorical(levels)})
    new = pd.DataFrame({"x": [0.0], "c": ["never"]})
    found = encode_alike(below(old, new), encode(old).codes)
    assert found.shape == (1, 41)
    np.testing.assert_array_equal(found[0, 1:], 0)
