from __future__ import annotations

import pytest
import torch
from torch import nn
from toys import TASKS, Size, environment_risks, erm_gradients, single, toy

from gengap.methods.low_rank import LowRank, at_once, weights_in
from gengap.models.networks import architecture


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


class Tokens(nn.Module):
    """Reads rows and columns of a picture as further examples."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.reads, self.answers = nn.Linear(shape[-1], 4), nn.Linear(4, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.reads(x.reshape(-1, x.shape[-1])).relu()
        return self.answers(hidden.view(len(x), -1, 4).mean(1))


class Depthwise(nn.Module):
    """Filters that each read a channel of their own."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.reads = nn.Conv2d(shape[0], 4, 3, groups=shape[0])
        self.answers = nn.Linear(4, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answers(self.reads(x).relu().flatten(2).mean(2))


@pytest.mark.parametrize(
    ("model", "shape", "once"),
    [
        ("cnn", (2, 6, 6), True),
        ("cnn(4,8,norm=group)", (2, 9), True),
        ("mlp(8,norm=layer)", (5,), True),
        (lambda shape, outputs: nn.Sequential(nn.Linear(5, 4, bias=False), nn.Tanh(), nn.Flatten(),
                                              nn.Linear(12, outputs)), (3, 5), True),
        (Tokens, (2, 3, 5), False),
        (Depthwise, (2, 5, 5), False),
    ],
)  # fmt: skip
def test_one_pass_of_a_module_is_as_one_for_each_environment(model, shape, once) -> None:
    problem = toy([LowRank()], size=Size(shape=shape), architecture=architecture(model))
    own, batch = problem.network.parameters, problem.batches[0]
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name in own:
            if name.endswith(".amounts"):
                own[name].copy_(torch.randn(own[name].shape, generator=draw))
    module = problem.network.architecture._module
    risks = []
    for slot in range(3):
        part = batch.only(slot)
        weights = weights_in(own, part.environment[:, 0])
        mine = {name: weights[name][0] for name, _ in module.named_parameters()}
        logits = torch.func.functional_call(module, mine, (part.x[0, 0],))
        risks.append(nn.functional.cross_entropy(logits, part.y[0, 0]))
    amounts = [p.square().sum() for name, p in own.items() if name.endswith(".amounts")]
    expected = torch.stack(risks).mean() + 0.01 * sum(amounts)
    assert at_once(problem.network, batch.x[0, 0]) == once
    before = problem.network.examples
    found = problem.method.loss(problem.network, batch, {})[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert problem.network.examples - before == batch.y.numel()
    assert module.training
    one, other = (
        torch.autograd.grad(v, list(own.values()), allow_unused=True, retain_graph=True)
        for v in (found, expected)
    )
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
