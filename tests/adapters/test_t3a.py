"""T3A worked by hand on two classes in the plane, and its bounded supports."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.adapters.tools.banks import lowest_per_class
from gengap.base.errors import UsageError


def axes() -> nn.Linear:
    """Features are the inputs; class 0 has direction (1, 0), class 1 (0, 1)."""
    head = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    return head


def test_supports_by_hand() -> None:
    """(3, 4) has logits (6, 4), class 0, direction (.6, .8). The support of 0 becomes (1, 0) and
    (.6, .8), of mean (.8, .4); that of 1 stays (0, 1). So z = (3*.8 + 4*.4, 4)."""
    adapter = gg.adapters.T3A(axes())
    answer = adapter.predict(torch.tensor([[3.0, 4.0]]))
    assert answer[0].tolist() == pytest.approx([4.0, 4.0])


def test_the_surest_entries_stay() -> None:
    """With one entry a class, (3, 4) with gap 2 is surer than the row (1, 0), whose own logits are
    (2, 0): a tie of gaps, so the row stays; (4, 4), gap 4, replaces it."""
    adapter = gg.adapters.T3A(axes(), supports=1)
    assert adapter.predict(torch.tensor([[3.0, 4.0]]))[0].tolist() == pytest.approx([3.0, 4.0])
    half = math.sqrt(0.5)
    answer = adapter.predict(torch.tensor([[4.0, 4.0]]))
    assert answer[0].tolist() == pytest.approx([8 * half, 4.0])


def test_the_lowest_of_each_class_are_kept_in_order() -> None:
    scores = torch.tensor([3.0, 1.0, 2.0, 0.5, 1.0])
    classes = torch.tensor([0, 0, 0, 1, 1])
    assert lowest_per_class(scores, classes, 2).tolist() == [1, 2, 3, 4]
    assert lowest_per_class(scores, classes, 1).tolist() == [1, 3]


class HeadFirst(nn.Module):
    """Its last layer is the first that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(axes().weight)
            self.body.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def test_supports_begin_as_the_layer_that_runs_last() -> None:
    """The body swaps the columns of (4, 3), so this is the hand-worked example above."""
    adapter = gg.adapters.T3A(HeadFirst())
    for _ in range(2):
        answer = adapter.predict(torch.tensor([[4.0, 3.0]]))
        assert answer[0].tolist() == pytest.approx([4.0, 4.0])
        adapter.reset()


def test_a_last_layer_whose_outputs_are_changed_afterwards_is_none() -> None:
    changed = nn.Sequential(axes(), nn.Softplus())
    with pytest.raises(UsageError, match="T3A needs a linear last layer"):
        gg.adapters.T3A(changed).predict(torch.tensor([[3.0, 4.0]]))
    logarithms = nn.Sequential(axes(), nn.LogSoftmax(-1))
    answer = gg.adapters.T3A(logarithms).predict(torch.tensor([[3.0, 4.0]]))
    assert answer[0].tolist() == pytest.approx([4.0, 4.0])
