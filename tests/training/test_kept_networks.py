"""Networks read back from what a store keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gengap.merges.layers import depths
from gengap.models.networks import Module, Network, architecture
from gengap.training.kept import network_from_bytes, networks_to_bytes


class Named(nn.Module):
    """Layers whose names are in no order of the alphabet."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.stem, self.body = nn.Linear(shape[0], 5), nn.Linear(5, 5)
        self.norm, self.answer = nn.BatchNorm1d(5), nn.Linear(5, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer(self.norm(self.body(self.stem(x))))


@pytest.mark.parametrize(("model", "last"), [(Named, "answer.bias"), ("mlp(5,5)", "bias2")])
def test_weights_come_in_one_order_in_which_depth_is_right(model, last):
    made = Module(model) if model is Named else architecture(model)
    own = made.initialise((4,), 2, 0) | {"head.weight": torch.ones(5, 2), "a": torch.ones(1)}
    (kept,) = networks_to_bytes(Network(made, {n: p[None] for n, p in own.items()}, (4,)), 1, 0)
    orders = [list(network_from_bytes(kept, made, (4,)).parameters) for _ in range(20)]
    assert all(order == orders[0] for order in orders)
    assert set(orders[0]) == set(own)
    deep = depths([name for name in orders[0] if name not in ("head.weight", "a")])
    assert deep[last] == 1
    if model is Named:
        assert orders[0][:8] == [name for name, _ in made._module.named_parameters()]
