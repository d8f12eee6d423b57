from __future__ import annotations

import torch
from toys import toy

from gengap.methods.adam_to_sgd import AdamToSGD, Switching
from gengap.methods.adamw import AdamW
from gengap.methods.erm import ERM


def vector(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_it_never_switches_without_tolerance() -> None:
    problem, plain = toy([AdamToSGD(tolerance=0.0)] * 2), toy([ERM()] * 2)
    found = problem.train()
    for name, value in plain.train().items():
        torch.testing.assert_close(found[name], value)


def test_the_rate_by_hand() -> None:
    # Adam's first step is rate times the gradient's signs: p = -(r, r), g = (3, 1), so
    # p'p / -p'g = 2 r² / (4 r) = r / 2.
    parameters = {"w": torch.tensor([[1.0, 1.0]], requires_grad=True)}
    optimizer = Switching(parameters, vector(0.1), vector(0.0), vector(0.01))
    optimizer.step({"w": torch.tensor([[3.0, 1.0]])})
    torch.testing.assert_close(optimizer.rate.float(), vector(0.05))
    assert not optimizer.switched.any()  # one step tells nothing


def test_a_constant_gradient_switches_at_the_second_step_and_goes_on_as_sgd() -> None:
    parameters = {"w": torch.tensor([[1.0, 1.0], [1.0, 1.0]], requires_grad=True)}
    optimizer = Switching(parameters, vector(0.1, 0.1), vector(0.0, 0.0), vector(0.01, 0.0))
    slope = torch.tensor([[3.0, 1.0], [3.0, 1.0]])
    for _ in range(2):
        optimizer.step({"w": slope})
    assert optimizer.switched.tolist() == [True, False]
    before = parameters["w"].detach().clone()
    for count in (1, 2):
        optimizer.step({"w": slope})
        # v = g, then 0.9 g + g; each step moves by a tenth of the rate 0.05 times v.
        wanted = before[0] - 0.1 * 0.05 * slope[0] * (1 if count == 1 else 1.9)
        torch.testing.assert_close(parameters["w"][0].detach(), wanted, rtol=1e-4, atol=1e-6)
        before = parameters["w"].detach().clone()


def test_the_run_that_stays_is_adam() -> None:
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(2, 4, generator=draw)
    both = {"w": start.clone().requires_grad_()}
    alone = {"w": start.clone().requires_grad_()}
    rates, decay = vector(0.1, 0.1), vector(0.01, 0.01)
    switching = Switching(both, rates, decay, vector(1e9, 0.0))
    adam = AdamW(alone, rates, decay)
    for _ in range(5):
        slope = torch.randn(2, 4, generator=draw)
        switching.step({"w": slope})
        adam.step({"w": slope})
    assert switching.switched.tolist() == [True, False]
    assert torch.equal(both["w"][1], alone["w"][1])
    assert not torch.equal(both["w"][0], alone["w"][0])


def test_a_reset_run_begins_with_adam_again() -> None:
    parameters = {"w": torch.ones(2, 3, requires_grad=True)}
    optimizer = Switching(parameters, vector(0.1, 0.1), vector(0.0, 0.0), vector(0.1, 0.1))
    for _ in range(3):
        optimizer.step({"w": torch.ones(2, 3)})
    optimizer.reset(torch.tensor([True, False]))
    assert optimizer.switched.tolist() == [False, True]
    assert optimizer.steps.tolist() == [0.0, 2.0]
