from __future__ import annotations

import numpy as np
import torch
from distance_toys import arrays, shared_covariance, strangers, three_classes, within
from scipy.spatial.distance import mahalanobis

from gengap.detectors.mahalanobis import Mahalanobis
from gengap.models.outputs import Outputs


def test_equals_scipy() -> None:
    train, new = three_classes(), strangers()
    means, _ = within(*arrays(train))
    inverse = np.linalg.inv(shared_covariance(*arrays(train)))
    expected = [
        min(mahalanobis(row, mean, inverse) ** 2 for mean in means) for row in arrays(new)[0]
    ]
    detector = Mahalanobis()
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-4)


def test_one_feature_by_hand() -> None:
    # Means 0 and 10, a scatter of 4 and 2 degrees of freedom, so a variance of 2.
    train = Outputs(
        features=torch.tensor([[-1.0], [1.0], [9.0], [11.0]]), labels=torch.tensor([0, 0, 1, 1])
    )
    detector = Mahalanobis()
    scores = detector.score(detector.fit(train), Outputs(features=torch.tensor([[13.0], [5.0]])))
    torch.testing.assert_close(scores, torch.tensor([4.5, 12.5]))


def test_units_do_not_matter() -> None:
    train, new = three_classes(), strangers()
    detector = Mahalanobis()
    plain = detector.score(detector.fit(train), new)
    unit = torch.tensor([1e-6, 1e-3, 1.0, 1e3, 1e6, 7.0])
    assert train.features is not None
    assert new.features is not None
    scaled = detector.fit(Outputs(features=train.features * unit, labels=train.labels))
    found = detector.score(scaled, Outputs(features=new.features * unit))
    torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-3)


def test_what_varies_least_is_not_drowned() -> None:
    # Of ten features the last varies a hundredth of the first, and there a stranger stands out.
    source = torch.Generator().manual_seed(0)
    spread = torch.logspace(0, -2, 10)
    features = torch.randn(80, 10, generator=source) * spread
    train = Outputs(features=features, labels=torch.arange(80) % 2)
    stranger = torch.zeros(1, 10)
    stranger[0, -1] = 0.1
    detector = Mahalanobis()
    fitted = detector.fit(train)
    assert detector.score(fitted, Outputs(features=stranger)) > 50
    assert detector.score(fitted, train).max() < 50


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
