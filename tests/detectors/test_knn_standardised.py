from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from gengap.detectors.knn_standardised import KNNStandardised
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("k", [1, 10, 1000])
def test_equals_scikit_learn(k: int) -> None:
    train, new = three_classes(), strangers()
    scaler = StandardScaler().fit(arrays(train)[0])
    search = NearestNeighbors(n_neighbors=min(k, 90)).fit(scaler.transform(arrays(train)[0]))
    expected = search.kneighbors(scaler.transform(arrays(new)[0]))[0][:, -1]
    detector = KNNStandardised(k=k)
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-5)


def test_features_that_never_vary() -> None:
    # The second feature is always 5 and the third always 0: their units are 5 and 1.
    train = Outputs(features=torch.tensor([[-1.0, 5.0, 0.0], [1.0, 5.0, 0.0]]))
    detector = KNNStandardised(k=1)
    new = Outputs(features=torch.tensor([[1.0, 10.0, 0.0], [-1.0, 5.0, 3.0]]))
    torch.testing.assert_close(detector.score(detector.fit(train), new), torch.tensor([1.0, 3.0]))


def test_length_counts() -> None:
    train = three_classes()
    assert train.features is not None
    detector = KNNStandardised()
    fitted = detector.fit(train)
    far = detector.score(fitted, Outputs(features=train.features * 40))
    assert far.min() > detector.score(fitted, train).max()
