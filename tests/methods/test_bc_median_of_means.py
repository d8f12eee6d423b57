from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import Fixed, batch_of, stacked

from gengap.methods.bc_median_of_means import MedianOfMeansBC, blocks, middle


def test_the_middle_half_by_hand() -> None:
    means = torch.tensor([[9.0, 1.0, 2.0, 5.0, torch.inf], [4.0, 100.0, torch.inf, 2.0, torch.inf]])
    # Of four the second and third; of three nothing can be left aside.
    torch.testing.assert_close(middle(means), torch.tensor([3.5, 106 / 3]))


def test_blocks_share_out_all_losses_at_random() -> None:
    losses = torch.arange(10.0).repeat(3, 1)
    draws = [np.random.default_rng(0) for _ in range(3)]
    found = blocks(losses, torch.tensor([1, 2, 4]), draws)
    assert sorted(found[0].tolist()) == losses[0].tolist()
    pairs, fours = found[1][:5], found[2][:3]
    assert torch.isinf(found[1][5:]).all()
    assert pairs.sum() * 2 == losses[0].sum()
    assert 4 * (fours[0] + fours[1]) + 2 * fours[2] == losses[0].sum()
    order = np.random.default_rng(0).permutation(10)
    assert pairs[0] == losses[0][order // 2 == 0].mean()


def test_wrong_demonstrations_do_not_move_it() -> None:
    """Of 40 values of 1, five are 1,000: the mean is 126, the middle half stays near 1."""
    y = torch.ones(2, 1, 40)
    y[:, :, ::8] = 1000
    said = torch.zeros(2, 1, 40, 1, requires_grad=True)
    method, batch = stacked([MedianOfMeansBC(block=b) for b in (1, 2)]), batch_of(y)
    slopes = torch.autograd.grad(method.loss(Fixed(said), batch, {}).sum(), said)[0]
    assert slopes[y[..., None] == 1000].abs().max() == 0
    torch.testing.assert_close(slopes.sum((1, 2, 3)), torch.tensor([-2.0, -2.0]))
    assert float(batch.losses(said.detach()).mean()) == pytest.approx(125_000, rel=0.01)
