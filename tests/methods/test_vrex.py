from __future__ import annotations

import math

import pytest
import torch
from toys import (
    TASKS,
    Fixed,
    assert_run_close,
    batch_of,
    environment_risks,
    erm_gradients,
    gradient,
    single,
    stacked,
    toy,
)

from gengap.methods.vrex import VREx


def test_three_environments_by_hand() -> None:
    # Risks 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 3 = 14/3.
    logits = torch.tensor([1.0, math.sqrt(2.0), math.sqrt(6.0)]).view(1, 3, 1, 1)
    logits = logits.expand(2, 3, 1, 1)
    method = stacked([VREx(penalty=0.5, anneal=0), VREx(penalty=6, anneal=0)])
    loss = method.loss(Fixed(logits), batch_of(torch.zeros(2, 3, 1)), {})
    torch.testing.assert_close(loss, torch.tensor([3 + 7 / 3, (3 + 28) / 6]))


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_loops(task: str) -> None:
    penalties = (0.5, 4.0, 100.0)
    problem = toy([VREx(penalty=p, anneal=0) for p in penalties], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, weight in enumerate(penalties):
        network = single(problem, run)
        risks = environment_risks(network, batch, run)
        pairs = [(a - b) ** 2 for a in risks for b in risks]  # twice the variance on average
        loss = (sum(risks) / 3 + weight * sum(pairs) / 18) / max(weight, 1)
        assert_run_close(found, gradient(network, loss), run)


@pytest.mark.parametrize("setting", [{"penalty": 0.0, "anneal": 0.0}, {"anneal": 0.9}])
def test_without_penalty_it_is_plain_training(setting: dict[str, float]) -> None:
    problem = toy([VREx(**setting)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)
