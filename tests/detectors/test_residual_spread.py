from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from gengap.detectors.residual_spread import ResidualSpread
from gengap.models.outputs import Outputs


def test_value_worked_by_hand() -> None:
    train = Outputs(
        logits=torch.tensor([[1.0], [2.0], [3.0]]),
        features=torch.tensor([[0.0], [1.0], [3.0]]),
        labels=torch.tensor([2.0, 2.0, 0.0]),
    )
    detector = ResidualSpread(neighbours=1)
    fitted = detector.fit(train)
    # Residuals 1, 0, -3. Neighbours 0-1, 1-0 and 3-1: mean difference (1 + 1 + 3) / 3 over mean
    # distance (1 + 1 + 2) / 3 is 5/4.
    assert fitted["residuals"].tolist() == [1, 0, 3]
    assert float(fitted["slope"]) == pytest.approx(1.25)
    # The median of the distances 1, 1, 2 is 1.
    scores = detector.score(fitted, Outputs(features=torch.tensor([[0.0], [1.2], [7.0]])))
    assert scores.tolist() == pytest.approx([1, 0, 3 + 1.25 * (4 - 1)], rel=1e-5)


def test_follows_the_noise() -> None:
    source = np.random.default_rng(0)
    x = source.uniform(0, 1, (2000, 1))
    y = x[:, 0] * source.standard_normal(2000)
    train = Outputs(
        logits=torch.zeros(2000, 1),
        features=torch.from_numpy(x).float(),
        labels=torch.from_numpy(y).float(),
    )
    detector = ResidualSpread(neighbours=100)
    places = torch.linspace(0.05, 0.95, 50)[:, None]
    scores = detector.score(detector.fit(train), Outputs(features=places))
    # The mean absolute value of normal noise of deviation x is sqrt(2 / pi) x.
    np.testing.assert_allclose(scores, np.sqrt(2 / np.pi) * places[:, 0], atol=0.2)
    assert spearmanr(scores, places[:, 0]).statistic > 0.9


def test_strangers_far_away_score_higher() -> None:
    source = torch.Generator().manual_seed(0)
    features, labels = torch.randn(200, 3, generator=source), torch.randn(200, generator=source)
    train = Outputs(torch.zeros(200, 1), features, labels=labels)
    detector = ResidualSpread()
    fitted = detector.fit(train)
    far = detector.score(fitted, Outputs(features=features + 20))
    assert far.min() > detector.score(fitted, train).max()
