"""Penalties that start at each run's own step, and the optimizer's restart there."""

from __future__ import annotations

import pytest
import torch
from toys import Size, Toy, assert_run_close, environment_risks, parameters_of, single, toy

from gengap.methods.annealing import annealed, onset
from gengap.methods.erm import ERM
from gengap.methods.fishr import Fishr
from gengap.methods.irm import IRM
from gengap.methods.vrex import VREx

SIZE = Size(steps=10)


def test_onset_by_hand() -> None:
    problem = toy([ERM()], size=SIZE)
    shares = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert onset(shares, problem.batches[0]).tolist() == [0, 2, 5, 10]
    weights = [annealed(7.0, shares, batch).tolist() for batch in problem.batches]
    assert weights[0] == [7, 0, 0, 0]
    assert weights[4] == [7, 7, 0, 0]
    assert weights[9] == [7, 7, 7, 0]


def test_runs_restart_at_their_own_onset_as_they_would_alone() -> None:
    settings = [(0.2, 20.0), (0.5, 0.5), (0.0, 5.0)]
    methods = [
        VREx(penalty=p, anneal=a, learning_rate=1e-2, weight_decay=1e-2) for a, p in settings
    ]
    problem = toy(methods, size=SIZE)
    alone = [vrex_by_torch(problem, run, *setting) for run, setting in enumerate(settings)]
    problem.train()
    for run, expected in enumerate(alone):
        assert_run_close(problem.network.parameters, expected, run, 1e-4)


def vrex_by_torch(problem: Toy, run: int, share: float, penalty: float) -> dict[str, torch.Tensor]:
    """One network, PyTorch's AdamW, made anew at the onset."""
    network = single(problem, run)

    def fresh() -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)

    optimizer, start = fresh(), round(share * SIZE.steps)
    for step, batch in enumerate(problem.batches):
        if step == start:
            optimizer = fresh()
        risks = torch.stack(environment_risks(network, batch, run))
        loss = risks.mean()
        if step >= start:
            loss = (loss + penalty * risks.var(correction=0)) / max(penalty, 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return parameters_of(network)


@pytest.mark.parametrize("method", [IRM, VREx, Fishr])
def test_penalty_zero_is_plain_training_throughout(method: type) -> None:
    penalised = toy([method(penalty=0)] * 2, size=SIZE).train()
    for name, value in toy([ERM()] * 2, size=SIZE).train().items():
        torch.testing.assert_close(penalised[name], value)


@pytest.mark.parametrize("method", [IRM, VREx, Fishr])
def test_restart_happens_once_and_only_where_due(method: type) -> None:
    problem = toy([method(anneal=a) for a in (0.0, 0.3, 1.0)], size=SIZE)
    counts = []
    for batch in problem.batches:
        problem.method.update(problem.network, problem.optimizer, batch, problem.state)
        counts.append(problem.optimizer.optimizer.steps.tolist())
    assert counts[2] == [3, 3, 3]
    assert counts[3] == [4, 1, 4]
    assert counts[-1] == [10, 7, 10]
