from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from toys import (
    Size,
    assert_run_close,
    erm_gradients,
    example_losses,
    gradient,
    single,
    toy,
)

from gengap.methods.balanced import Balanced, class_weights


def test_weights_by_hand() -> None:
    # Three of four examples in class 0 and one in class 1; class 2 occurs elsewhere only.
    share = torch.tensor([[[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]])
    expected = torch.tensor([[[2 / 3, 2.0, 0.0], [0.0, 0.0, 1.0]]])
    torch.testing.assert_close(class_weights(share), expected)


def test_weights_are_scikit_learns_and_average_to_one() -> None:
    y = np.random.default_rng(0).choice(5, 200, p=[0.6, 0.2, 0.1, 0.07, 0.03])
    share = torch.from_numpy(np.bincount(y) / 200).float()
    weights = class_weights(share[None, None])[0, 0]
    expected = compute_class_weight("balanced", classes=np.arange(5), y=y)
    torch.testing.assert_close(weights, torch.from_numpy(expected).float())
    assert float(weights[torch.from_numpy(y)].mean()) == pytest.approx(1)


def test_gradient_by_loops() -> None:
    problem = toy([Balanced()] * 3, size=Size(environments=5, slots=3, pool=9, classes=4))
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run in range(3):
        network, losses = single(problem, run), []
        for slot, x, y in zip(batch.environment[run], batch.x[run], batch.y[run], strict=True):
            share = batch.class_share[run, slot]
            occurring = int((share > 0).sum())
            losses += [
                loss / (occurring * share[c])
                for loss, c in zip(example_losses(network(x), y), y, strict=True)
            ]
        assert_run_close(found, gradient(network, torch.stack(losses).mean()), run)


def test_equal_shares_are_plain_training() -> None:
    problem = toy([Balanced()] * 3)
    batch = problem.batches[0]
    batch.class_share.fill_(1 / 3)
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)
