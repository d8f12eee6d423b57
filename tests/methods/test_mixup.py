from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import (
    TASKS,
    Fixed,
    assert_run_close,
    batch_of,
    erm_gradients,
    example_losses,
    gradient,
    single,
    stacked,
    toy,
)

from gengap.base.seeds import generator
from gengap.methods.mixup import Mixup, draw_blends


def test_squared_error_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # Predictions 0; targets 1 and 3 blended 3:1 and 1:1, each way round.
    share = torch.tensor([[[0.75], [0.5]]])
    monkeypatch.setattr(
        "gengap.methods.mixup.draw_blends", lambda *_: (torch.tensor([[1, 0]]), share)
    )
    batch = batch_of(torch.tensor([[[1.0], [3.0]]]))
    loss = stacked([Mixup()]).loss(Fixed(torch.zeros(1, 2, 1, 1)), batch, {})
    first, second = 0.75 * 1 + 0.25 * 9, 0.5 * 9 + 0.5 * 1
    torch.testing.assert_close(loss, torch.tensor([(first + second) / 2]))


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_loops_over_examples(task: str) -> None:
    alphas = (0.2, 1.0, 8.0)
    problem = toy([Mixup(alpha=a) for a in alphas], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, alpha in enumerate(alphas):
        network, draw = single(problem, run), generator(run, "toy method")
        cycle = draw.permutation(3).tolist()
        share = draw.beta(np.float32(alpha), np.float32(alpha), (3, 6))
        losses = []
        for slot in range(3):
            other = cycle[(cycle.index(slot) + 1) % 3]
            for k in range(6):
                blend = float(share[slot, k])
                x = blend * batch.x[run, slot, k] + (1 - blend) * batch.x[run, other, k]
                y, y_other = batch.y[run, slot, k], batch.y[run, other, k]
                said = network(x[None])
                if task == "regression":
                    # Against the blended target: another loss, the same gradient.
                    target = blend * y + (1 - blend) * y_other
                    losses.append(example_losses(said, target[None]))
                    continue
                losses.append(
                    blend * example_losses(said, y[None])
                    + (1 - blend) * example_losses(said, y_other[None])
                )
        assert_run_close(found, gradient(network, torch.stack(losses).mean()), run)


def test_partners_are_other_environments_and_shares_are_beta() -> None:
    alphas = torch.tensor([0.2, 1.0, 5.0])
    batch = batch_of(torch.zeros(3, 5, 2000))
    partner, share = draw_blends(alphas, batch)
    for own in partner.tolist():
        assert sorted(own) == [0, 1, 2, 3, 4]
        assert all(a != b for a, b in enumerate(own))
    torch.testing.assert_close(share.mean((1, 2)), torch.full((3,), 0.5), rtol=0, atol=0.02)
    expected = 1 / (4 * (2 * alphas + 1))  # the variance of Beta(a, a)
    torch.testing.assert_close(share.var((1, 2)), expected, rtol=0.05, atol=0)


def test_all_partners_occur() -> None:
    batch = batch_of(torch.zeros(1, 3, 1))
    drawn = {tuple(draw_blends(torch.ones(1), batch)[0][0].tolist()) for _ in range(50)}
    assert drawn == {(1, 2, 0), (2, 0, 1)}


def test_alpha_zero_is_plain_training() -> None:
    problem = toy([Mixup(alpha=0)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)


def test_small_alpha_blends_nothing() -> None:
    _, share = draw_blends(torch.tensor([1e-4]), batch_of(torch.zeros(1, 4, 500)))
    blended = torch.minimum(share, 1 - share) > 1e-3
    assert float(blended.float().mean()) < 0.01
    assert 0.4 < float(share.mean()) < 0.6
