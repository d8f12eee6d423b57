from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from scipy.special import logsumexp
from sklearn.preprocessing import normalize

from gengap.base.errors import UsageError
from gengap.detectors.nnguide import NNGuide
from gengap.models.outputs import Outputs


def with_logits(outputs: Outputs) -> Outputs:
    assert outputs.features is not None
    return Outputs(features=outputs.features, logits=outputs.features[:, :3].abs())


@pytest.mark.parametrize("k", [1, 10, 1000])
def test_equals_sorting(k: int) -> None:
    train, new = with_logits(three_classes()), with_logits(strangers())
    assert train.logits is not None
    assert new.logits is not None
    energies = logsumexp(train.logits.double().numpy(), axis=1)
    guides = normalize(arrays(new)[0]) @ (normalize(arrays(train)[0]) * energies[:, None]).T
    guidance = np.sort(guides, axis=1)[:, ::-1][:, :k].mean(1)
    expected = -logsumexp(new.logits.double().numpy(), axis=1) * guidance
    detector = NNGuide(k=k)
    found = detector.score(detector.fit(train), new)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_confident_row_without_neighbours_is_strange() -> None:
    features = torch.tensor([[1.0, 0.1], [1.0, 0.0], [1.0, -0.1]])
    train = Outputs(features=features, logits=torch.full((3, 2), 5.0))
    new = Outputs(features=torch.tensor([[1.0, 0.0], [0.0, 1.0]]), logits=torch.full((2, 2), 9.0))
    detector = NNGuide(k=2)
    near, far = detector.score(detector.fit(train), new)
    assert far > near


def test_log_probabilities_are_refused() -> None:
    train = with_logits(three_classes())
    assert train.logits is not None
    train = Outputs(features=train.features, logits=train.logits.log_softmax(1))
    with pytest.raises(UsageError, match="log-probabilities"):
        NNGuide().fit(train)
