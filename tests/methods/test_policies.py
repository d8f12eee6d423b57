from __future__ import annotations

import numpy as np
import torch
from torch.distributions import Categorical, Normal

from gengap.methods.policies import chance_slopes, drawn, entropy_slopes, log_chance

RUNS, COUNT, ACTIONS = 2, 5, 3


def case(numbered: bool):  # type: ignore[no-untyped-def]
    """What networks say, actions, deviations, and PyTorch's own distribution of them."""
    draw = torch.Generator().manual_seed(0)
    said = torch.randn(RUNS, COUNT, ACTIONS, generator=draw).requires_grad_()
    if numbered:
        action = torch.randint(ACTIONS, (RUNS, COUNT), generator=draw)
        return said, action, None, Categorical(logits=said)
    spread = torch.randn(RUNS, ACTIONS, generator=draw).requires_grad_()
    action = torch.randn(RUNS, COUNT, ACTIONS, generator=draw)
    return said, action, spread, Normal(said, spread.exp()[:, None])


def test_slopes_are_those_of_autograd() -> None:
    for numbered in (True, False):
        said, action, spread, law = case(numbered)
        wanted = law.log_prob(action) if numbered else law.log_prob(action).sum(-1)
        entropy = law.entropy() if numbered else law.entropy().sum(-1)
        pull = torch.randn(RUNS, COUNT, generator=torch.Generator().manual_seed(1))
        apart = log_chance(said, action, spread) - wanted
        torch.testing.assert_close(apart, apart[0, 0].expand_as(apart))  # a constant
        knobs = [said] if spread is None else [said, spread]
        for total, slopes in (
            ((pull * wanted).sum(), chance_slopes(said, action, spread, pull)),
            (entropy.mean(1).sum(), entropy_slopes(said, spread)),
        ):
            gradients = torch.autograd.grad(total, knobs, retain_graph=True, allow_unused=True)
            for gradient, slope in zip(gradients, slopes, strict=False):
                expected = torch.zeros_like(said) if gradient is None else gradient
                torch.testing.assert_close(slope, expected, rtol=1e-4, atol=1e-6)


def test_actions_are_drawn_as_often_as_they_are_likely() -> None:
    count = 20_000
    draws = [np.random.default_rng(k) for k in range(2)]
    said = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.0, 2.0]])[:, None].expand(2, count, 3)
    found = drawn(said, None, draws)
    for run in range(2):
        share = np.bincount(found[run], minlength=3) / count
        np.testing.assert_allclose(share, said[run, 0].softmax(0), atol=4 * 0.5 / count**0.5)
    spread = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.0, 2.0]])
    vectors = drawn(said, spread, draws)
    error = (vectors.std(1) / spread.exp() - 1).abs().max()
    assert error < 4 / (2 * count) ** 0.5
    assert ((vectors.mean(1) - said[:, 0]).abs() < 4 * spread.exp() / count**0.5).all()
