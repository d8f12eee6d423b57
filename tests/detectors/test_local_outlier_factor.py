from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import neighbors

from gengap.detectors.local_outlier_factor import LocalOutlierFactor
from gengap.models.outputs import Outputs


def features(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("rows", "width", "k"), [(500, 8, 20), (30, 2, 5), (12, 3, 50)])
def test_agrees_with_scikit_learn(rows: int, width: int, k: int) -> None:
    known, new = features(rows, width), 2 * features(300, width, seed=1)
    detector = LocalOutlierFactor(neighbours=k)
    scores = detector.score(detector.fit(Outputs(features=known)), Outputs(features=new))
    reference = neighbors.LocalOutlierFactor(n_neighbors=min(k, rows - 1), novelty=True)
    expected = -reference.fit(known.double().numpy()).score_samples(new.double().numpy())
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_copies_agree_with_scikit_learn() -> None:
    known = torch.cat([torch.zeros(10, 2), features(40, 2)])
    detector = LocalOutlierFactor(neighbours=5)
    new = features(20, 2, seed=1)
    scores = detector.score(detector.fit(Outputs(features=known)), Outputs(features=new))
    reference = neighbors.LocalOutlierFactor(n_neighbors=5, novelty=True).fit(known.numpy())
    np.testing.assert_allclose(scores, -reference.score_samples(new.numpy()), rtol=1e-4)


def test_value_worked_by_hand() -> None:
    # One neighbour each: 0 and 1 are 1 apart, so reach and density are 1; 3 is 2 from 1.
    detector = LocalOutlierFactor(neighbours=1)
    fitted = detector.fit(Outputs(features=torch.tensor([[0.0], [1.0], [3.0]])))
    assert fitted["reach"].tolist() == [1, 1, 2]
    assert fitted["density"].tolist() == pytest.approx([1, 1, 0.5])
    # From 5 the neighbour is 3, at distance 2: density 0.5, the same as there. From -4 it is 0.
    new = Outputs(features=torch.tensor([[5.0], [-4.0]]))
    assert detector.score(fitted, new).tolist() == pytest.approx([1, 4])


def test_what_is_strange_depends_on_the_density_around() -> None:
    dense, sparse = features(200, 2) / 20, 10 + features(200, 2, seed=1)
    detector = LocalOutlierFactor()
    fitted = detector.fit(Outputs(features=torch.cat([dense, sparse])))
    beside_dense, in_sparse = torch.tensor([[0.6, 0.6], [10.5, 10.5]])
    strange, usual = detector.score(
        fitted, Outputs(features=torch.stack([beside_dense, in_sparse]))
    )
    assert strange > 3 * usual
