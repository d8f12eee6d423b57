from __future__ import annotations

import numpy as np
import torch
from distance_toys import arrays, strangers, three_classes, within
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from gengap.detectors.mahalanobis import Mahalanobis
from gengap.models.outputs import Outputs


def test_equals_scipy() -> None:
    train, new = three_classes(), strangers()
    means, centred = within(*arrays(train))
    inverse = np.linalg.inv(ledoit_wolf(centred, assume_centered=True)[0])
    expected = [
        min(mahalanobis(row, mean, inverse) ** 2 for mean in means) for row in arrays(new)[0]
    ]
    detector = Mahalanobis()
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-4)


def test_one_feature_by_hand() -> None:
    # Means 0 and 10, variance 1 within each: 13 is 3 standard deviations from the nearer mean.
    train = Outputs(
        features=torch.tensor([[-1.0], [1.0], [9.0], [11.0]]), labels=torch.tensor([0, 0, 1, 1])
    )
    detector = Mahalanobis()
    scores = detector.score(detector.fit(train), Outputs(features=torch.tensor([[13.0], [5.0]])))
    torch.testing.assert_close(scores, torch.tensor([9.0, 25.0]))


def test_an_offset_does_not_cost_the_digits() -> None:
    train, new = three_classes(), strangers()
    detector = Mahalanobis()
    plain = detector.score(detector.fit(train), new)
    assert train.features is not None
    assert new.features is not None
    moved = Outputs(features=train.features + 1000, labels=train.labels)
    found = detector.score(detector.fit(moved), Outputs(features=new.features + 1000))
    torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-3)


def test_more_features_than_examples() -> None:
    features = torch.randn(6, 40, generator=torch.Generator().manual_seed(0))
    train = Outputs(features=features, labels=torch.tensor([0, 0, 0, 1, 1, 1]))
    detector = Mahalanobis()
    fitted = detector.fit(train)
    usual, strange = detector.score(
        fitted, Outputs(features=torch.cat([features, features * 50]))
    ).split(6)
    assert strange.min() > usual.max()


def test_long_inputs_are_scored_like_short_ones() -> None:
    train, new = three_classes(), strangers(200_003)
    detector = Mahalanobis()
    fitted = detector.fit(train)
    torch.testing.assert_close(
        detector.score(fitted, new)[-3:], detector.score(fitted, new.rows(slice(-3, None)))
    )
