"""Git re-basin: the units of a perceptron put in the other's order before weights are averaged.

The units of a hidden layer can be put in any order without changing what the network computes, so
two networks trained from different starts may compute much the same in another order, and their
mean is then nonsense. *Weight matching* looks for the orders ``P_l`` of model B in which its
weights are nearest to A's:

    max over P_1 ... P_{L-1}:   Σ_l <W_l^A, P_l W_l^B P_{l-1}'> + <b_l^A, P_l b_l^B>

with ``P_0`` and ``P_L`` the identity. In one ``P_l`` with the others fixed this is an assignment
problem, solved exactly (Kuhn 1955). A first sweep goes from the inputs on and reads each layer's
incoming weights alone; then layers are improved one after the other until none changes. A permuted
copy is recovered in the first sweep: among rows with the same lengths none fits better than itself.

All models are matched to the first and then averaged. Narrow networks have no order in which they
agree, and their mean stays poor; the wider the better. Perceptrons only: weights ``(out, in)``
called ``weight`` with or without ``bias``, or ``(in, out)`` called ``weight0``, ``weight1``, ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.merges.agreement import check_forms, forms
from gengap.merges.base import Merge, Place, Visit
from gengap.merges.layers import depths, layer_of
from gengap.merges.linear.combination import combined
from gengap.merges.registry import PERCEPTRON, register_merge

_TURNED = re.compile(r"weight\d+$")  # weights that are stored (in, out)
MOST_SWEEPS = 100


@dataclass(frozen=True)
class Layer:
    """The names of a layer's tensors."""

    weight: str
    bias: str | None

    @property
    def turned(self) -> bool:
        """Whether weights are stored ``(in, out)``."""
        return _TURNED.search(self.weight) is not None


@register_merge(
    "rebasin",
    summary="mean of perceptrons whose hidden units were put in one order",
    paper=Paper(
        "Git re-basin: merging models modulo permutation symmetries",
        "Ainsworth, Hayase, Srinivasa",
        2023,
        "https://arxiv.org/abs/2209.04836",
    ),
    needs=(PERCEPTRON,),
)
@dataclass(frozen=True)
class Rebasin(Merge):
    """Match to the first model, then average."""

    looks: ClassVar[bool] = True

    def look(self, visits: Iterable[Visit], count: int) -> dict[str, list[Sequence[np.ndarray]]]:
        """For each tensor and model the order of its rows and columns; holds all models."""
        held: dict[str, list[Tensor]] = {}
        for given, _, at in visits:
            held[at.name] = [tensor.clone() for tensor in given]
        models = [dict(zip(held, own, strict=True)) for own in zip(*held.values(), strict=True)]
        orders = [matched(model, models[0]) for model in models]
        return {name: [order[name] for order in orders] for name in models[0]}

    def tensor(self, given: Sequence[Tensor], base: Tensor | None, at: Place) -> Tensor:
        """The mean of the tensors in their new orders."""
        assert isinstance(at.found, dict)
        orders = at.found[at.name]
        placed = [reordered(tensor, order) for tensor, order in zip(given, orders, strict=True)]
        return combined(placed, at.weights)


