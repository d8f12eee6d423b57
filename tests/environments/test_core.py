import numpy as np
import pandas as pd
import pytest
import torch

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import Environments
from gengap.environments.core import guess_task

X = np.arange(12.0).reshape(6, 2)
Y = ["b", "a", "b", "a", "b", "a"]
WHERE = [10, 10, 9, 9, 9, 10]


def refusal(*args, **options) -> str:
    with pytest.raises(UsageError) as caught:
        Environments.from_arrays(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_codes_follow_numeric_and_alphabetic_order():
    e = Environments.from_arrays(X, Y, WHERE)
    assert e.names == ("9", "10")
    assert e.environment.tolist() == [1, 1, 0, 0, 0, 1]
    assert e.classes == ("a", "b")
    assert e.y.tolist() == [1, 0, 1, 0, 1, 0]
    assert e.sizes.tolist() == [3, 3]
    assert e.task == "classification"


def test_text_that_means_numbers_is_ordered_as_numbers():
    e = Environments.from_arrays(X, Y, ["10", "9", "10", "9", "8.5", "8.5"])
    assert e.names == ("8.5", "9", "10")


def test_values_written_the_same_are_one_environment():
    mixed = np.array([1, "1", 1.0, "b", "b", "b"], dtype=object)
    assert Environments.from_arrays(X, Y, mixed).names == ("1", "b")


def test_whole_floats_and_bytes_get_plain_names():
    assert Environments.from_arrays(X, Y, np.repeat([3.0, 4.0], 3)).names == ("3", "4")
    assert Environments.from_arrays(X, Y, np.repeat([b"x", b"y"], 3)).names == ("x", "y")
    assert Environments.from_arrays(X, Y, np.float32([0.1] * 3 + [2] * 3)).names == ("0.1", "2")


def test_tensors_bfloat16_lists_and_single_columns_are_accepted():
    tensor = torch.tensor(X, requires_grad=True)
    e = Environments.from_arrays(tensor.bfloat16(), torch.tensor([[0], [1]] * 3), WHERE)
    assert e.X.shape == (6, 2)
    assert e.y.tolist() == [0, 1] * 3
    assert Environments.from_arrays(X.tolist(), Y, WHERE).X.shape == (6, 2)


def test_masked_values_become_missing():
    masked = np.ma.masked_array(X, mask=X == 3)
    e = Environments.from_arrays(masked, Y, WHERE)
    assert np.isnan(e.X[1, 1])
    assert np.isnan(e.X).sum() == 1


def test_frames_are_renumbered_and_text_becomes_categorical():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4, 5, 6], "c": list("xyxyxy")}, index=range(6, 0, -1))
    e = Environments.from_arrays(frame, Y, WHERE)
    assert e.X.index.tolist() == list(range(6))
    assert isinstance(e.X["c"].dtype, pd.CategoricalDtype)
    assert frame["c"].dtype == "str"
    assert frame.index[0] == 6


def test_factors_are_taken_by_position_not_by_index():
    first = pd.Series([1, 2, 3, 4, 5, 6])
    second = pd.Series([6, 5, 4, 3, 2, 1], index=[5, 4, 3, 2, 1, 0])
    e = Environments.from_arrays(X, Y, WHERE, factors={"up": first, "down": second})
    assert e.factors["down"].tolist() == [6, 5, 4, 3, 2, 1]
    assert e.regroup("up").names == ("1", "2", "3", "4", "5", "6")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((X, Y[:5], WHERE), ["y has 5", "6 rows"]),
        ((X, Y, WHERE[:4]), ["environment has 4", "6 rows"]),
        ((X[:0], [], []), ["no rows"]),
        ((X[:, :0], Y, WHERE), ["no features"]),
        ((X[:, 0], Y, WHERE), ["(6,)"]),
        ((np.array([["a"]] * 6), Y, WHERE), ["X must be numbers", "DataFrame"]),
        (([[1], [1, 2], [1], [1], [1], [1]], Y, WHERE), ["X must be numbers"]),
        ((np.where(X == 5, np.inf, X), Y, WHERE), ["infinite", "row 2", "position 1"]),
        ((X, Y, ["a"] * 6), ["only one environment", "'a'"]),
        ((X, Y, ["a", None, "b", None, "a", "b"]), ["environment", "2 of 6", "row 1"]),
        ((X, [1, 2, np.nan, 4, 5, 6], WHERE), ["y has missing", "1 of 6", "row 2"]),
        ((X, [7.0] * 6, WHERE), ["constant", "'7'"]),
        ((X, np.ones((6, 2)), WHERE), ["constant", "Column 'y0' is '1'"]),
        ((X, np.ones((6, 2, 2)), WHERE), ["y must be one column", "(6, 2, 2)"]),
        ((X, [[1], [2, 3], [1], [1], [1], [1]], WHERE), ["y must be one column"]),
        ((X, np.array([1j] * 6), WHERE), ["y holds", "complex"]),
        ((X, pd.date_range("2020", periods=6), WHERE), ["y holds dates"]),
        ((X, Y, pd.Series([[1], [2], [1], [2], [1], [2]])), ["environment holds lists"]),
        ((pd.DataFrame({"a": [np.inf] + [0.0] * 5}), Y, WHERE), ["'a'", "infinite", "row 0"]),
        ((pd.DataFrame(X, columns=["a", "a"]), Y, WHERE), ["several columns called a"]),
        ((pd.DataFrame(index=range(6)), Y, WHERE), ["no columns"]),
        ((pd.DataFrame({"d": pd.date_range("2020", periods=6)}), Y, WHERE), ["'d'", "datetime"]),
        ((pd.DataFrame({"l": [[1]] * 5 + [[1, 2]]}), Y, WHERE), ["'l'", "object"]),
    ],
)
def test_unusable_arrays_are_refused_by_name(arguments, words):
    message = refusal(*arguments)
    for word in words:
        assert word in message


