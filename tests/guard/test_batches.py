"""Batches are judged and fitted on as the whole would be, and samples of them are fair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from guard_toys import Distance, blobs, classifier, network
from scipy import stats
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset

import gengap as gg
from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.guard import batches
from gengap.guard.batches import sampled
from gengap.guard.decision import Decision

X, Y = blobs(240)
NEW = np.concatenate([blobs(100, seed=1)[0], [[np.nan, 0, 0], [50, 0, 0]]])
WHERE = np.array(["a", "b", "c"])[np.arange(240) % 3]


def loader(*columns: np.ndarray, size: int = 32) -> DataLoader:
    return DataLoader(TensorDataset(*(torch.from_numpy(c) for c in columns)), batch_size=size)


def pieces(*columns: Any, size: int = 7) -> Iterator[Any]:
    """Batches of as many parts as there are columns."""
    for k in range(0, len(columns[0]), size):
        parts = tuple(column[k : k + size] for column in columns)
        yield parts if len(parts) > 1 else parts[0]


def assert_same(found: Decision, expected: Decision) -> None:
    np.testing.assert_array_equal(found.accept, expected.accept)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
    assert found.reason.tolist() == expected.reason.tolist()
    assert found.prediction.tolist() == expected.prediction.tolist()


def test_judged_in_batches_as_at_once():
    guard = gg.Guard.fit(network(), X, Y, detector="energy")
    expected = guard(NEW)
    assert 0 < expected.accept.sum() < len(NEW)
    for given in (loader(NEW), loader(NEW, np.zeros(len(NEW))), pieces(NEW), iter([NEW])):
        assert_same(guard(given), expected)


def test_pieces_of_a_file(tmp_path):
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    guard = gg.Guard.fit(LogisticRegression().fit(table, Y), table, Y, detector="knn")
    new = pd.DataFrame(NEW, columns=["a", "b", "c"])
    new.to_csv(tmp_path / "new.csv", index=False)
    with pd.read_csv(tmp_path / "new.csv", chunksize=9) as file:
        assert_same(guard(file), guard(pd.read_csv(tmp_path / "new.csv")))


def test_each_environment_of_a_batch_is_held_to_its_own():
    options = {"detector": "energy", "per_environment": True}
    whole = gg.Guard.fit(classifier(), X, Y, environment=WHERE, **options)
    guard = gg.Guard.fit(classifier(), pieces(X, Y, WHERE), **options)
    assert_same(guard(pieces(X, Y, WHERE)), whole(X, environment=WHERE))


@pytest.mark.parametrize("size", [1, 32, 1000])
def test_fitted_on_batches_as_at_once(size):
    whole = gg.Guard.fit(network(), X, Y, strangers=X + 9)
    guard = gg.Guard.fit(network(), loader(X, Y, size=size), strangers=pieces(X + 9))
    assert (guard.choice, guard.threshold) == (whole.choice, whole.threshold)
    np.testing.assert_array_equal(guard.calibration.scores, whole.calibration.scores)


@pytest.mark.parametrize("size", [1, 7, 240])
def test_the_sample_does_not_depend_on_the_batches(size, monkeypatch):
    expected = np.sort(draw(240).argsort()[:50])
    monkeypatch.setattr(batches, "MOST_ROWS", 50)
    found, said = sampled(pieces(X, Y, size=size), 0)
    np.testing.assert_array_equal(found.X, X[expected])
    np.testing.assert_array_equal(found.y, Y[expected])
    assert said == " Fitted on 50 of 240 examples, a random sample of the batches."
    monkeypatch.setattr(batches, "MOST_VALUES", 3 * 20 + 2)
    assert len(sampled(pieces(X, Y, size=size), 0)[0].X) == 20


def draw(rows: int) -> np.ndarray:
    return generator(0, "guard", "batches").random(rows)


def test_every_example_has_the_same_chance(monkeypatch):
    monkeypatch.setattr(batches, "MOST_ROWS", 4)
    rows = np.arange(20.0)[:, None]
    found = [sampled(pieces(rows, size=3), seed, labelled=False)[0].X for seed in range(1000)]
    counts = np.bincount(np.concatenate(found).ravel().astype(int), minlength=20)
    assert counts.sum() == 4000
    # Draws without replacement vary less than the test supposes, by 16 / 19.
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_sample_is_told_and_calibrates(monkeypatch, tmp_path):
    monkeypatch.setattr(batches, "MOST_ROWS", 120)
    guard = gg.Guard.fit(network(), pieces(X, Y), detector="mahalanobis", layer="0")
    assert "Fitted on 120 of 240 examples, a random sample" in guard.report()
    assert len(guard.calibration.scores) == 39  # a third, by which the rate is exact
    guard.save(tmp_path)
    assert "Fitted on 120 of 240" in gg.Guard.load(tmp_path, network()).report()


def test_tables_are_sampled(monkeypatch):
    monkeypatch.setattr(batches, "MOST_ROWS", 60)
    table = pd.DataFrame({"row": np.arange(240.0), "kind": ["x", "y"] * 120})
    found, _ = sampled(pieces(table, Y), 0)
    assert found.X["row"].tolist() == np.sort(draw(240).argsort()[:60]).tolist()
    assert set(found.X["kind"]) == {"x", "y"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda: iter([]), "X gives no batches; a generator can be read once only"),
        (lambda: pieces(X), "Batch 0 has no labels; give batches of"),
        (lambda: iter([(X, Y, WHERE, Y)]), "Batch 0 of X has 4 parts; a batch is its"),
        (lambda: iter([(X, Y[1:])]), r"Batch 0 has 240 rows but labels of shape \(239,\)"),
        (lambda: iter([(X, Y, "ab")]), r"has 240 rows but environments of shape \(\)"),
        (lambda: iter([(X, Y), (X[:, 1:], Y)]), "Batch 1 of X is not like the first one"),
        (lambda: iter([(X, Y), (X, Y, WHERE)]), "Batch 1 of X is not like the first one"),
        (lambda: iter([([[1], [1, 2]], [0, 1])]), "The rows of batch 0 differ in length"),
        (lambda: (k for k in [({"a": 1}, 1)]), "X is a dict, not rows of examples"),
    ],
)
def test_batches_that_do_not_fit(given, sentence):
    with pytest.raises(UsageError, match=sentence):
        gg.Guard.fit(network(), given(), detector="energy")


def test_labels_come_in_batches_only():
    with pytest.raises(UsageError, match="X comes in batches, so leave y out"):
        gg.Guard.fit(network(), pieces(X, Y), Y)
    guard = gg.Guard.fit(network(), X, Y, detector=Distance())
    with pytest.raises(UsageError, match="so leave environment out"):
        guard(pieces(X), environment=WHERE)
    with pytest.raises(UsageError, match="X gives no batches"):
        guard(iter([]))
