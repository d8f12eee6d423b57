from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from toys import toy

from gengap.methods.base import Predictor
from gengap.methods.batch import Context
from gengap.methods.hypernetwork import (
    GAIN,
    HIDDEN,
    STATES,
    Hypernetwork,
    answered,
    made_of_contexts,
)


def test_a_policy_by_hand() -> None:
    """One state of 2, hidden weights 1 and -1 of two of its units, outputs that read these."""
    inner, shift = torch.zeros(1, HIDDEN), torch.zeros(HIDDEN)
    inner[0, :2] = torch.tensor([1.0, -1.0])
    shift[1] = 5.0
    outer, bias = torch.zeros(HIDDEN, 2), torch.tensor([0.5, 0.0])
    outer[0, 0], outer[1, 1] = HIDDEN**0.5, 2 * HIDDEN**0.5
    weights = torch.cat([p.flatten() for p in (inner, shift, outer, bias)]) / GAIN
    hidden, said = answered(torch.tensor([2.0]), weights)
    torch.testing.assert_close(hidden[:3], torch.tensor([2.0, 3.0, 0.0]))
    torch.testing.assert_close(said, torch.tensor([2.5, 6.0]))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_gradient_by_a_loop(task: str) -> None:
    made = toy([Hypernetwork()] * 2, task)
    batch, own = made.batches[0], made.network.parameters
    found = made.method.gradients(made.network, batch, made.state)
    count, outputs = batch.context.inputs - batch.context.told, batch.context.outputs
    for run in range(2):
        weights = {k: v[run].detach().requires_grad_() for k, v in own.items() if "hyper/" in k}
        losses = []
        for example, y in zip(batch.x[run].flatten(0, 1), batch.y[run].flatten(), strict=True):
            context = torch.cat([torch.zeros(count), example.flatten()[count:]])
            hidden = torch.relu(context @ weights["hyper/weight0"] + weights["hyper/bias0"][0])
            said = GAIN * (hidden @ weights["hyper/weight1"] + weights["hyper/bias1"][0])
            inner, shift, outer, bias = said.split(
                [count * HIDDEN, HIDDEN, HIDDEN * outputs, outputs]
            )
            state = example.flatten()[:count]
            hidden = torch.relu(state @ inner.view(count, -1) / count**0.5 + shift)
            logits = hidden @ outer.view(HIDDEN, -1) / HIDDEN**0.5 + bias
            losses.append(
                F.cross_entropy(logits, y) if outputs > 1 else (logits[0] - y).square()
            )  # fmt: skip
        wanted = torch.autograd.grad(torch.stack(losses).mean(), list(weights.values()))
        for name, gradient in zip(weights, wanted, strict=True):
            torch.testing.assert_close(found[name][run], gradient, rtol=1e-4, atol=1e-6)


def test_what_a_policy_needs_is_kept_to_predict_with() -> None:
    context = Context("classification", 9, 2, 2, 64, 1, inputs=7, told=3)
    assert Hypernetwork().networks(context) == {"hyper": (0, 5 * HIDDEN + (HIDDEN + 1) * 9)}
    made = toy([Hypernetwork()])
    assert made.state[STATES].tolist() == [made.batches[0].context.inputs - 1]
    head, x = Predictor(made.network, made.method).at(made.predicting()), made.batches[0].x
    wanted = made_of_contexts(made.network, x, made.state[STATES])
    torch.testing.assert_close(head(x).logits, wanted.logits)
