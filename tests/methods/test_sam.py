from __future__ import annotations

import pytest
import torch
from toys import (
    TASKS,
    Toy,
    assert_run_close,
    environment_risks,
    erm_gradients,
    gradient,
    single,
    toy,
)

from gengap.methods.sam import SAM, run_norms


def test_norm_by_hand() -> None:
    tensors = {"a": torch.tensor([[[3.0]], [[0.0]]]), "b": torch.tensor([[[4.0]], [[-2.0]]])}
    assert run_norms(tensors).tolist() == [5, 2]


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_a_plain_loop(task: str) -> None:
    radii = (0.01, 0.1, 1.0)
    problem = toy([SAM(rho=r) for r in radii], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, rho in enumerate(radii):
        assert_run_close(found, sam_by_torch(problem, run, rho), run)


def sam_by_torch(problem: Toy, run: int, rho: float) -> dict[str, torch.Tensor]:
    network, batch = single(problem, run), problem.batches[0]
    torch.stack(environment_risks(network, batch, run)).mean().backward()
    slopes = [p.grad for p in network.parameters()]
    length = torch.nn.utils.get_total_norm(slopes)
    with torch.no_grad():
        for p, slope in zip(network.parameters(), slopes, strict=True):
            p += rho * slope / length
    return gradient(network, torch.stack(environment_risks(network, batch, run)).mean())


def test_radius_zero_is_plain_training() -> None:
    problem = toy([SAM(rho=0)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        assert torch.equal(found[name], value)


def test_a_flat_loss_gives_no_direction_and_no_failure() -> None:
    problem = toy([SAM()], "regression")
    with torch.no_grad():
        for p in problem.network.parameters.values():
            p.zero_()
    batch = problem.batches[0]
    batch.y.zero_()
    found = problem.method.gradients(problem.network, batch, {})
    assert all(bool((value == 0).all()) for value in found.values())
