from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from toys import (
    TASKS,
    Fixed,
    Size,
    assert_run_close,
    batch_of,
    environment_risks,
    erm_gradients,
    gradient,
    single,
    stacked,
    toy,
)

from gengap.methods.groupdro import GroupDRO


def test_two_environments_by_hand() -> None:
    # Risks 1 and 3; exp(2 eta) = 2, so the weights go from 1:1 to 1:2.
    logits = torch.tensor([1.0, math.sqrt(3.0)]).view(1, 2, 1, 1)
    method = stacked([GroupDRO(eta=math.log(2) / 2)])
    batch = batch_of(torch.zeros(1, 2, 1))
    state = method.initial_state(batch.context, {"logits": logits})
    torch.testing.assert_close(
        method.loss(Fixed(logits), batch, state), torch.tensor([1 / 3 + 2 / 3 * 3])
    )
    assert weights_of(state)[0] == pytest.approx([1 / 3, 2 / 3])
    # The weights persist: 1:4 after the second step.
    torch.testing.assert_close(
        method.loss(Fixed(logits), batch, state), torch.tensor([1 / 5 + 4 / 5 * 3])
    )


def test_environments_join_when_they_are_shown() -> None:
    logits = torch.full((1, 2, 1, 1), 1.0)
    method, y = stacked([GroupDRO(eta=math.log(2))]), torch.zeros(1, 2, 1)
    first, second = (
        batch_of(y, environment=torch.tensor([slots]), environments=4) for slots in ([0, 2], [3, 0])
    )
    state = method.initial_state(first.context, {"logits": logits})
    method.loss(Fixed(logits), first, state)
    assert weights_of(state)[0] == pytest.approx([0.5, 0, 0.5, 0])
    loss = method.loss(Fixed(logits), second, state)
    assert weights_of(state)[0] == pytest.approx([0.5, 0, 0.25, 0.25])
    torch.testing.assert_close(loss, torch.tensor([3 / 2 * 0.75]))


def weights_of(state: dict[str, torch.Tensor]) -> list[list[float]]:
    return torch.softmax(state["gains"], 1).tolist()


@pytest.mark.parametrize("task", TASKS)
def test_three_steps_of_the_papers_algorithm(task: str) -> None:
    rates = (0.0, 0.3, 2.0)
    problem = toy([GroupDRO(eta=e) for e in rates], task, size=Size(environments=5, slots=3))
    weights: list[dict[int, float]] = [{} for _ in rates]
    for batch in problem.batches[:3]:
        found = problem.method.gradients(problem.network, batch, problem.state)
        for run, eta in enumerate(rates):
            network, q = single(problem, run), weights[run]
            risks = environment_risks(network, batch, run)
            slots = batch.environment[run].tolist()
            for slot, risk in zip(slots, risks, strict=True):
                q[slot] = q.get(slot, 1.0) * math.exp(eta * risk.item())
            share = {slot: weight / sum(q.values()) for slot, weight in q.items()}
            loss = sum(share[slot] * risk for slot, risk in zip(slots, risks, strict=True))
            assert_run_close(found, gradient(network, loss * len(q) / 3), run)
            known = weights_of(problem.state)[run]
            assert known == pytest.approx([share.get(k, 0) for k in range(5)], rel=1e-5)


def test_without_step_size_it_is_plain_training() -> None:
    problem = toy([GroupDRO(eta=0)] * 2)
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, problem.state)
    for name, value in erm_gradients(problem, batch).items():
        torch.testing.assert_close(found[name], value)


def test_large_risks_do_not_overflow() -> None:
    logits = torch.tensor([1.0, 1e3]).view(1, 2, 1, 1)
    method = stacked([GroupDRO(eta=0.1)])
    batch = batch_of(torch.zeros(1, 2, 1))
    state = method.initial_state(batch.context, {"logits": logits})
    assert float(method.loss(Fixed(logits), batch, state)) == pytest.approx(1e6)


def test_environments_never_shown_weigh_nothing() -> None:
    methods = [GroupDRO(eta=e) for e in (0.1, 1.0)]
    size = Size(environments=5, slots=3)
    with_absent = toy(methods, size=replace(size, absent=3)).train()
    for name, value in toy(methods, size=size).train().items():
        torch.testing.assert_close(with_absent[name], value)