def test_options_that_do_not_fit_are_refused():
    assert "'ranking'" in refusal(X, Y, WHERE, task="ranking")
    message = refusal(X, Y, WHERE, task="regression")
    assert "'b'" in message
    assert "row 0" in message
    assert "'age'" in refusal(X, Y, WHERE, factors={"age": pd.Series([1, 2])})
    assert "age has 2 entries" in refusal(X, Y, WHERE, factors={"age": [1, 2]})


def test_sparse_matrices_are_told_to_be_dense():
    from scipy.sparse import csr_array

    assert "toarray" in refusal(csr_array(X), Y, WHERE)


@pytest.mark.parametrize(
    ("target", "task"),
    [
        ([0.5, 1.5] * 10, "classification"),
        ([1, 2, 3] * 5, "classification"),
        ([1, 2, 3], "regression"),
        (list(range(21)) * 10, "regression"),
        ([0.1, 0.2, 0.3] * 10, "regression"),
        (["1", "2.5", "3"] * 5, "regression"),
        (["a", "b"] * 5, "classification"),
        ([True, False] * 5, "classification"),
    ],
)
def test_task_is_guessed_from_the_target(target, task):
    assert guess_task(np.asarray(target)) == task
    assert guess_task(np.asarray(target, dtype=object)) == task


def test_select_drops_empty_environments_and_keeps_class_codes():
    e = Environments.from_arrays(X, Y, WHERE, factors={"k": range(6)})
    part = e.select(np.array([5, 1]))
    assert part.names == ("10",)
    assert part.environment.tolist() == [0, 0]
    assert part.y.tolist() == [0, 0]
    assert part.classes == ("a", "b")
    assert part.X.tolist() == [[10, 11], [2, 3]]
    assert part.factors["k"].tolist() == [5, 1]
    mask = np.array([True, False, True, False, False, False])
    assert len(Environments.from_arrays(pd.DataFrame(X), Y, WHERE).select(mask)) == 2


def test_regroup_refuses_unknown_single_and_missing_values():
    factors = {"year": [1, 2, 3, 1, 2, 3], "same": [1] * 6, "gaps": [1, None, 2, 2, 2, 2]}
    e = Environments.from_arrays(X, Y, WHERE, factors=factors)
    assert e.regroup("year").names == ("1", "2", "3")
    for column, words in (
        ("yaer", "did you mean 'year'"),
        ("same", "'same' has only one value"),
        ("gaps", "'gaps' has missing values in 1 of 6"),
    ):
        with pytest.raises(UsageError, match=words):
            e.regroup(column)


def test_fingerprint_changes_with_every_part():
    base = Environments.from_arrays(X, Y, WHERE)
    assert base.fingerprint == Environments.from_arrays(X.copy(), Y, WHERE).fingerprint
    other = X.copy()
    other[3, 1] += 1e-9
    frame = pd.DataFrame(X, columns=["a", "b"])
    prints = {
        base.fingerprint,
        Environments.from_arrays(other, Y, WHERE).fingerprint,
        Environments.from_arrays(X, Y[::-1], WHERE).fingerprint,
        Environments.from_arrays(X, Y, WHERE[::-1]).fingerprint,
        Environments.from_arrays(X, [y.upper() for y in Y], WHERE).fingerprint,
        Environments.from_arrays(frame, Y, WHERE).fingerprint,
        Environments.from_arrays(frame.rename(columns={"a": "c"}), Y, WHERE).fingerprint,
    }
    assert len(prints) == 7


def test_inputs_are_not_modified():
    data, labels = X.copy(), list(Y)
    Environments.from_arrays(data, labels, WHERE)
    assert (data == X).all()
    assert labels == Y


def test_warnings_point_at_the_user_not_at_the_package():
    frame = pd.DataFrame({"y": [0, 1] * 10, "site": list("aabb") * 5, "x": range(20)})
    frame["z"] = [0.5, 1.5, 0.5, 2.5] * 5
    with pytest.warns(SuspiciousInput, match="'x' names rows") as caught:
        Environments.from_frame(frame, "y", "site")
    assert {w.filename for w in caught} == {__file__}
