from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from toys import single, toy

from gengap.methods.label_augmentation import LabelAugmentation, transformed


def test_transformations_by_hand() -> None:
    row = torch.tensor([1.0, 2.0, 3.0])
    found = [transformed(row, way, 1).tolist() for way in range(4)]
    assert found == [[1, 2, 3], [3, 2, 1], [-1, -2, -3], [-3, -2, -1]]
    wide = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    found = [transformed(wide, way, 3)[0].tolist() for way in range(4)]
    assert found[1] == [[3, 2, 1], [6, 5, 4]]
    assert found[2] == [[4, 5, 6], [1, 2, 3]]
    assert found[3] == [[6, 5, 4], [3, 2, 1]]
    square = np.arange(4.0).reshape(1, 2, 2)
    for way in range(4):
        turned = transformed(torch.tensor(square), way, 3)[0]
        np.testing.assert_array_equal(turned, np.rot90(square[0], way))


def test_loss_and_prediction_by_single_networks() -> None:
    problem = toy([LabelAugmentation()] * 2)
    batch, own = problem.batches[0], problem.network.parameters
    found = problem.method.loss(problem.network, batch, {})
    said = problem.method.output(problem.network, batch.x)
    for run in range(2):
        features = single(problem, run)[:-1]
        x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
        views = [x, x.flip(1), -x, -x.flip(1)]
        logits = [features(v) @ own["head.weight"][run] + own["head.bias"][run] for v in views]
        losses = [F.cross_entropy(z, 4 * y + way) for way, z in enumerate(logits)]
        torch.testing.assert_close(found[run], torch.stack(losses).mean())
        for c in range(3):
            mean = sum(z[:, 4 * c + way] for way, z in enumerate(logits)) / 4
            torch.testing.assert_close(said.logits[run, ..., c].flatten(), mean)
