"""ECOD and COPOD by hand, and by ranks among the training examples with the new one appended."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from scipy.stats import rankdata, skew

from gengap.detectors.copod import Copod
from gengap.detectors.ecod import Ecod
from gengap.models.outputs import Outputs


def tails_by_rank(train: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = [], []
    for row in new:
        together = np.vstack([train, row])
        lower.append(-np.log(rankdata(together, "max", axis=0)[-1] / len(together)))
        upper.append(-np.log(rankdata(-together, "max", axis=0)[-1] / len(together)))
    return np.array(lower), np.array(upper)


def test_ecod_by_hand() -> None:
    # Of 1, 2, 3, 4 and the example itself: all 5 are at or below 9, one at or above.
    train = Outputs(features=torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    detector = Ecod()
    found = detector.score(detector.fit(train), Outputs(features=torch.tensor([[9.0], [2.5]])))
    assert found.tolist() == pytest.approx([math.log(5), math.log(5 / 3)])


def test_ecod_equals_ranks() -> None:
    train, new = three_classes(), strangers()
    lower, upper = tails_by_rank(arrays(train)[0], arrays(new)[0])
    detector = Ecod()
    found = detector.score(detector.fit(train), new)
    np.testing.assert_allclose(found, np.maximum(lower, upper).sum(1), rtol=1e-5)


def test_copod_equals_ranks_and_scipys_skewness() -> None:
    train, new = three_classes(), strangers()
    features = np.column_stack([np.exp(arrays(train)[0][:, :3]), -np.exp(arrays(train)[0][:, 3:])])
    rows = np.column_stack([np.exp(arrays(new)[0][:, :3]), -np.exp(arrays(new)[0][:, 3:])])
    single = features.astype(np.float32), rows.clip(-1e15, 1e15).astype(np.float32)
    lower, upper = tails_by_rank(*single)
    left = skew(single[0].astype(float), axis=0) < 0
    assert left.tolist() == [False] * 3 + [True] * 3
    expected = np.maximum(np.where(left, lower, upper), (lower + upper) / 2).sum(1)
    detector = Copod()
    fitted = detector.fit(Outputs(features=torch.tensor(single[0])))
    found = detector.score(fitted, Outputs(features=torch.tensor(single[1])))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_copod_of_a_symmetric_feature_counts_both_tails() -> None:
    train = Outputs(features=torch.tensor([[-3.0], [-1.0], [1.0], [3.0]]))
    detector = Copod()
    found = detector.score(detector.fit(train), Outputs(features=torch.tensor([[2.0]])))
    assert found.item() == pytest.approx(math.log(5 / 4) + math.log(5 / 2))
