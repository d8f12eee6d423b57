from __future__ import annotations

import pytest
import torch
from toys import TASKS, assert_run_close, environment_risks, gradient, single, toy

from gengap.methods.squared_error import SquaredError


@pytest.mark.parametrize("task", TASKS)
def test_gradient_is_that_of_pytorchs_squared_error(task: str) -> None:
    problem = toy([SquaredError()] * 3, task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run in range(3):
        network = single(problem, run)
        if task == "regression":
            loss = torch.stack(environment_risks(network, batch, run)).mean()
        else:
            logits = network(batch.x[run].flatten(0, 1))
            wanted = torch.nn.functional.one_hot(batch.y[run].flatten(), logits.shape[-1]).float()
            mean = torch.nn.functional.mse_loss(logits, wanted)
            loss = mean * logits.shape[-1]
        assert_run_close(found, gradient(network, loss), run)
