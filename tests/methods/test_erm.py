from __future__ import annotations

import pytest
import torch
from toys import TASKS, assert_run_close, environment_risks, gradient, single, toy

from gengap.methods.erm import ERM


@pytest.mark.parametrize("task", TASKS)
def test_gradient_is_that_of_a_single_network(task: str) -> None:
    problem = toy([ERM()] * 3, task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run in range(3):
        network = single(problem, run)
        risk = torch.stack(environment_risks(network, batch, run)).mean()
        assert_run_close(found, gradient(network, risk), run)
