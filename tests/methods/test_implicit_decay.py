from __future__ import annotations

import numpy as np
import torch
from toys import toy

from gengap.methods.implicit_decay import FIRST, ImplicitDecay, neumann
from gengap.models.networks import MLP


def test_the_series_inverts_by_hand() -> None:
    # H = 2, α = 1/4: 1/4 (1 + 1/2 + 1/4) of v = 4, where H⁻¹ v is 2.
    vector = {"w": torch.tensor([[4.0]])}
    found = neumann(vector, lambda v: {"w": 2 * v["w"]}, torch.tensor([0.25]))
    torch.testing.assert_close(found["w"], torch.tensor([[1.75]]))


def test_the_slope_is_that_of_the_best_response() -> None:
    # L_T = 3/2 (θ - 2)² + e^λ θ² / 2 has θ* = 6 / (3 + e^λ); L_V = (θ* - 1)² / 2.
    decay = 0.5
    response = 6 / (3 + decay)

    def left(log_decay: float) -> float:
        return (6 / (3 + np.exp(log_decay)) - 1) ** 2 / 2

    wanted = (left(np.log(decay) + 1e-6) - left(np.log(decay) - 1e-6)) / 2e-6
    uphill = {"w": torch.tensor([[response - 1]])}
    answer = neumann(uphill, lambda v: {"w": (3 + decay) * v["w"]}, 0.2, terms=200)
    np.testing.assert_allclose(-answer["w"][0, 0] * decay * response, wanted, rtol=1e-4)


def test_a_line_by_its_own_hessian() -> None:
    # A squared error's Hessian is 2 X'X / n, inputs with a 1 for the bias, so that every difference
    # of gradients is exact.
    rate, factor = 0.1, 0.05
    problem = toy([ImplicitDecay(decay_rate=rate, response=factor)], "regression",
                  architecture=MLP(()))  # fmt: skip
    batch = problem.batches[1]  # the second step sets the second environment aside
    theta = torch.cat([problem.network.parameters[n][0].detach() for n in ("weight0", "bias0")])
    found = problem.method.gradients(problem.network, batch, problem.state)
    x = torch.nn.functional.pad(batch.x[0], (0, 1), value=1.0)
    slopes = [
        2 * own.T @ (own @ theta - y[:, None]) / 6 for own, y in zip(x, batch.y[0], strict=True)
    ]
    hessians = [2 * own.T @ own / 6 for own in x]
    decay = float(np.exp(FIRST))
    others = (slopes[0] + slopes[2]) / 2
    hessian = (hessians[0] + hessians[2]) / 2 + decay * torch.eye(6)
    keep = torch.eye(6) - factor * hessian
    answer = factor * (slopes[1] + keep @ slopes[1] + keep @ keep @ slopes[1])
    slope = -answer * decay * theta
    both = torch.cat([found["weight0"][0], found["bias0"][0]])
    torch.testing.assert_close(both, others + decay * theta, rtol=1e-4, atol=1e-6)
    for name, rows in (("weight0", slice(0, 5)), ("bias0", slice(5, 6))):
        step = rate * slope[rows] / slope[rows].square().mean().sqrt()
        moved = FIRST - problem.state[name][0]
        torch.testing.assert_close(moved, step, rtol=2e-2, atol=2e-3)


def test_what_the_environment_set_aside_wants_smaller_decays_more() -> None:
    problem = toy(
        [ImplicitDecay(decay_rate=0.1, response=0.01)], "regression", architecture=MLP(())
    )
    batch = problem.batches[0]
    problem.method.gradients(problem.network, batch, problem.state)
    weight = problem.network.parameters["weight0"][0].detach()
    risk = batch.risks(problem.network(batch.x).logits)[0, 0]
    uphill = torch.autograd.grad(risk, problem.network.parameters["weight0"])[0][0]
    rises = problem.state["weight0"][0] > FIRST
    assert torch.equal(rises, uphill * weight > 0)
