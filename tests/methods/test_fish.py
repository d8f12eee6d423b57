from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from toys import (
    TASKS,
    Size,
    Toy,
    assert_run_close,
    batch_of,
    environment_risks,
    parameters_of,
    single,
    stacked,
    toy,
)

from gengap.base.seeds import generator
from gengap.methods.batch import Batch
from gengap.methods.erm import ERM
from gengap.methods.fish import Fish
from gengap.models.networks import MLP, Network

RATE = 0.1


class Descent:
    """Plain gradient descent in the place of AdamW, so that closed forms exist."""

    def __init__(self, parameters: dict[str, Tensor]) -> None:
        self.parameters = parameters

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        for name, value in self.parameters.items():
            value -= RATE * gradients[name]


def quadratics(runs: int, slots: int) -> tuple[Network, Batch]:
    """Linear least squares in float64: risk_e = (w - b_e)' H_e (w - b_e) + constant."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(runs, slots, 8, 2, generator=draw, dtype=torch.float64)
    y = torch.randn(runs, slots, 8, generator=draw, dtype=torch.float64)
    start = torch.randn(runs, 2, 1, generator=draw, dtype=torch.float64)
    bias = torch.zeros(runs, 1, 1, dtype=torch.float64)
    parameters = {"weight0": start.requires_grad_(), "bias0": bias.requires_grad_()}
    return Network(MLP(()), parameters, (2,)), batch_of(y, x=x, seeds=range(runs))


def slope_and_curvature(batch: Batch, run: int, slot: int, w: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient and Hessian of a mean squared error in weights and bias, ``w (3,)``."""
    x = torch.cat((batch.x[run, slot], torch.ones(8, 1, dtype=torch.float64)), 1)
    hessian = 2 * x.T @ x / 8
    return hessian @ w - 2 * x.T @ batch.y[run, slot] / 8, hessian


def joined(network: Network, run: int) -> Tensor:
    parts = [network.parameters[name][run].detach().flatten() for name in ("weight0", "bias0")]
    return torch.cat(parts)


def test_outer_move_on_quadratics_in_closed_form() -> None:
    epsilons = (0.05, 0.5, 1.0)
    network, batch = quadratics(3, 4)
    start = [joined(network, run) for run in range(3)]
    method = stacked([Fish(epsilon=e) for e in epsilons])
    method.update(network, Descent(network.parameters), batch, {})
    for run, epsilon in enumerate(epsilons):
        # Each inner step is affine, w -> w - a (H_e w - c_e); their composition is, too.
        moved = start[run]
        for slot in np.random.default_rng(run).permutation(4):
            moved = moved - RATE * slope_and_curvature(batch, run, slot, moved)[0]
        expected = start[run] + np.float32(epsilon) * (moved - start[run])
        torch.testing.assert_close(joined(network, run), expected)


def test_mean_over_orders_adds_the_gradient_of_the_inner_product() -> None:
    # For two environments and either order, exactly on quadratics: the mean move is
    # -a (g1 + g2) + a²/2 grad(g1 · g2), and grad(g1 · g2) = H2 g1 + H1 g2.
    moves = {}
    for seed in range(20):
        network, batch = quadratics(1, 2)
        batch.generators[0].bit_generator.state = np.random.default_rng(seed).bit_generator.state
        start = joined(network, 0)
        stacked([Fish(epsilon=1.0)]).update(network, Descent(network.parameters), batch, {})
        order = tuple(np.random.default_rng(seed).permutation(2))
        moves[order] = joined(network, 0) - start
    assert len(moves) == 2
    (g1, h1), (g2, h2) = (slope_and_curvature(batch, 0, slot, start) for slot in (0, 1))
    expected = -RATE * (g1 + g2) + RATE**2 / 2 * (h2 @ g1 + h1 @ g2)
    torch.testing.assert_close(sum(moves.values()) / 2, expected)


@pytest.mark.parametrize("task", TASKS)
def test_training_by_a_plain_loop(task: str) -> None:
    epsilons = (0.1, 0.5, 1.0)
    methods = [Fish(epsilon=e, learning_rate=1e-2, weight_decay=1e-2) for e in epsilons]
    problem = toy(methods, task, size=Size(steps=4))
    alone = [fish_by_torch(problem, run, epsilon) for run, epsilon in enumerate(epsilons)]
    problem.train()
    for run, expected in enumerate(alone):
        assert_run_close(problem.network.parameters, expected, run, 1e-4)


def fish_by_torch(problem: Toy, run: int, epsilon: float) -> dict[str, Tensor]:
    network, draw = single(problem, run), generator(run, "toy method")
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)
    for batch in problem.batches:
        before = [p.detach().clone() for p in network.parameters()]
        for slot in draw.permutation(3):
            optimizer.zero_grad()
            environment_risks(network, batch, run)[slot].backward()
            optimizer.step()
        with torch.no_grad():
            for p, old in zip(network.parameters(), before, strict=True):
                p.copy_(old + epsilon * (p - old))
    return parameters_of(network)


def test_one_environment_and_epsilon_one_is_plain_training() -> None:
    size = Size(environments=1, slots=1)
    fish = toy([Fish(epsilon=1.0)] * 2, size=size).train()
    for name, value in toy([ERM()] * 2, size=size).train().items():
        torch.testing.assert_close(fish[name], value)


def test_epsilon_zero_stands_still() -> None:
    problem = toy([Fish(epsilon=0.0)])
    before = problem.predicting()
    for name, value in problem.train().items():
        assert torch.equal(value, before[name])
