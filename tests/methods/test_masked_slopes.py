"""Slopes of a risk whose targets are in part missing are those that autograd finds."""

from __future__ import annotations

import pytest
import torch

from gengap.methods.batch import Batch, Context


@pytest.mark.parametrize("targets", [(), (5,), (2, 3)])
def test_slopes_are_those_of_autograd(targets):
    draw = torch.Generator().manual_seed(0)
    shape = (3, 2, 4, *targets)
    mask = torch.rand(shape, generator=draw) < 0.6
    mask[0, 1] = False  # no example of an environment, and
    mask[1, 0, 2] = False  # no target of an example
    if targets:
        mask[..., :2] = False  # nor any at the first places
    batch = Batch(
        x=torch.zeros(3, 2, 4, 1),
        y=torch.randint(6, shape, generator=draw),
        environment=torch.zeros(3, 2, dtype=torch.long),
        class_share=torch.zeros(3, 2, 0),
        step=0,
        context=Context("classification", 6, 2, 2, 1, 1),
        generators=[],
        mask=mask,
    )
    logits = torch.randn(*shape, 6, generator=draw, dtype=torch.float64).requires_grad_()
    (wanted,) = torch.autograd.grad(batch.risks(logits).mean(1).sum(), logits)
    torch.testing.assert_close(batch.slopes(logits), wanted, atol=1e-7, rtol=1e-6)
