import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gengap.environments import Environments, preparation
from gengap.environments.new_examples import joined
from gengap.environments.preparation import CLIP, encode, encode_alike, fit_preparation
from gengap.records.run import Run
from gengap.training.tables import Tables
from gengap.training.tasks import Task


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_mixed_table_equals_a_column_transformer(rng):
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, 200),
            "dose": rng.exponential(3, 200),
            "ward": pd.Categorical(rng.choice(["a", "b", "c"], 200)),
        }
    )
    train = rng.permutation(200)[:120]
    encoded = encode(frame)
    prepared = fit_preparation(encoded, train).apply(encoded.matrix)
    reference = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "dose"]),
            ("categories", OneHotEncoder(sparse_output=False), ["ward"]),
        ]
    ).fit(frame.iloc[train])
    assert encoded.columns == ("age", "dose", "ward=a", "ward=b", "ward=c")
    assert encoded.kinds == ("number", "number", "category", "category", "category")
    np.testing.assert_allclose(prepared, reference.transform(frame), atol=1e-5)


def test_missing_numbers_get_the_training_mean_and_an_indicator():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0, 100.0]})
    encoded = encode(frame)
    assert encoded.columns == ("a", "a is missing")
    assert encoded.kinds == ("number", "indicator")
    prepared = fit_preparation(encoded, np.array([0, 1, 2])).apply(encoded.matrix)
    # Training values 1 and 3: mean 2, population standard deviation 1.
    assert prepared[:3, 0].tolist() == [-1.0, 0.0, 1.0]
    assert prepared[:, 1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_only_training_rows_are_fitted(rng):
    X = rng.normal(size=(50, 3)).astype(np.float32)
    rows = np.arange(30)
    before = fit_preparation(encode(X), rows)
    X[30:] += 100
    encoded = encode(X)
    after = fit_preparation(encoded, rows)
    expected = (X - X[rows].mean(axis=0)) / X[rows].std(axis=0)
    np.testing.assert_allclose(before.scale, after.scale, rtol=1e-4)
    np.testing.assert_allclose(after.apply(encoded.matrix)[:30], expected[:30], atol=2e-4)


def test_mask_and_indices_agree(rng):
    encoded = encode(rng.normal(size=(20, 2)))
    mask = rng.random(20) < 0.5
    a = fit_preparation(encoded, mask)
    b = fit_preparation(encoded, np.flatnonzero(mask))
    assert (a.shift == b.shift).all()
    assert (a.scale == b.scale).all()


def test_what_training_never_saw_is_silenced():
    frame = pd.DataFrame(
        {
            "flat": [5.0, 5.0, 5.0, 9.0],
            "late": [np.nan, np.nan, np.nan, 2.0],
            "kind": pd.Categorical(["u", "v", "u", "w"]),
        }
    )
    encoded = encode(frame)
    prepared = fit_preparation(encoded, np.arange(3)).apply(encoded.matrix)
    named = dict(zip(encoded.columns, prepared.T.tolist(), strict=True))
    assert named["flat"] == [0, 0, 0, 0]
    assert named["late"] == [0, 0, 0, 0]
    assert named["kind=w"] == [0, 0, 0, 0]
    assert named["kind=u"] == [1, 0, 1, 0]
    assert named["late is missing"] == [1, 1, 1, 0]


def test_large_offsets_keep_their_digits():
    seconds = 1.7e9 + np.arange(100.0)  # float32 alone would round these to multiples of 128
    encoded = encode(pd.DataFrame({"time": seconds}))
    prepared = fit_preparation(encoded, np.arange(100)).apply(encoded.matrix)
    expected = StandardScaler().fit_transform(seconds[:, None])
    np.testing.assert_allclose(prepared, expected, atol=1e-5)


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_extreme_magnitudes_neither_overflow_nor_vanish(size):
    values = np.array([[1.0], [2.0], [3.0], [4.0]])
    encoded = encode(values * size)
    prepared = fit_preparation(encoded, np.arange(4)).apply(encoded.matrix)
    np.testing.assert_allclose(prepared, StandardScaler().fit_transform(values), rtol=1e-5)


def test_a_wild_value_in_an_unseen_environment_stays_finite():
    X = np.array([[0.0], [1.0], [2.0], [1e12], [-1e12]])
    encoded = encode(X)
    prepared = fit_preparation(encoded, np.arange(3)).apply(encoded.matrix)
    assert prepared[3:].ravel().tolist() == [CLIP, -CLIP]


def test_equally_frequent_categories_all_get_a_column():
    values = np.repeat([f"v{k:03d}" for k in range(142)], 4)
    encoded = encode(pd.DataFrame({"c": pd.Categorical([*values, None])}))
    assert encoded.columns == ("c=(missing)", *(f"c=v{k:03d}" for k in range(142)))
    assert (encoded.matrix.sum(axis=1) == 1).all()
    assert encoded.matrix[:, 1:].sum(axis=0).tolist() == [4] * 142


@pytest.fixture
def towns(monkeypatch):
    """A number and 40 towns of 1 to 40 rows beside a missing one, where 30 can be afforded."""
    monkeypatch.setattr(preparation, "INDICATOR_BYTES", 0)
    values = [f"t{k:02d}" for k in range(40) for _ in range(k + 1)] + [None]
    return pd.DataFrame({"x": np.arange(821.0), "town": pd.Categorical(values)})


def test_categories_that_cannot_be_afforded_are_their_frequency_in_the_training_rows(towns):
    encoded = encode(towns)
    assert encoded.columns == ("x", "town")
    assert encoded.kinds == ("number", "code")
    assert preparation.uncountable(towns) == {"town": 41}
    train = np.flatnonzero(np.arange(821) % 3 == 0)
    prepared = fit_preparation(encoded, train)
    counts = towns["town"].iloc[train].value_counts(dropna=False)
    wanted = np.log1p([counts.get(value, 0) for value in towns["town"].astype(object)])
    scaled = (wanted - wanted[train].mean()) / wanted[train].std()
    np.testing.assert_allclose(prepared.apply(encoded.matrix)[:, 1], scaled, rtol=1e-4, atol=1e-5)


def test_frequencies_know_nothing_of_other_rows(towns):
    train = np.arange(0, 400)
    encoded = encode(towns)
    before = fit_preparation(encoded, train)
    towns.loc[500:, "town"] = "t39"
    after = fit_preparation(encode(towns), train)
    # The towns of the training rows are the first 27, so only they have been counted.
    assert np.count_nonzero(before.counts[1]) == np.count_nonzero(after.counts[1]) == 28
    np.testing.assert_array_equal(before.counts[1][:28], after.counts[1][:28])
    assert before.shift[1] == after.shift[1]


def test_new_towns_count_as_never_seen(towns):
    new = pd.DataFrame({"x": [1.0, 2.0, 3.0], "town": ["t05", "elsewhere", None]})
    both = encode_alike(joined(towns, new), encode(towns).codes)
    np.testing.assert_array_equal(both[:821], encode(towns).matrix)
    assert both[821:, 1].tolist() == [5, 41, 40]
    counts = fit_preparation(encode(towns), np.arange(821)).counts[1]
    np.testing.assert_allclose(counts[[5, 41, 40]], np.log1p([6, 0, 1]), rtol=1e-6)


def test_a_fleet_is_fed_what_the_preparation_says(towns):
    environments = Environments.from_arrays(towns, np.arange(821) % 2, np.arange(821) % 3)
    data = Tables.of(environments)
    rows = [np.arange(k * 100, k * 100 + 300) for k in range(3)]
    run = Run(problem="p", method="erm", hyperparameters={}, model="m", role="unseen", split="s",
              train_environments=("0",), unseen_environments=("1",), seed=0)  # fmt: skip
    tasks = [Task(run, (own,), data.prepare(own)) for own in rows]
    feed = data.feed(tasks, steps=1, batch=4, slots=1, device="cpu")
    asked = np.stack([np.random.default_rng(k).permutation(821)[:50] for k in range(3)])
    given = feed.inputs(torch.from_numpy(asked)).numpy()
    for k, task in enumerate(tasks):
        own = task.prepared.inputs.apply(data.matrix[asked[k]])
        np.testing.assert_allclose(given[k], own, rtol=1e-5, atol=1e-6)


def test_missing_category_is_a_value_and_ordered_categories_are_ranks():
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["x", None, "y"]),
            "size": pd.Categorical(["L", "S", None], ["S", "M", "L"], ordered=True),
        }
    )
    encoded = encode(frame)
    assert encoded.columns == ("c=(missing)", "c=x", "c=y", "size", "size is missing")
    assert encoded.matrix[:, :3].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert encoded.matrix[0, 3] - encoded.matrix[1, 3] == 2  # L is two ranks above S
    assert np.isnan(encoded.matrix[2, 3])


