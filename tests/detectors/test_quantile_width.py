from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from gengap.detectors.quantile_width import QuantileWidth, row_quantile
from gengap.models.outputs import Outputs


def test_row_quantile_agrees_with_numpy() -> None:
    values = torch.randn(5, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for share in (0.0, 0.1, 0.33, 0.9, 1.0):
        np.testing.assert_allclose(row_quantile(values, share), np.quantile(values, share, axis=1))


def test_value_worked_by_hand() -> None:
    train = Outputs(
        features=torch.tensor([[0.0], [1.0], [2.0]]), labels=torch.tensor([0.0, 4.0, 2.0])
    )
    detector = QuantileWidth(neighbours=2, share=0.5)
    fitted = detector.fit(train)
    # Differences 4, 2; 4, 2; 2, 2 (mean 16 / 6) over distances 1, 2; 1, 1; 1, 2 (mean 8 / 6).
    assert float(fitted["slope"]) == pytest.approx(2)
    # Mean distances 1.5, 1, 1.5 have the median 1.5. From 4 the targets are 4 and 2 at mean
    # distance 2.5: quarters 3.5 and 2.5, each moved by 2 (2.5 - 1.5).
    scores = detector.score(fitted, Outputs(features=torch.tensor([[0.25], [4.0]])))
    assert scores.tolist() == pytest.approx([2, 1 + 2 * 2], rel=1e-5)


def test_width_of_normal_noise() -> None:
    source = np.random.default_rng(0)
    x = np.repeat([0.0, 1.0], 1000)[:, None]
    y = np.where(x[:, 0] == 0, 1, 3) * source.standard_normal(2000)
    detector = QuantileWidth(neighbours=500, share=0.8)
    train = Outputs(features=torch.from_numpy(x).float(), labels=torch.from_numpy(y).float())
    scores = detector.score(detector.fit(train), Outputs(features=torch.tensor([[0.0], [1.0]])))
    exact = 2 * norm.ppf(0.9)
    assert scores.tolist() == pytest.approx([exact, 3 * exact], rel=0.15)


def test_strangers_far_away_score_higher() -> None:
    source = torch.Generator().manual_seed(0)
    features, labels = torch.randn(200, 3, generator=source), torch.randn(200, generator=source)
    detector = QuantileWidth()
    fitted = detector.fit(Outputs(features=features, labels=labels))
    far = detector.score(fitted, Outputs(features=features + 20))
    assert far.min() > detector.score(fitted, Outputs(features=features)).max()