def aligned(model: Mapping[str, Tensor], to: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same network with its hidden units in the order in which they resemble another's.

    Raises:
        UsageError: the networks differ, or are no perceptrons.
    """
    check_forms([forms(to), forms(model)], ["the model to align to", "the model to align"])
    orders = matched(model, to)
    return {name: reordered(tensor.detach(), orders[name]) for name, tensor in model.items()}


def matched(
    model: Mapping[str, Tensor], to: Mapping[str, Tensor]
) -> dict[str, Sequence[np.ndarray]]:
    """For each tensor, one order for each of its axes that aligns it."""
    chain = perceptron(to)
    a, b = _arrays(to, chain), _arrays(model, chain)
    hidden = len(chain) - 1
    ends = np.arange(a[0][0].shape[1]), np.arange(a[-1][0].shape[0])
    order = [ends[0], *(np.arange(len(weight)) for weight, _ in a)]
    for layer in range(hidden):
        order[layer + 1] = _assigned(_agreement(a, b, layer, order, onward=False))
    for _ in range(MOST_SWEEPS):
        changed = False
        for layer in range(hidden):
            agreement = _agreement(a, b, layer, order, onward=True)
            found = _assigned(agreement)
            rows = np.arange(len(found))
            # An order that is as good is no change, or two could take turns for ever.
            gain = agreement[rows, found].sum() - agreement[rows, order[layer + 1]].sum()
            if gain > 1e-9 * np.abs(agreement).max():
                order[layer + 1], changed = found, True
        if not changed:
            break
    orders: dict[str, Sequence[np.ndarray]] = {}
    for layer, own in enumerate(chain):
        rows, columns = order[layer + 1], order[layer]
        orders[own.weight] = (columns, rows) if own.turned else (rows, columns)
        if own.bias is not None:
            ones = to[own.bias].ndim - 1  # a bias may be a row (1, out)
            orders[own.bias] = (*(np.arange(1) for _ in range(ones)), rows)
    return orders


def reordered(tensor: Tensor, order: Sequence[np.ndarray]) -> Tensor:
    """A tensor with each axis in a new order."""
    for axis, places in enumerate(order):
        tensor = tensor.index_select(axis, torch.as_tensor(places, device=tensor.device))
    return tensor


def perceptron(model: Mapping[str, Tensor]) -> list[Layer]:
    """The layers of a perceptron, first to last.

    Raises:
        UsageError: it is none.
    """
    deep = depths(model)
    weights = [name for name, tensor in model.items() if tensor.ndim == 2 and "bias" not in name]
    weights.sort(key=lambda name: deep[name])
    biases = {layer_of(name): name for name in model if name not in weights}
    chain = [Layer(name, biases.pop(layer_of(name), None)) for name in weights]
    sizes = [tuple(model[layer.weight].shape)[:: 1 if layer.turned else -1] for layer in chain]
    fits = all(left[1] == right[0] for left, right in pairwise(sizes))
    wide = all(
        layer.bias is None or tuple(model[layer.bias].shape) in ((size[1],), (1, size[1]))
        for layer, size in zip(chain, sizes, strict=True)
    )
    if biases or not chain or not fits or not wide:
        odd = next(iter(biases.values()), next(iter(model), "nothing"))
        raise UsageError(
            "Only perceptrons are aligned, weights and biases of layers that follow one another; "
            f"{odd} is of none."
        )
    return chain


def _arrays(
    model: Mapping[str, Tensor], chain: Sequence[Layer]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights ``(out, in)`` and biases ``(out,)`` in double precision."""
    found = []
    for layer in chain:
        weight = model[layer.weight].detach().cpu().double().numpy()
        weight = weight.T if layer.turned else weight
        bias = np.zeros(len(weight))
        if layer.bias is not None:
            bias = model[layer.bias].detach().cpu().double().numpy().reshape(-1)
        found.append((weight, bias))
    return found


def _agreement(
    a: Sequence[tuple[np.ndarray, np.ndarray]],
    b: Sequence[tuple[np.ndarray, np.ndarray]],
    layer: int,
    order: Sequence[np.ndarray],
    onward: bool,
) -> np.ndarray:
    """How well each unit of B ``(columns)`` does in the place of each of A ``(rows)``."""
    found = a[layer][0] @ b[layer][0][:, order[layer]].T + np.outer(a[layer][1], b[layer][1])
    if onward:
        found = found + a[layer + 1][0].T @ b[layer + 1][0][order[layer + 2]]
    return np.asarray(found)


def _assigned(agreement: np.ndarray) -> np.ndarray:
    return np.asarray(linear_sum_assignment(agreement, maximize=True)[1])