def test_text_booleans_and_nullable_columns_are_encoded():
    frame = pd.DataFrame(
        {
            "t": ["p", "q", "p"],
            "b": [True, False, True],
            "i": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    encoded = encode(frame)
    assert encoded.columns == ("t=p", "t=q", "b", "i", "i is missing")
    assert encoded.matrix[:, 2].tolist() == [0, -1, 0]


@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (7, 2, 9)])
def test_images_and_signals_are_standardised_per_channel(rng, shape):
    X = rng.integers(0, 256, shape).astype(np.uint8)
    encoded = encode(X)
    assert encoded.matrix.dtype == np.float32
    assert encoded.columns == ()
    rows = np.array([0, 2, 3])
    found = fit_preparation(encoded, rows)
    assert found.shift.shape == (shape[1], *(1,) * (len(shape) - 2))
    axes = (0, *range(2, len(shape)))
    mean = X[rows].mean(axis=axes, keepdims=True)
    spread = X[rows].std(axis=axes, keepdims=True)
    np.testing.assert_allclose(found.apply(encoded.matrix), (X - mean) / spread, atol=1e-4)


def test_fitting_in_pieces_changes_nothing(rng, monkeypatch):
    X = rng.normal(size=(101, 4))
    X[::7, 1] = np.nan
    frame = pd.DataFrame(X).assign(c=pd.Categorical(rng.choice(list("abc"), 101)))
    whole = fit_preparation(encode(frame), np.arange(90))
    monkeypatch.setattr(preparation, "CHUNK_BYTES", 64)
    pieces = fit_preparation(encode(frame), np.arange(90))
    np.testing.assert_allclose(whole.shift, pieces.shift, atol=1e-6)
    np.testing.assert_allclose(whole.scale, pieces.scale, rtol=1e-6)


def test_inputs_are_not_modified(rng):
    X = rng.normal(size=(10, 2))
    X[3, 0] = np.nan
    copy = X.copy()
    encoded = encode(X)
    matrix = encoded.matrix.copy()
    fit_preparation(encoded, np.arange(5)).apply(encoded.matrix)
    np.testing.assert_array_equal(X, copy)
    np.testing.assert_array_equal(encoded.matrix, matrix)
