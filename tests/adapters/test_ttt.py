"""Test-time training: its changes by hand, its step by autograd."""

from __future__ import annotations

import torch
import torch.nn.functional as F

import gengap as gg
from gengap.adapters.ttt import changed, kinds_of_change
from gengap.testing import adapter_toy


def test_changes_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]).expand(4, 1, 2, 2)
    found = changed(image, torch.arange(4), None)
    assert found[:, 0].flatten(1).tolist() == [
        [1, 2, 3, 4], [2, 4, 1, 3], [4, 3, 2, 1], [3, 1, 4, 2],
    ]  # fmt: skip
    signal = torch.tensor([[[1.0, 2.0, 3.0]]]).expand(2, 1, 3)
    assert changed(signal, torch.tensor([0, 1]), None)[:, 0].tolist() == [[1, 2, 3], [3, 2, 1]]
    row = torch.arange(1.0, 9.0).expand(2, 8)
    found = changed(row, torch.tensor([0, 3]), torch.zeros(8))
    assert found.tolist() == [[0, 0, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 0, 0]]


def test_a_step_is_the_gradient_of_the_second_task() -> None:
    toy = adapter_toy("images-groupnorm")
    adapter = gg.adapters.TTT(toy.model, source=toy.source, learning_rate=0.1)
    kind = torch.randint(4, (len(toy.x),), generator=adapter.generator("changes"))
    features = toy.model[:-1](changed(toy.x, kind, None))
    head = adapter.head_of_changes
    loss = F.cross_entropy(features @ head.weight.T + head.bias, kind)
    first = toy.model[0].weight
    (slope,) = torch.autograd.grad(loss, first)
    answer = adapter.predict(toy.x)
    torch.testing.assert_close(adapter.model[0].weight, first - 0.1 * slope, rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(answer, adapter.model(toy.x))
        torch.testing.assert_close(adapter.model[-1].weight, toy.model[-1].weight)


def test_the_second_head_tells_changes_of_training_examples() -> None:
    toy = adapter_toy("images-batchnorm")
    adapter = gg.adapters.TTT(toy.model, source=toy.source)
    kind = torch.arange(len(toy.source.x)) % kinds_of_change(toy.source.x)
    told = adapter.head_of_changes(adapter._shared(changed(toy.source.x, kind, None)))
    assert (told.argmax(1) == kind).float().mean() > 0.6
