from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, shared_covariance, strangers, three_classes, within
from scipy import linalg

from gengap.detectors.whitened_lda import WhitenedLDA
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_equals_the_generalised_eigenvectors(weight: float) -> None:
    train, new = three_classes(), strangers()
    features, labels = arrays(train)
    means, _ = within(features, labels)
    spread = shared_covariance(features, labels)
    between = np.cov(means.T, bias=True)  # classes of equal size
    _, vectors = linalg.eigh(between, spread)  # vectors' S vectors = 1
    rows = arrays(new)[0]
    apart = (rows[:, None] - means) @ vectors[:, -2:]
    rest = (rows - features.mean(0)) @ vectors[:, :-2]
    expected = np.linalg.norm(apart, axis=2).min(1) + weight * np.linalg.norm(rest, axis=1)
    detector = WhitenedLDA(residual_weight=weight)
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-4)


def test_classes_that_do_not_differ_leave_only_the_residual() -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    train = Outputs(
        features=torch.cat([rows, rows]), labels=torch.tensor([0, 1]).repeat_interleave(4)
    )
    detector = WhitenedLDA(residual_weight=1.0)
    fitted = detector.fit(train)
    assert fitted["means"].shape == (2, 0)
    # Of 8 examples less 2 means, with a scatter of 4 along each coordinate: a variance of 2/3.
    scores = detector.score(fitted, Outputs(features=torch.tensor([[3.0, 4.0]])))
    torch.testing.assert_close(scores, torch.tensor([5 * 1.5**0.5]))
