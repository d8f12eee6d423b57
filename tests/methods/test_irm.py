from __future__ import annotations

from itertools import permutations

import pytest
import torch
from toys import (
    TASKS,
    Fixed,
    assert_run_close,
    batch_of,
    erm_gradients,
    example_losses,
    gradient,
    single,
    stacked,
    toy,
)

from gengap.base.errors import UsageError
from gengap.methods.irm import IRM, scale_slopes, squared_slopes


def test_squared_error_by_hand() -> None:
    # Predictions 1 and 2 of target 3: slopes 2 (1-3) 1 = -4 and 2 (2-3) 2 = -4, product 16;
    # risk (4 + 1) / 2 = 2.5; penalty 3 gives (2.5 + 3 * 16) / 3.
    logits = torch.tensor([1.0, 2.0]).view(1, 1, 2, 1)
    method = stacked([IRM(penalty=3, anneal=0)])
    loss = method.loss(Fixed(logits), batch_of(torch.full((1, 1, 2), 3.0)), {})
    torch.testing.assert_close(loss, torch.tensor([(2.5 + 3 * 16) / 3]))


def penalty_by_double_backward(network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor):
    """The paper's way: a dummy scale, differentiated on two disjoint halves."""
    scale = torch.ones((), requires_grad=True)
    logits = network(x) * scale
    middle = len(x) // 2
    halves = [example_losses(logits[k], y[k]).mean() for k in (slice(middle), slice(middle, None))]
    first, second = (torch.autograd.grad(h, scale, create_graph=True)[0] for h in halves)
    return first * second


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_double_backward(task: str) -> None:
    penalties = (0.1, 1.0, 30.0)
    problem = toy([IRM(penalty=p, anneal=0) for p in penalties], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, weight in enumerate(penalties):
        network = single(problem, run)
        pairs = list(zip(batch.x[run], batch.y[run], strict=True))
        risk = torch.stack([example_losses(network(x), y).mean() for x, y in pairs]).mean()
        penalty = torch.stack([penalty_by_double_backward(network, x, y) for x, y in pairs]).mean()
        assert_run_close(found, gradient(network, (risk + weight * penalty) / max(weight, 1)), run)


def test_halves_estimate_without_bias() -> None:
    # Over all orders of a batch the products average to the mean of s_i s_j over i != j.
    slopes = torch.tensor([3.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    orders = torch.stack([slopes[list(order)] for order in permutations(range(4))])
    average = squared_slopes(orders[:, None]).mean()
    pairs = [float(a * b) for a, b in permutations(slopes, 2)]
    assert float(average) == pytest.approx(sum(pairs) / len(pairs))


def test_slopes_vanish_for_a_calibrated_scale() -> None:
    # Logits (0, ln 3): class 1 with probability 3/4, met by one example in four of class 0.
    logits = torch.tensor([0.0, 3.0]).log().clamp(min=0).expand(1, 1, 4, 2)
    batch = batch_of(torch.tensor([[[1, 1, 1, 0]]]), classes=2)
    assert float(scale_slopes(logits, batch).mean()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("setting", [{"penalty": 0.0, "anneal": 0.0}, {"anneal": 0.9}])
def test_without_penalty_it_is_plain_training(setting: dict[str, float]) -> None:
    problem = toy([IRM(**setting)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)


def test_a_single_example_is_refused() -> None:
    with pytest.raises(UsageError, match="batch size of at least 2"):
        squared_slopes(torch.ones(1, 2, 1))
