from __future__ import annotations

import torch
from toys import Size, environment_risks, erm_gradients, gradient, single, toy

from gengap.methods.gradient_signal import GradientSignal, cut, weighed


def test_two_parts_by_hand() -> None:
    # Gradients (3, 1) and (1, -1): means 2 and 0, variances 1 and 1, ratios 4 and 0 of mean 2, cut
    # to 1 and 0.1.
    parts = [torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, -1.0]])]
    torch.testing.assert_close(weighed(parts, [0.5, 0.5]), torch.tensor([[2.0, 0.0]]))
    # (2, 1) and (2, 3): variances 0 and 1: the second moves by a tenth of 2.
    parts = [torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 3.0]])]
    torch.testing.assert_close(weighed(parts, [0.5, 0.5]), torch.tensor([[2.0, 0.2]]))


def test_by_single_networks() -> None:
    problem = toy([GradientSignal()] * 2, size=Size(batch=8))
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    plain = erm_gradients(problem, batch)
    for run in range(2):
        network, slopes = single(problem, run), []
        for part in cut(batch, 4):
            risk = torch.stack(environment_risks(network, part, run)).mean()
            slopes.append(gradient(network, risk))
        for name in slopes[0]:
            each = torch.stack([s[name] for s in slopes])
            mean, noise = each.mean(0), each.var(0, correction=0)
            torch.testing.assert_close(mean, plain[name][run], rtol=1e-3, atol=1e-6)
            ratio = mean.square() / noise.clamp(min=1e-30)
            wanted = (ratio / ratio.mean()).clamp(0.1, 1) * mean
            torch.testing.assert_close(found[name][run], wanted, rtol=2e-3, atol=1e-6)


def test_one_example_of_each_environment_is_plain_training() -> None:
    problem = toy([GradientSignal()] * 2, size=Size(batch=1))
    found = problem.method.gradients(problem.network, problem.batches[0], {})
    for name, value in erm_gradients(problem, problem.batches[0]).items():
        torch.testing.assert_close(found[name], value)
