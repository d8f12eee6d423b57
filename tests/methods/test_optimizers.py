"""Optimisers over runs against PyTorch's own, one run at a time."""

from __future__ import annotations

import math

import pytest
import torch
from toys import assert_run_close, parameters_of, single, toy

from gengap.methods.adamw import AdamW
from gengap.methods.optimizers import SGD, Adam, Scheduled, clipped, run_norms
from gengap.methods.sgd import PlainSGD
from gengap.testing import Size

RATES, DECAYS = torch.tensor([0.1, 0.03]), torch.tensor([0.0, 0.05])
MOMENTA = torch.tensor([0.9, 0.5])


def start() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {"a": torch.randn(2, 3, 4, generator=draw), "b": torch.randn(2, 5, generator=draw)}


def slopes(step: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(step + 1)
    return {name: torch.randn(p.shape, generator=draw) for name, p in start().items()}


def alone(make, run: int, steps: int = 7, schedule=None):
    """PyTorch's optimiser on one run's parameters, fed the same gradients."""
    own = [torch.nn.Parameter(p[run].clone()) for p in start().values()]
    optimizer = make(own, run)
    shape = schedule(optimizer) if schedule else None
    for step in range(steps):
        for parameter, g in zip(own, slopes(step).values(), strict=True):
            parameter.grad = g[run].clone()
        optimizer.step()
        if shape:
            shape.step()
    return dict(zip(start(), (p.detach() for p in own), strict=True))


def together(make, steps: int = 7):
    parameters = start()
    optimizer = make(parameters)
    for step in range(steps):
        optimizer.step(slopes(step))
    return parameters


@pytest.mark.parametrize("run", [0, 1])
def test_sgd_is_pytorchs(run: int) -> None:
    found = together(lambda p: SGD(p, RATES, DECAYS, MOMENTA))
    wanted = alone(
        lambda own, k: torch.optim.SGD(
            own, float(RATES[k]), momentum=float(MOMENTA[k]), weight_decay=float(DECAYS[k])
        ),
        run,
    )
    assert_run_close(found, wanted, run)


@pytest.mark.parametrize("run", [0, 1])
def test_adam_is_pytorchs(run: int) -> None:
    found = together(lambda p: Adam(p, RATES, DECAYS))
    wanted = alone(
        lambda own, k: torch.optim.Adam(own, float(RATES[k]), weight_decay=float(DECAYS[k])), run
    )
    assert_run_close(found, wanted, run)


@pytest.mark.parametrize("run", [0, 1])
def test_the_cosine_is_pytorchs(run: int) -> None:
    nothing, floor = torch.zeros(2), torch.tensor([0.0, 0.2])
    found = together(
        lambda p: Scheduled(SGD(p, RATES, DECAYS, MOMENTA), 7, nothing, floor), steps=6
    )
    wanted = alone(
        lambda own, k: torch.optim.SGD(
            own, float(RATES[k]), momentum=float(MOMENTA[k]), weight_decay=float(DECAYS[k])
        ),
        run,
        steps=6,
        schedule=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(
            o, 7, eta_min=float(RATES[run] * floor[run])
        ),
    )
    assert_run_close(found, wanted, run)


def test_rates_by_hand() -> None:
    """Ten steps; the second run warms up over four of them, and only the first one decays."""
    inner = SGD(start(), torch.tensor([1.0, 2.0]), torch.zeros(2), torch.zeros(2))
    shape = Scheduled(inner, 10, torch.tensor([0.0, 0.4]), torch.tensor([0.0, 1.0]))
    rates = []
    for step in range(10):
        shape.step(slopes(step))
        rates.append(inner.learning_rate)
    first, second = torch.stack(rates).T
    assert first[0] == 1
    assert float(first[5]) == pytest.approx(0.5)  # half a cosine, half way
    assert float(first[9]) == pytest.approx((1 + math.cos(0.9 * math.pi)) / 2)
    assert second.tolist() == pytest.approx([0.5, 1.0, 1.5] + [2.0] * 7)


def test_gradients_are_clipped_run_by_run() -> None:
    given = {"a": torch.tensor([[3.0, 0.0], [0.3, 0.0]]), "b": torch.tensor([[4.0], [0.4]])}
    assert run_norms(given).tolist() == pytest.approx([5.0, 0.5])
    found = clipped(given, torch.tensor([1.0, 1.0]))
    assert found["a"][0].tolist() == pytest.approx([0.6, 0.0])
    assert found["b"][0].tolist() == pytest.approx([0.8])
    assert torch.equal(found["a"][1], given["a"][1])  # within the norm: as it was


def test_adamw_clips_as_does_what_goes_around_it() -> None:
    most = torch.tensor([0.5, 50.0])
    found, wanted = AdamW(start(), RATES, DECAYS, most), AdamW(start(), RATES, DECAYS)
    for step in range(4):
        found.step(slopes(step))
        wanted.step(clipped(slopes(step), most))
    for name, value in wanted.parameters.items():
        torch.testing.assert_close(found.parameters[name], value)


def test_forgetting_is_for_some_runs_alone() -> None:
    optimizer = SGD(start(), RATES, DECAYS, MOMENTA)
    optimizer.step(slopes(0))
    optimizer.reset(torch.tensor([True, False]))
    assert not optimizer.velocity["a"][0].any()
    assert optimizer.velocity["a"][1].any()


def test_a_method_brings_its_own_optimiser() -> None:
    """Training by SGD, a run among others, equals PyTorch's loop with its own schedule."""
    size = Size(steps=6)
    methods = [
        PlainSGD(learning_rate=0.2, momentum=0.8, warm_up=0.0, clip=50.0),
        PlainSGD(learning_rate=0.05, momentum=0.5, warm_up=0.0, clip=0.5),
    ]
    problem = toy(methods, size=size)
    networks = [single(problem, run) for run in range(2)]
    problem.train()
    for run, (network, method) in enumerate(zip(networks, methods, strict=True)):
        optimizer = torch.optim.SGD(
            network.parameters(), method.learning_rate, momentum=method.momentum,
            weight_decay=method.weight_decay,
        )  # fmt: skip
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, size.steps)
        for batch in problem.batches:
            x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), method.clip)
            optimizer.step()
            schedule.step()
        assert_run_close(problem.network.parameters, parameters_of(network), run)
