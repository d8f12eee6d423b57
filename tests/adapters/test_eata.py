"""EATA: its choice by hand, its passes counted where they happen, its penalty."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.testing import adapter_toy


def logits_as_inputs() -> nn.Sequential:
    """A network whose logits are its inputs, with a normalisation that says nothing yet."""
    layer = nn.BatchNorm1d(2, eps=0.0)
    head = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.eye(2))
    return nn.Sequential(layer, head).eval()


def test_sure_and_new_examples_are_chosen() -> None:
    """Of gaps 4, .2 and -4 the middle one is unsure (0.4 log 2 is the entropy of a gap of 2.5).
    The mean of the chosen is then (1/2, 1/2), whose cosine with p = (.982, .018) is
    .5 / (sqrt(.5) |p|) = .72: new below .707 + .1 * .293 = .736, not below .707 + .01 * .293."""
    x = torch.tensor([[4.0, 0.0], [0.2, 0.0], [-4.0, 0.0]])
    p = torch.tensor([4.0, 0.0]).softmax(0)
    cosine = 0.5 / (math.sqrt(0.5) * float(p.norm()))
    assert 0.711 < cosine < 0.736
    for similarity, second in ((0.1, [0, 2]), (0.01, [])):
        adapter = gg.adapters.EATA(logits_as_inputs(), similarity=similarity)
        assert adapter._chosen(x).tolist() == [0, 2]
        assert adapter._chosen(x).tolist() == second


def test_backward_passes_are_those_executed() -> None:
    toy = adapter_toy("images-batchnorm")
    adapter = gg.adapters.EATA(toy.model, margin=0.2)
    chosen = []
    choose = adapter._chosen
    adapter._chosen = lambda logits: chosen.append(choose(logits)) or chosen[-1]
    counter = toy.counter
    counter.forwards = counter.backwards = 0
    for x in toy.x.split(16):
        adapter.predict(x)
    used = sum(map(len, chosen))
    assert 0 < used < len(toy.x)
    assert counter.backwards == adapter.backwards == used
    assert counter.forwards == adapter.forwards == len(toy.x) + used


def test_the_second_pass_is_part_of_the_first() -> None:
    """Statistics are held, so chosen rows say what they said in the whole batch."""
    from gengap.adapters.tools.steps import holding

    toy = adapter_toy("rows-batchnorm")
    adapter = gg.adapters.EATA(toy.model)
    whole = adapter.forward(toy.x).logits
    with holding(adapter.layers):
        part = adapter.forward(toy.x[[3, 7]]).logits
    torch.testing.assert_close(part, whole[[3, 7]])


def test_the_penalty_holds_what_training_relied_on() -> None:
    """A parameter's weight is its mean squared gradient, taken here with one batch by autograd."""
    toy = adapter_toy("rows-batchnorm")
    adapter = gg.adapters.EATA(toy.model, source=toy.source, prior=1e12)
    logits = toy.model(toy.source.x)
    loss = nn.functional.cross_entropy(logits, logits.argmax(1))
    (slope,) = torch.autograd.grad(loss, toy.model[1].weight)
    torch.testing.assert_close(adapter.relied[0], slope.square(), rtol=1e-3, atol=1e-9)
    assert adapter.prepared_backwards == len(toy.source.x)
    with torch.no_grad():
        adapter.adapting[0] += 0.5
    expected = 0.25 * float(adapter.relied[0].sum())
    assert float(adapter._held().detach()) == pytest.approx(expected)


def test_a_last_training_example_alone_joins_the_batch_before() -> None:
    """65 examples are one batch of 65, whose squared gradient is taken here by autograd of the
    network in training mode, which normalises by the batch."""
    torch.manual_seed(0)
    x = torch.randn(65, 3)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    source = gg.adapters.Source(x, torch.zeros(65, dtype=torch.int64), torch.zeros(65))
    adapter = gg.adapters.EATA(network, source=source)
    logits = network.train()(x)
    loss = nn.functional.cross_entropy(logits, logits.argmax(1))
    slopes = torch.autograd.grad(loss, [network[1].weight, network[1].bias])
    for found, slope in zip(adapter.relied, slopes, strict=True):
        torch.testing.assert_close(found, slope.square(), rtol=1e-4, atol=1e-9)


class Repeating(nn.Module):
    """One normalisation runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        once = torch.relu(self.norm(self.body(x)))
        return self.head(self.norm(self.body(once)))


def test_statistics_are_held_of_every_time_that_a_layer_ran() -> None:
    from gengap.adapters.tools.steps import holding

    torch.manual_seed(0)
    adapter, x = copy.deepcopy(gg.adapters.EATA(Repeating())), torch.randn(16, 4)
    for _ in range(2):
        whole = adapter.forward(x).logits
        with holding(adapter.layers):
            part = adapter.forward(x[:5]).logits
        torch.testing.assert_close(part, whole[:5])
