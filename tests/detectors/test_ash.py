from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gengap.detectors.ash import Ash, shaped
from gengap.models.outputs import Head, Outputs

HEAD = Head(torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]), torch.tensor([0.0, 0.5]))


def test_value_worked_by_hand() -> None:
    ash, features = Ash(pruned=0.5), torch.tensor([[4.0, 1.0, 2.0, 1.0]])
    # 4 and 2 stay, times exp(8 / 6).
    kept = [4 * math.exp(8 / 6), 0, 2 * math.exp(8 / 6), 0]
    assert shaped(features, 0.5)[0].tolist() == pytest.approx(kept)
    scores = ash.score(ash.fit(Outputs(head=HEAD)), Outputs(features=features))
    expected = -np.logaddexp(kept[0], kept[2] + 0.5)
    assert float(scores) == pytest.approx(expected, rel=1e-6)


def test_agrees_with_numpy_on_random_features() -> None:
    features = torch.rand(20, 10, generator=torch.Generator().manual_seed(0))
    for row, found in zip(features.double().numpy(), shaped(features, 0.7), strict=True):
        pruned = np.where(row >= np.sort(row)[-3], row, 0)
        np.testing.assert_allclose(found, pruned * np.exp(row.sum() / pruned.sum()), rtol=1e-5)


def test_rows_without_positive_features_stay_zero() -> None:
    assert shaped(torch.tensor([[0.0, 0.0], [-1.0, -5.0]]), 0.5).tolist() == [[0, 0], [0, 0]]


def test_pruning_everything_keeps_the_largest_feature() -> None:
    scaled = shaped(torch.tensor([[1.0, 3.0]]), 1.0)
    assert scaled[0].tolist() == pytest.approx([0, 3 * math.exp(4 / 3)])


def test_weak_features_are_strange() -> None:
    ash = Ash(pruned=0.5)
    features = torch.tensor([[0.2, 0.1, 0.2, 0.1], [6.0, 0.1, 0.2, 5.0]])
    strange, usual = ash.score(ash.fit(Outputs(head=HEAD)), Outputs(features=features))
    assert strange > usual
