from __future__ import annotations

import torch
from toys import erm_gradients, toy

from gengap.methods.flooding import Flooding


def test_below_the_level_the_step_goes_uphill() -> None:
    problem = toy([Flooding(level=0.0), Flooding(level=100.0)])
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name][0], value[0])
        torch.testing.assert_close(found[name][1], -value[1])
    risk = batch.risks(problem.network(batch.x).logits).mean(1)
    loss = problem.method.loss(problem.network, batch, {})
    torch.testing.assert_close(loss, torch.stack([risk[0], 200 - risk[1]]))
