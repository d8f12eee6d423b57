"""The optimizer of many runs against PyTorch's own, one run at a time."""

from __future__ import annotations

import torch

from gengap.methods.adamw import AdamW

SHAPES = {"weight": (5, 7), "bias": (1, 7), "scale": ()}
RATES, DECAYS = [1e-2, 1e-2, 3e-3, 1e-2], [1e-2, 1e-2, 0.1, 0.0]


def problem(runs, seed=0):
    """Stacked parameters and a stream of gradients; run ``r`` is the same in every fleet."""
    generators = [torch.Generator().manual_seed(100 * seed + run) for run in runs]

    def draw():
        return {
            name: torch.stack([torch.randn(shape, generator=g) for g in generators])
            for name, shape in SHAPES.items()
        }

    return {name: value.requires_grad_() for name, value in draw().items()}, draw


def train(runs, steps=20, reset_at=None, which=None):
    parameters, draw = problem(runs)
    rates = torch.tensor([RATES[r] for r in runs]), torch.tensor([DECAYS[r] for r in runs])
    optimizer = AdamW(parameters, *rates)
    for step in range(steps):
        if step == reset_at:
            optimizer.reset(torch.tensor([run in which for run in runs]))
        optimizer.step(draw())
    return parameters, optimizer


def test_each_run_follows_pytorchs_adamw_with_its_own_rates():
    found, _ = train(range(4))
    for run in range(4):
        parameters, draw = problem([run])
        theirs = torch.optim.AdamW(
            parameters.values(), lr=RATES[run], weight_decay=DECAYS[run], foreach=False
        )
        for _ in range(20):
            for name, gradient in draw().items():
                parameters[name].grad = gradient
            theirs.step()
        for name, value in parameters.items():
            torch.testing.assert_close(found[name][run], value[0], rtol=1e-5, atol=1e-6)


def test_a_run_is_the_same_to_the_last_bit_in_every_fleet():
    """Its 43 numbers fill no whole number of vector registers."""
    together, optimizer = train(range(4), reset_at=7, which={1, 3})
    for run in range(4):
        alone, own = train([run], reset_at=7, which={1, 3})
        for name, value in alone.items():
            assert torch.equal(value[0], together[name][run])
            assert torch.equal(own.first[name][0], optimizer.first[name][run])
            assert torch.equal(own.second[name][0], optimizer.second[name][run])


def test_a_reset_run_starts_anew_and_the_others_go_on():
    _, optimizer = train([0, 1], steps=9, reset_at=6, which={1})
    assert optimizer.steps.tolist() == [9, 3]


def test_two_optimizers_may_share_parameters():
    """Each takes up where the other left off."""
    parameters, draw = problem([0, 1])
    rate = torch.full((2,), 1e-2)
    first = AdamW(parameters, rate, torch.zeros(2))
    second = AdamW(parameters, rate, torch.zeros(2))
    for optimizer in (first, second, first):
        before = {name: value.detach().clone() for name, value in parameters.items()}
        optimizer.step(draw())
        for name, value in parameters.items():
            moved = (value - before[name]).abs()
            assert 0 < moved.max() < 0.03  # no step of Adam's early ones exceeds 2.3 rates
