from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import (
    arrays,
    drawn,
    likeliest,
    shared_covariance,
    strangers,
    three_classes,
    within,
)
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gengap.detectors.density import Density
from gengap.models.outputs import Outputs


def test_equals_scipy() -> None:
    # Classes of 60, 30 and 30: shares must count.
    train, new = three_classes(120), strangers()
    assert train.labels is not None
    keep = torch.cat(
        [torch.arange(120)[train.labels == 0]] * 2 + [torch.arange(120)[train.labels > 0]]
    )
    train = train.rows(keep)
    features, labels = arrays(train)
    means, centred = within(features, labels)
    pooled = shared_covariance(features, labels)
    further = likeliest(features, labels, pooled, own=True)
    parts = []
    for c, mean in enumerate(means):
        own = centred[labels == c]
        covariance = drawn(own.T @ own, len(own) - 1, pooled, further)
        density = multivariate_normal(mean, covariance).logpdf(arrays(new)[0])
        parts.append(np.log(len(own) / len(labels)) + density)
    detector = Density()
    found = detector.score(detector.fit(train), new)
    np.testing.assert_allclose(found, -logsumexp(parts, axis=0), rtol=1e-4)


def test_regression_is_one_gaussian() -> None:
    train, new = three_classes(), strangers()
    features, _ = arrays(train)
    train = Outputs(features=train.features, labels=torch.linspace(0, 1, len(features)))
    centred = features - features.mean(0)
    n, one = len(features), np.zeros(len(features))
    pooled = shared_covariance(features, one)
    further = likeliest(features, one, pooled, own=True)
    covariance = drawn(centred.T @ centred, n - 1, pooled, further)
    expected = -multivariate_normal(features.mean(0), covariance).logpdf(arrays(new)[0])
    detector = Density()
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-4)


def test_a_class_of_one_example_has_a_density() -> None:
    train = three_classes(61)
    assert train.labels is not None
    labels = torch.where(torch.arange(61) == 60, 3, train.labels)
    detector = Density()
    fitted = detector.fit(Outputs(features=train.features, labels=labels))
    assert torch.isfinite(detector.score(fitted, strangers())).all()


def test_a_wider_class_is_less_strange_at_the_same_distance() -> None:
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    features = torch.randn(400, 1, generator=source) * torch.where(labels == 0, 1.0, 5.0)[:, None]
    features += 100.0 * labels[:, None]
    detector = Density()
    fitted = detector.fit(Outputs(features=features, labels=labels))
    narrow, wide = detector.score(
        fitted, Outputs(features=torch.tensor([[-8.0], [108.0]]))
    ).tolist()
    assert narrow > wide + 10
    assert wide == pytest.approx(-np.log(0.5) + np.log(5 * (2 * np.pi) ** 0.5) + 1.28, abs=0.4)
