from __future__ import annotations

import pytest
import torch
from toys import TASKS, environment_risks, erm_gradients, single, toy

from gengap.methods.low_rank import LowRank, weights_in


def test_weights_by_hand() -> None:
    # W = 0, one direction (1, 2)' (3, 4), in environment 1 ten of it.
    parameters = {
        "w": torch.zeros(1, 2, 2),
        "own.w.amounts": torch.tensor([[[0.0], [10.0]]]),
        "own.w.rows": torch.tensor([[[1.0, 2.0]]]),
        "own.w.columns": torch.tensor([[[3.0, 4.0]]]),
    }
    found = weights_in(parameters, torch.tensor([1]))["w"]
    torch.testing.assert_close(found, torch.tensor([[[30.0, 40.0], [60.0, 80.0]]]))
    assert not weights_in(parameters, torch.tensor([0]))["w"].any()


@pytest.mark.parametrize("task", TASKS)
def test_it_begins_as_plain_training_and_then_learns_amounts(task: str) -> None:
    problem = toy([LowRank()] * 2, task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        if name.startswith(("weight", "bias")):
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
    assert found["own.weight0.amounts"].any()
    assert not found["own.weight0.rows"].any()


def test_every_environment_is_scored_under_its_own_weights() -> None:
    problem = toy([LowRank(own=0.5)])
    own = problem.network.parameters
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name in ("own.weight0.amounts", "own.weight1.amounts"):
            own[name].copy_(torch.randn(own[name].shape, generator=draw))
    batch, network = problem.batches[0], single(problem, 0)
    plain = {k: layer.weight.data.clone() for k, layer in ((0, network[0]), (1, network[2]))}
    risks = []
    for slot, environment in enumerate(batch.environment[0].tolist()):
        for k, layer in ((0, network[0]), (1, network[2])):
            u, a, b = (own[f"own.weight{k}.{p}"][0] for p in ("amounts", "rows", "columns"))
            change = sum(u[environment, r] * torch.outer(a[r], b[r]) for r in range(4))
            layer.weight.data = plain[k] + change.detach().T
        risks.append(environment_risks(network, batch, 0)[slot])
    amounts = [own[f"own.weight{k}.amounts"].square().sum() for k in (0, 1)]
    expected = torch.stack(risks).mean() + 0.5 * sum(amounts)
    found = problem.method.loss(problem.network, batch, {})
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-5)


def test_it_predicts_with_the_shared_weights() -> None:
    problem = toy([LowRank()])
    problem.train()
    shown, x = problem.predicting(), problem.batches[0].x
    logits = problem.method.output(problem.network.at(shown), x).logits
    torch.testing.assert_close(logits[0, 0], single(problem, 0)(x[0, 0]))
