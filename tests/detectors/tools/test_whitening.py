from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import FURTHER, arrays, drawn, three_classes, within
from scipy.stats import multivariate_normal

from gengap.base.errors import UsageError
from gengap.detectors.tools.training import classes_of, training_features
from gengap.detectors.tools.whitening import (
    fit_whitening,
    left_out,
    nearest_squared,
    units,
    whiten,
)
from gengap.models.outputs import Outputs


def test_whitened_rows_have_the_identity_as_covariance() -> None:
    train = three_classes(3000)
    codes = classes_of(train)
    fitted = fit_whitening(training_features(train), codes)
    z = (whiten(training_features(train), fitted) - fitted["means"][codes]).double().numpy()
    np.testing.assert_allclose(z.T @ z / (3000 - 3), np.eye(6), atol=0.02)


@pytest.mark.parametrize("scale", [2.0**-80, 2.0**80])
def test_the_largest_and_the_smallest_features_are_whitened_alike(scale: float) -> None:
    rows, codes = training_features(three_classes()), classes_of(three_classes())
    found = whiten(rows * scale, fit_whitening(rows * scale, codes))
    torch.testing.assert_close(found.abs(), whiten(rows, fit_whitening(rows, codes)).abs())


def test_a_feature_that_never_varies_has_the_spread_of_the_others() -> None:
    # Spreads 1 and 3 in two features, so the third gets the root of their mean square.
    found = units(torch.tensor([1.0, 9.0, 0.0]).double(), torch.tensor([0.0, 0.0, 49.0]))
    torch.testing.assert_close(found, torch.tensor([1.0, 3.0, 5**0.5]).double())


def test_each_example_left_out_has_the_density_that_scipy_gives_it() -> None:
    features, labels = arrays(three_classes(30))
    _, centred = within(features, labels)
    scatter = centred.T @ centred
    values, vectors = np.linalg.eigh(scatter)
    found = left_out(
        torch.tensor(values),
        torch.tensor(centred @ vectors),
        torch.tensor([10] * 30),
        freedom=27,
    )
    for place in (4, 14):
        total = 0.0
        for i, row in enumerate(features):
            means, rest = within(np.delete(features, i, 0), np.delete(labels, i))
            covariance = drawn(rest.T @ rest, 26, np.eye(6), FURTHER[place])
            total += multivariate_normal(means[labels[i]], covariance).logpdf(row)
        constant = 30 * 6 * np.log(2 * np.pi) / 2
        assert float(found[place]) == pytest.approx(total + constant, rel=1e-9)


def test_small_distances_between_far_points_keep_their_digits() -> None:
    points = torch.tensor([[3000.0, 0.0], [0.0, 4000.0]])
    rows = points + torch.tensor([0.25, 0.0])
    assert nearest_squared(rows, points).tolist() == [0.0625, 0.0625]


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (Outputs(features=torch.empty(0, 2)), "at least one training example"),
        (Outputs(features=torch.tensor([[1.0, float("nan")]])), "NaN"),
    ],
)
def test_bad_training_features(train: Outputs, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        training_features(train)


def test_one_class_is_too_few() -> None:
    with pytest.raises(UsageError, match="at least 2 classes; it got 1"):
        classes_of(Outputs(labels=torch.tensor([4, 4])))
