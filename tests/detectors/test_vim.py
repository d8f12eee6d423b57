from __future__ import annotations

import numpy as np
import torch
from distance_toys import FEATURES, arrays, strangers, three_classes
from scipy.special import softmax

from gengap.detectors.vim import ViM
from gengap.models.outputs import Head, Outputs


def test_score_is_the_log_odds_of_the_virtual_class() -> None:
    train, new = three_classes(), strangers()
    source = torch.Generator().manual_seed(1)
    head = Head(torch.randn(3, FEATURES, generator=source), torch.randn(3, generator=source))
    weight, bias = head.weight.double().numpy(), head.bias.double().numpy()
    origin = -np.linalg.pinv(weight) @ bias
    np.testing.assert_allclose(weight @ origin + bias, 0, atol=1e-12)

    _, sizes, directions = np.linalg.svd(arrays(train)[0] - origin)
    kept = int((np.cumsum(sizes**2) < 0.9 * np.sum(sizes**2)).sum()) + 1
    off = directions[kept:].T

    def residual(outputs: Outputs) -> np.ndarray:
        return np.linalg.norm((arrays(outputs)[0] - origin) @ off, axis=1)

    def logits(outputs: Outputs) -> np.ndarray:
        return arrays(outputs)[0] @ weight.T + bias

    scale = np.abs(logits(train).max(1)).sum() / residual(train).sum()
    virtual = scale * residual(new)
    probability = softmax(np.column_stack([logits(new), virtual]), axis=1)[:, -1]
    detector = ViM(explained=0.9)
    fitted = detector.fit(Outputs(features=train.features, head=head))
    found = detector.score(fitted, new).double().numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), probability, atol=1e-4)
    inside = (probability > 0.001) & (probability < 0.999)
    assert inside.sum() >= 3
