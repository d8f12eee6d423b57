from __future__ import annotations

from dataclasses import replace

import torch
from toys import assert_run_close, gradient, single, toy

from gengap.methods.narrowing import Narrowing
from gengap.methods.squared_error import SquaredError


def test_all_rows_at_first_and_the_kept_ones_later() -> None:
    problem = toy([Narrowing(kept=kept, after=0.5) for kept in (0.3, 0.5, 0.8)])
    first, batch = problem.batches[0], problem.batches[-1]
    state = problem.method.initial_state(first.context, problem.network.parameters)
    plain = toy([SquaredError()] * 3)
    expected = plain.method.gradients(plain.network, first, {})
    found = problem.method.gradients(problem.network, first, state)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)

    (when,) = problem.method.phases(first.context)
    assert when.tolist() == [first.context.steps / 2] * 3
    runs = torch.tensor([True, False, True])
    problem.method.begin(0, runs, problem.network, None, batch, state)
    assert bool((state["kept"][1] == 1).all())
    found = problem.method.gradients(problem.network, batch, state)
    for run in range(3):
        network, risks = single(problem, run), []
        for slot in range(batch.y.shape[1]):
            rows = batch.rows[run, slot]
            own = state["kept"][run, rows] == 1
            logits = network(batch.x[run, slot][own])
            wanted = torch.nn.functional.one_hot(batch.y[run, slot][own], logits.shape[-1])
            risks.append((logits - wanted).square().sum() / max(int(own.sum()), 1))
        assert_run_close(found, gradient(network, torch.stack(risks).mean()), run)


def test_about_as_many_rows_are_kept_as_asked() -> None:
    problem = toy([Narrowing(kept=0.3), Narrowing(kept=0.5), Narrowing(kept=0.8)])
    batch = problem.batches[0]
    batch = replace(batch, context=replace(batch.context, units=4000))
    state = {"kept": torch.ones(3, 4000)}
    problem.method.begin(0, torch.ones(3, dtype=torch.bool), problem.network, None, batch, state)
    torch.testing.assert_close(
        state["kept"].mean(1), torch.tensor([0.3, 0.5, 0.8]), atol=0.04, rtol=0
    )
