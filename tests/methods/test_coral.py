from __future__ import annotations

from itertools import combinations

import pytest
import torch
from toys import (
    TASKS,
    assert_run_close,
    environment_risks,
    erm_gradients,
    gradient,
    hidden,
    single,
    toy,
)

from gengap.methods.coral import CORAL, by_covariances, by_examples, moment_differences


def test_two_environments_by_hand() -> None:
    # Environment 0: points 0, 2 (mean 1, variance 2). Environment 1: 4, 8 (mean 6, variance 8).
    features = torch.tensor([[[[0.0], [2.0]], [[4.0], [8.0]]]])
    torch.testing.assert_close(moment_differences(features), torch.tensor([25.0 + 36.0]))


@pytest.mark.parametrize("task", TASKS)
def test_gradient_by_loops_over_pairs(task: str) -> None:
    penalties = (0.3, 1.0, 9.0)
    problem = toy([CORAL(penalty=p) for p in penalties], task)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for run, weight in enumerate(penalties):
        network = single(problem, run)
        features = [hidden(network, x) for x in batch.x[run]]
        apart = [
            (a.mean(0) - b.mean(0)).square().mean() + (a.T.cov() - b.T.cov()).square().mean()
            for a, b in combinations(features, 2)
        ]
        risk = torch.stack(environment_risks(network, batch, run)).mean()
        loss = risk + weight * torch.stack(apart).mean()
        assert_run_close(found, gradient(network, loss), run)


def test_examples_or_covariances_make_no_difference() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 5, 30, generator=draw, dtype=torch.float64)
    centred = features - features.mean(2, keepdim=True)
    expected = [
        sum((a.T.cov() - b.T.cov()).square().mean() for a, b in combinations(run, 2)) / 6
        for run in features
    ]
    torch.testing.assert_close(by_examples(centred), torch.stack(expected))
    torch.testing.assert_close(by_covariances(centred), torch.stack(expected))


def test_examples_or_covariances_have_one_gradient() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 5, 30, generator=draw, dtype=torch.float64)
    features = (features + torch.arange(4)[:, None, None]).requires_grad_()
    weights = torch.tensor([0.5, 1.0, 3.0])
    found, expected = (
        torch.autograd.grad((weights * differences(features)).sum(), features)[0]
        for differences in (by_examples, by_covariances)
    )
    torch.testing.assert_close(found, expected)


def test_equal_environments_differ_by_nothing() -> None:
    features = torch.randn(2, 1, 6, 4, generator=torch.Generator().manual_seed(0))
    assert moment_differences(features.expand(2, 3, 6, 4)).tolist() == pytest.approx([0, 0])


def test_without_penalty_it_is_plain_training() -> None:
    problem = toy([CORAL(penalty=0)] * 3)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)
