from __future__ import annotations

import torch
from toys import TASKS, erm_gradients, toy

from gengap.methods.gradient_regularisation import GradientRegularisation
from gengap.models.networks import MLP


def test_the_difference_is_exact_where_the_risk_is_quadratic() -> None:
    # A line's squared error has the Hessian 2 X'X / n, inputs with a 1 for the bias.
    settings = [{"penalty": 0.3, "ascent": a} for a in (0.01, 5.0)]
    line = MLP(())
    problem = toy([GradientRegularisation(**s) for s in settings], "regression", architecture=line)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    plain = erm_gradients(problem, batch)
    for run in range(2):
        x = torch.nn.functional.pad(batch.x[run].flatten(0, 1), (0, 1), value=1.0)
        hessian = 2 * x.T @ x / len(x)
        slope = torch.cat([plain["weight0"][run], plain["bias0"][run]])
        wanted = slope + 0.3 * hessian @ slope
        both = torch.cat([found["weight0"][run], found["bias0"][run]])
        torch.testing.assert_close(both, wanted, rtol=2e-3, atol=1e-4)


def test_without_penalty_it_is_plain_training() -> None:
    for task in TASKS:
        problem = toy([GradientRegularisation(penalty=0.0)] * 2, task)
        found = problem.method.gradients(problem.network, problem.batches[0], {})
        for name, value in erm_gradients(problem, problem.batches[0]).items():
            torch.testing.assert_close(found[name], value)
