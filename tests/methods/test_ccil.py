from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from log_examples import log
from toys import stacked, toy

from gengap.methods.batch import Context
from gengap.methods.ccil import CCIL, backwards, disturbed
from gengap.methods.practice import as_vectors
from gengap.models.networks import MLP, Network


def linear(slope: float) -> Network:
    """One number is seen; an action adds itself to it, and so does ``slope`` times what is seen."""
    parameters = {
        "weight0": torch.tensor([[[0.5]]]), "bias0": torch.zeros(1, 1, 1),
        "dynamics/weight0": torch.tensor([[[slope], [1.0]]]),
        "dynamics/bias0": torch.zeros(1, 1, 1),
    }  # fmt: skip
    return Network(MLP(()), {k: v.requires_grad_() for k, v in parameters.items()}, (1,))


def test_going_back_by_hand() -> None:
    """To 2 by the action 1: from 1 without a slope; with 0.1 from 2 - 1.2, then 2 - 1.08."""
    x, action, trust = torch.full((1, 1, 1, 1), 2.0), torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1)
    place, counts = backwards(linear(0.0), x, action, 0 * trust)
    assert (float(place), float(counts)) == (1.0, 1.0)
    # From 0.92 one comes to 0.92 + 0.092 + 1 = 2.012, having moved by 1.092.
    share = 0.012 / 1.092
    for factor, wanted in ((0.9, 0.0), (1.1, 1.0)):
        place, counts = backwards(linear(0.1), x, action, factor * share * trust)
        assert float(place) == pytest.approx(0.92)
        assert float(counts) == wanted


@pytest.mark.parametrize("late", [False, True])
def test_loss_by_hand(late: bool, monkeypatch) -> None:
    """At 0 the action 1 is logged, and at 1 is seen next; the model says 1, the policy 0."""
    monkeypatch.setattr("gengap.methods.ccil.disturbed", lambda action, batch: action)
    batch = log([(0, 1.0, 0.0, 0)], states=1)
    context = Context("regression", 1, 1, 1, 1, steps=3, inputs=1)
    told = replace(batch.transitions(), next_x=torch.full((1, 1, 1, 1), 0.75))
    batch = replace(
        batch, x=torch.zeros(1, 1, 1, 1), context=context, step=int(late), logged=lambda: told
    )
    found = stacked([CCIL(weight=2)]).loss(linear(0.0), batch, {})
    # Back from 0 by 1 is -1, of which the policy says -0.5, and should say 1.
    labels = 2 * 1.5**2 if late else 0.0
    assert float(found.detach()) == pytest.approx(1 + 0.25**2 + labels)


def test_disturbed_actions_are_near_the_logged_ones() -> None:
    made = toy([CCIL()] * 2, "classification")
    batch = made.batches[0]
    action = batch.y.repeat(1, 20, 20)
    same = (disturbed(action, batch) == action).float().mean()
    assert float(same) == pytest.approx(0.5 + 0.5 / batch.context.outputs, abs=0.05)
    np.testing.assert_array_equal(as_vectors(action, 9).argmax(-1), action)
    vectors = torch.zeros(2, 20, 100, 1)
    noise = disturbed(vectors, batch)
    assert float(noise.std()) == pytest.approx(0.3, abs=0.02)
    assert noise.abs().max() <= 1


def test_gradient_by_a_loop() -> None:
    made = toy([CCIL(trust=0.5)] * 2)
    batch = replace(made.batches[0], step=made.batches[0].context.steps)
    state = [g.bit_generator.state for g in batch.generators]
    found = made.method.gradients(made.network, batch, made.state)
    for generator, before in zip(batch.generators, state, strict=True):
        generator.bit_generator.state = before
    other, after, count = disturbed(batch.y, batch), batch.transitions(), batch.context.outputs
    for run in range(2):
        own = {k: v[run].detach().requires_grad_() for k, v in made.network.parameters.items()}

        def said(prefix: str, x: torch.Tensor, own=own) -> torch.Tensor:
            hidden = torch.relu(x @ own[f"{prefix}weight0"] + own[f"{prefix}bias0"])
            return hidden @ own[f"{prefix}weight1"] + own[f"{prefix}bias1"]

        def moved(x: torch.Tensor, action: torch.Tensor, said=said) -> torch.Tensor:
            return said("dynamics/", torch.cat([x, F.one_hot(action, count).float()], 1))

        x, action = batch.x[run].flatten(0, 1).flatten(1), after.action[run].flatten()
        b = other[run].flatten()
        with torch.no_grad():
            place = x - moved(x - moved(x, b), b)
            on = moved(place, b)
            counts = (place + on - x).norm(dim=1) <= 0.5 * on.norm(dim=1)
        error = x + moved(x, action) - after.next_x[run].flatten(0, 1).flatten(1)
        model = (error.square().sum(1) * ~after.end[run].flatten()).mean()
        labels = (F.cross_entropy(said("", place), b, reduction="none") * counts).mean()
        loss = F.cross_entropy(said("", x), action) + labels + model
        for name, gradient in zip(own, torch.autograd.grad(loss, list(own.values())), strict=True):
            torch.testing.assert_close(found[name][run], gradient, rtol=1e-4, atol=1e-6)
