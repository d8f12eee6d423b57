from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from sklearn.decomposition import PCA

from gengap.detectors.residual import Residual
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("explained", [0.6, 0.9, 0.95])
def test_equals_the_reconstruction_error_of_principal_components(explained: float) -> None:
    train, new = three_classes(), strangers()
    components = PCA(explained, svd_solver="full").fit(arrays(train)[0])
    rows = arrays(new)[0]
    expected = np.linalg.norm(
        rows - components.inverse_transform(components.transform(rows)), axis=1
    )
    detector = Residual(explained=explained)
    fitted = detector.fit(train)
    assert fitted["residual"].shape[1] == 6 - components.n_components_
    np.testing.assert_allclose(detector.score(fitted, new), expected, rtol=1e-4)


def test_plane_by_hand() -> None:
    # The examples lie on z = 1, so what remains of a row is its distance from that plane.
    flat = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    train = Outputs(features=torch.nn.functional.pad(flat, (0, 1), value=1.0))
    new = Outputs(features=torch.tensor([[5.0, -7.0, 4.0], [0.0, 100.0, 1.0]]))
    detector = Residual()
    scores = detector.score(detector.fit(train), new)
    torch.testing.assert_close(scores, torch.tensor([3.0, 0.0]), atol=1e-3, rtol=1e-4)


def test_one_feature_leaves_the_distance_from_the_mean() -> None:
    detector = Residual()
    fitted = detector.fit(Outputs(features=torch.tensor([[1.0], [3.0]])))
    assert detector.score(fitted, Outputs(features=torch.tensor([[7.0]]))).tolist() == [5.0]
