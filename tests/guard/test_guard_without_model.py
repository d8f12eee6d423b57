"""Guards that judge rows by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from guard_toys import Distance, blobs, classifier
from torch.utils.data import DataLoader, TensorDataset

import gengap as gg
from gengap.base.errors import SuspiciousInput, UsageError

X, Y = blobs(240)
TABLE = pd.DataFrame(X * [1, 100, 0.01], columns=["a", "b", "c"]).assign(
    kind=np.array(["ant", "bee", "cow", "doe"])[Y]
)


def test_rows_are_judged_and_nothing_is_answered():
    guard = gg.Guard.fit(None, X)
    decision = guard(np.concatenate([X, np.full((3, 3), 40.0), [[np.nan, 0, 0]]]))
    assert guard.choice.name == "knn-standardised"
    assert decision.accept[:240].mean() > 0.9
    assert not decision.accept[240:].any()
    assert set(decision.prediction) == {None}
    assert decision.reason[240].startswith("value 2 is 40, outside ")
    assert decision.reason[243] == "value 0 is missing (NaN)"


def test_the_columns_of_a_table_may_come_in_another_order():
    large = TABLE[["a", "b"]].assign(when=1.7e9 + 1e6 * TABLE.c)
    strange = {"when": 0, "a": 40}
    far = large[:3].assign(a=1e8)
    guard = gg.Guard.fit(None, large, strangers=large[["when", "b", "a"]].assign(**strange))
    for rows in (large, far):
        turned = guard(rows[["when", "b", "a"]])
        np.testing.assert_array_equal(turned.accept, guard(rows).accept)
        np.testing.assert_array_equal(turned.reason, guard(rows).reason)
    assert guard(large[["when", "b", "a"]]).accept.mean() > 0.9
    assert guard(far[["when", "b", "a"]]).column.tolist() == ["a"] * 3


def test_the_score_of_standardised_neighbours_of_the_rows():
    """By hand: the distance to the tenth nearest row fitted on, in standard deviations."""
    guard = gg.Guard.fit(None, X, detector="knn-standardised")
    bank = guard.fitted["bank"].double().numpy()[:, :3]
    new, scale = blobs(30, 1)[0], guard.scale
    z = (new - scale.mean.numpy()) / scale.spread.numpy()
    apart = np.sort(np.linalg.norm(z[:, None] - bank, axis=2), 1)[:, 9]
    np.testing.assert_allclose(guard(new).score, apart, rtol=1e-3)


def test_columns_count_alike_in_any_unit_and_categories_count():
    guard = gg.Guard.fit(None, TABLE, detector="ecod")
    grown = gg.Guard.fit(None, TABLE.assign(b=TABLE["b"] * 1e4), detector="ecod")
    new = pd.DataFrame(blobs(50, 1)[0] * [1, 100, 0.01], columns=["a", "b", "c"]).assign(kind="ant")
    np.testing.assert_allclose(
        grown(new.assign(b=new["b"] * 1e4)).score, guard(new).score, rtol=1e-4
    )
    decision = guard(new.assign(kind="newt"))
    assert not decision.accept.any()
    assert decision.column[0] == "kind"


def test_saved_and_loaded_without_a_model(tmp_path):
    guard = gg.Guard.fit(None, TABLE)
    with pytest.warns(SuspiciousInput, match="holds rows of X"):
        guard.save(tmp_path)
    again = gg.Guard.load(tmp_path)
    np.testing.assert_array_equal(again(TABLE).score, guard(TABLE).score)
    with pytest.raises(UsageError, match="made without a model; leave the LogisticRegression out"):
        gg.Guard.load(tmp_path, classifier())


def test_images_and_batches():
    images = np.random.default_rng(0).random((200, 1, 6, 6), dtype=np.float32)
    guard = gg.Guard.fit(None, images)
    assert guard.width == 36
    assert not guard(images[:5] * 255).accept.any()
    loader = DataLoader(TensorDataset(torch.from_numpy(images)), batch_size=32)
    assert gg.Guard.fit(None, loader).threshold == guard.threshold
    np.testing.assert_allclose(guard(loader).score, guard(images).score, rtol=1e-5)


def test_environments_choose_and_only_what_reads_rows_is_tried():
    guard = gg.Guard.fit(None, X, environment=np.arange(240) % 4)
    names = {c.name for c in guard.choice.table}
    assert {"knn-standardised", "ecod", "hbos", "isolation-forest"} <= names
    assert not {"msp", "mahalanobis", "joint-energy"} & names
    with pytest.raises(UsageError, match="msp needs the model's logits"):
        gg.Guard.fit(None, X, detector="msp")


def test_rows_that_have_nothing_in_common():
    texts = pd.DataFrame({"text": [f"sentence {k}" for k in range(100)]})
    with pytest.raises(UsageError, match="compared by numbers and by categories that recur"):
        gg.Guard.fit(None, texts)


def test_false_alarms_are_kept():
    rates = []
    for seed in range(40):
        x = blobs(120, seed)[0]
        guard = gg.Guard.fit(None, x, false_alarms=0.1, detector=Distance(), seed=seed)
        rates.append(1 - guard(blobs(100, 1000 + seed)[0]).accept.mean())
    assert np.mean(rates) <= 0.1 + 3 * np.std(rates, ddof=1) / np.sqrt(40)
    assert np.mean(rates) > 0.07
