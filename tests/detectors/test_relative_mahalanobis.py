from __future__ import annotations

import numpy as np
import torch
from distance_toys import arrays, shared_covariance, strangers, three_classes, within
from scipy.spatial.distance import mahalanobis

from gengap.detectors.mahalanobis import Mahalanobis
from gengap.detectors.relative_mahalanobis import RelativeMahalanobis
from gengap.models.outputs import Outputs


def test_equals_scipy() -> None:
    train, new = three_classes(), strangers()
    features, labels = arrays(train)
    means, _ = within(features, labels)
    covariance = shared_covariance(features, labels)
    between = np.cov(means.T, bias=True)  # classes of equal size
    near, background = np.linalg.inv(covariance), np.linalg.inv(covariance + between)
    expected = [
        min(mahalanobis(row, mean, near) ** 2 for mean in means)
        - mahalanobis(row, features.mean(0), background) ** 2
        for row in arrays(new)[0]
    ]
    detector = RelativeMahalanobis()
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-3)


def test_common_directions_are_forgiven() -> None:
    # Classes differ along the first of 2 features; the usual examples vary along both.
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    features = torch.randn(400, 2, generator=source)
    features[:, 0] += 20.0 * labels
    train = Outputs(features=features, labels=labels)
    between, common = torch.tensor([10.0, 0.0]), torch.tensor([0.0, 15.0])
    new = Outputs(features=torch.stack([between, common]))
    plain = Mahalanobis()
    first, second = plain.score(plain.fit(train), new)
    assert second > first
    relative = RelativeMahalanobis()
    first, second = relative.score(relative.fit(train), new)
    assert first > 10 * second
