from __future__ import annotations

import pytest
import torch
from toys import TASKS, Size, toy

from gengap.methods.averaging import Averaging
from gengap.methods.erm import ERM

SIZE = Size(steps=10)
STARTS = (0.0, 0.5, 1.0)
FIRST = (1, 5, 10)  # the first step that enters each mean


@pytest.mark.parametrize("task", TASKS)
def test_prediction_is_the_plain_mean_at_every_checkpoint(task: str) -> None:
    setting = {"learning_rate": 0.1}
    problem = toy([Averaging(start=s, **setting) for s in STARTS], task, size=SIZE)
    plain = toy([ERM(**setting)] * 3, task, size=SIZE)
    path: list[dict[str, torch.Tensor]] = []
    for step, batch in enumerate(problem.batches, start=1):
        for each in (problem, plain):
            each.method.update(each.network, each.optimizer, batch, each.state)
        path.append({k: p.detach().clone() for k, p in plain.network.parameters.items()})
        predicting = problem.predicting()
        for run, first in enumerate(FIRST):
            window = path[min(first, step) - 1 :]
            for name, value in predicting.items():
                mean = torch.stack([at[name][run] for at in window]).double().mean(0).float()
                torch.testing.assert_close(value[run], mean, rtol=1e-7, atol=1e-9)


def test_constant_weights_average_to_themselves() -> None:
    problem = toy([Averaging(start=0.0, learning_rate=0.0)], size=SIZE)
    before = {k: p.detach().clone() for k, p in problem.network.parameters.items()}
    for name, value in problem.train().items():
        assert torch.equal(value, before[name])


def test_training_is_that_of_plain_training() -> None:
    averaged, plain = toy([Averaging()] * 2, size=SIZE), toy([ERM()] * 2, size=SIZE)
    averaged.train()
    plain.train()
    for name, value in plain.network.parameters.items():
        assert torch.equal(averaged.network.parameters[name], value)
