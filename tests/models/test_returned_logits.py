"""Networks that return their logits in a dictionary or an object are read as any other."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.models.reading import outputs_of


@dataclass
class Output:
    logits: Tensor
    loss: Any = None


class Wrapped(nn.Module):
    """A network and what its logits are returned in."""

    def __init__(self, wrap: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.body(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: {"logits": logits, "loss": None},
        lambda logits: OrderedDict(hidden=logits + 1, logits=logits),
        Output,
    ],
    ids=["dictionary", "ordered", "object"],
)
def test_they_are_found_wherever_they_are(wrap):
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    plain, wrapped = (outputs_of(Wrapped(w), X) for w in (lambda logits: logits, wrap))
    assert torch.equal(wrapped.logits, plain.logits)
    assert torch.equal(wrapped.features, plain.features)
    assert wrapped.head is not None
    rows = torch.from_numpy(X)
    assert torch.equal(wrapped.network(rows), plain.network(rows))
    guard = gg.Guard.fit(Wrapped(wrap), X, np.arange(40) % 2, detector="energy")
    assert not guard(1e4 * X).accept.any()


def test_what_holds_no_logits_is_refused():
    with pytest.raises(UsageError, match="'logits' of a dictionary or object"):
        outputs_of(Wrapped(lambda logits: {"scores": logits}), np.zeros((4, 3), np.float32))
