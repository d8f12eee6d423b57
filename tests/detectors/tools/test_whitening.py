from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, three_classes
from sklearn.covariance import ledoit_wolf

from gengap.base.errors import UsageError
from gengap.detectors.tools.training import classes_of, training_features
from gengap.detectors.tools.whitening import (
    fit_whitening,
    inverse_root,
    nearest_squared,
    shrunk_covariance,
    whiten,
)
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("shape", [(40, 6), (5, 12), (2, 3)])
@pytest.mark.parametrize("scale", [1.0, 1e80])
def test_shrinkage_is_that_of_scikit_learn(shape: tuple[int, int], scale: float) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=shape) * np.arange(1, shape[1] + 1)
    expected, _ = ledoit_wolf(rows, assume_centered=True)
    found = shrunk_covariance(torch.tensor(rows * scale)).numpy() / scale**2
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_whitened_rows_have_the_identity_as_covariance() -> None:
    features, _ = arrays(three_classes(3000))
    rows = torch.tensor(features)
    fitted = fit_whitening(rows, rows - rows.mean(0))
    z = whiten(rows.float(), fitted).double().numpy()
    np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(6), atol=0.02)


def test_directions_without_variance_are_floored() -> None:
    # Eigenvalues 4, 2 and 0: the last becomes a millionth of their mean, 2.
    matrix, logarithm = inverse_root(torch.diag(torch.tensor([4.0, 2.0, 0.0])), torch.tensor(1.0))
    lengths = torch.sort(matrix.norm(dim=0)).values
    torch.testing.assert_close(lengths, torch.tensor([1 / 2, 0.5**0.5, 2e-6**-0.5]))
    assert float(logarithm) == pytest.approx(np.log(8 * 2e-6), rel=1e-5)


def test_no_variance_at_all_leaves_units() -> None:
    matrix, _ = inverse_root(torch.zeros(2, 2), torch.tensor(0.0))
    torch.testing.assert_close(matrix.abs(), torch.eye(2))


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
