"""Low-rank environment-parameterised networks: shared weights, and a little of each one's own.

Weights are a function of the environment. With ``z_e`` the indicator of environment ``e`` and a
1 that every environment has, a layer's weights are ``W(z)``, linear in ``z``: without further
limits a network for each environment and one for all. Limiting the rank shares among environments
what these have of their own,

    W_e = W + Σ_{r <= 4} u_{er} a_r b_r',

with directions ``a_r``, ``b_r`` of the layer that all environments share and amounts ``u_e`` for
each. All are learned together,

    min over W, u, a, b of  1/E Σ_e R_e(W_e),

and what the environments do not agree on leaves ``W``. The unseen environment has ``z = 1`` alone:
predictions are those of ``W``, a network of the usual size. The paper factorises the tensor of all
environments' weights (Tucker); here it is a sum of products, of every weight matrix there is.
Directions start at random and amounts at zero, as plain training.

Helps where environments differ in a few directions: a shortcut that holds here and not there goes
into ``u``, which prediction leaves out. Hurts where the environments' own part carries the target,
since ``W`` is never asked to do without it in training. With few examples ``u`` fits noise; weight
decay on it is what holds it back, and the hyperparameter that matters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.heads import in_slots
from gengap.methods.registry import register
from gengap.models.layers import FEW, narrow, narrow_gradients
from gengap.models.networks import MLP, Module, Network, Parameters

RANK = 4
PARTS = ("amounts", "rows", "columns")


@register(
    "low-rank",
    summary="lets every environment's weights differ from shared ones by a low rank",
    paper=Paper(
        "Deeper, broader and artier domain generalization",
        "Li, Yang, Song, Hospedales",
        2017,
        "https://arxiv.org/abs/1710.03077",
    ),
    needs=("environment labels", "two or more training environments"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class LowRank(Method):
    """Weights with a part of each environment's own, which predictions leave out."""

    predicts_elsewhere = True
    own: float = hyperparameter(
        1e-2, 1e-4, 1.0, log=True, help="weight of the squared amounts that environments have"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """For each weight ``NAME``: ``own.NAME.amounts (K, 4)``, ``.rows`` and ``.columns``."""
        found: Parameters = {}
        for name, shape in context.weights:
            if len(shape) < 2 or shape[0] == 1:
                continue
            rows, columns = shape[0], math.prod(shape[1:])
            drawn = torch.randn((RANK, rows + columns), generator=generator).split(
                [rows, columns], 1
            )
            found[f"own.{name}.rows"] = drawn[0] / math.sqrt(rows)
            found[f"own.{name}.columns"] = drawn[1].clone()
            found[f"own.{name}.amounts"] = torch.zeros(context.environments, RANK)
        return found

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk, each environment's under its own weights, and the penalised amounts."""
        amounts = {n: p for n, p in network.parameters.items() if n.endswith(".amounts")}
        penalty = torch.stack([a.square().sum((1, 2)) for a in amounts.values()]).sum(0)
        return risks_at_home(network, batch, state).mean(1) + self.own * penalty


def risks_at_home(network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
    """Risk of each environment in the batch under its own weights, ``(R, E)``.

    Args:
        state: keeps whether a module's environments can pass at once.
    """
    kind = network.architecture
    if isinstance(kind, MLP) and kind.products == torch.float32:
        return batch.risks(perceptron_at_home(network, batch, len(kind.widths) + 1))
    if isinstance(kind, Module) and batch.y.shape[0] == 1:
        if "at_once" not in state:
            state["at_once"] = torch.tensor([at_once(network, batch.x[0, 0, :2])])
        if state["at_once"]:
            return batch.risks(module_at_home(network, batch))
    risks = []
    for slot in range(batch.y.shape[1]):
        part = batch.only(slot)
        here = network.at(weights_in(network.parameters, part.environment[:, 0]))
        risks.append(part.risks(here(part.x).logits))
    return torch.cat(risks, 1)


def changing(network: Network) -> dict[str, nn.Module | None]:
    """The weights that have parts of environments' own, and the layers of a module they are of."""
    kind = network.architecture
    assert isinstance(kind, Module)
    assert kind._module is not None
    layers = {f"{name}.weight": layer for name, layer in kind._module.named_modules()}
    own = [n[4:-8] for n in network.parameters if n.startswith("own.") and n.endswith(".amounts")]
    return {name: layers.get(name) for name in own}


@torch.no_grad()
def at_once(network: Network, x: Tensor) -> bool:
    """Whether the layers with own parts multiply a row or a picture for each example ``(n, ...)``.

    Not so where they read parts of examples as further ones, or channels in groups, and where such
    weights are no linear layer's or convolution's.
    """
    kind, layers, seen = network.architecture, changing(network), []
    for layer in layers.values():
        convolves = getattr(layer, "groups", 0) == 1 and not getattr(layer, "transposed", True)
        if layer is None or not (isinstance(layer, nn.Linear) or convolves):
            return False
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
        for layer in layers.values()
        if layer is not None
    ]
    kind.train(False)
    try:
        own = {name: p[:1] for name, p in network.parameters.items()}
        kind.forward(own, x[None])
    finally:
        kind.train(True)
        for hook in hooks:
            hook.remove()
    return seen == [len(x)] * len(hooks)


def module_at_home(network: Network, batch: Batch) -> Tensor:
    """Logits ``(1, E, B, C)`` of one run's module: all environments pass through it at once.

    ``b`` stands below a layer's weights as four units or filters more, and what these say is
    multiplied by ``u_e`` and ``a`` and added to the others.
    """
    own, hooks = dict(network.parameters), []
    try:
        for name, layer in changing(network).items():
            assert layer is not None
            amounts, rows, columns = (own[f"own.{name}.{part}"] for part in PARTS)
            own[name] = torch.cat([own[name], columns.view(1, RANK, *own[name].shape[2:])], 1)
            if (bias := name.removesuffix("weight") + "bias") in own:
                own[bias] = F.pad(own[bias], (0, RANK))
            here = in_slots(amounts, batch.environment)[0]
            here = here.repeat_interleave(batch.y.shape[2], 0)  # (n, 4)
            hooks.append(layer.register_forward_hook(partial(_with_change, here, rows[0])))
        return network.at(own)(batch.x).logits
    finally:
        for hook in hooks:
            hook.remove()


def _with_change(here: Tensor, rows: Tensor, layer: nn.Module, _: Any, said: Tensor) -> Tensor:
    """What a layer says with each example's own part, of ``here (n, 4)`` and ``rows (4, o)``."""
    if isinstance(layer, nn.Linear):
        shared, along = said.split([rows.shape[1], RANK], -1)
        return shared + (along * here.view(len(here), *[1] * (said.dim() - 2), RANK)) @ rows
    shared, along = said.flatten(2).split([rows.shape[1], RANK], 1)
    told = torch.baddbmm(shared, rows.T.expand(len(said), -1, -1), along * here[..., None])
    return told.view(len(said), rows.shape[1], *said.shape[2:])


def perceptron_at_home(network: Network, batch: Batch, layers: int) -> Tensor:
    """Logits ``(R, E, B, C)`` of a perceptron whose own parts are applied and never written out.

    What ``u_e`` changes of a layer is ``(h a') u_e b'``, four numbers of an example in between.
    """
    network.passed(batch.x)
    own, h = network.parameters, batch.x.flatten(1, 2).flatten(2)
    for layer in range(layers):
        name = f"weight{layer}"
        parts = [own[f"own.{name}.{part}"] for part in PARTS]
        here = in_slots(parts[0], batch.environment)
        shared = own[name], own[f"bias{layer}"]
        h = _AtHome.apply(layer < layers - 1, h, here, *parts[1:], *shared)
    return h.unflatten(1, batch.y.shape[1:3])


class _AtHome(torch.autograd.Function):
    """A layer ``h W + b + (h a' · u) b'`` of every run, rectified or not, with its gradient.

    Inputs ``(R, n, d)``, amounts ``(R, E, 4)``, ``a (R, 4, d)`` and ``b (R, 4, o)``. The four
    numbers of every example lie as ``(R, 4, n)``, since narrow products are slow.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rectified: bool,
        h: Tensor,
        amounts: Tensor,
        rows: Tensor,
        columns: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> Tensor:
        turned = amounts.transpose(1, 2)[..., None]  # (R, 4, E, 1)
        along = torch.bmm(rows, h.transpose(1, 2))
        change = (along.unflatten(2, (amounts.shape[1], -1)) * turned).flatten(2)
        if weight.shape[2] <= FEW:
            told = narrow(h, weight, bias)
            told.transpose(1, 2).baddbmm_(columns.transpose(1, 2), change)
        else:
            told = torch.baddbmm(bias, h, weight).baddbmm_(change.transpose(1, 2), columns)
        if rectified:
            told.relu_()
        ctx.rectified = rectified
        ctx.save_for_backward(h, turned, along, change, rows, columns, weight, told)
        return told

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        h, turned, along, change, rows, columns, weight, told = ctx.saved_tensors
        if ctx.rectified:
            slopes = torch.ops.aten.threshold_backward(slopes, told, 0)
        through = torch.bmm(columns, slopes.transpose(1, 2)).unflatten(2, (turned.shape[2], -1))
        amounts = (through * along.view(through.shape)).sum(3).transpose(1, 2)
        through = (through * turned).flatten(2)
        down = None
        if ctx.needs_input_grad[1]:
            down = torch.bmm(slopes, weight.transpose(1, 2))
            down.baddbmm_(through.transpose(1, 2), rows)
        own = amounts, torch.bmm(through, h), torch.bmm(change, slopes)
        if weight.shape[2] <= FEW:
            return None, down, *own, *narrow_gradients(h, slopes, slopes.dtype)
        shared = torch.bmm(h.transpose(1, 2), slopes), slopes.sum(1, keepdim=True)
        return None, down, *own, *shared


def weights_in(parameters: Parameters, environment: Tensor) -> Parameters:
    """The network's parameters in one environment of each run, ``(R,)``."""
    runs = torch.arange(len(environment), device=environment.device)
    here = dict(parameters)
    for name in [n[4:-8] for n in parameters if n.startswith("own.") and n.endswith(".amounts")]:
        amounts, rows, columns = (parameters[f"own.{name}.{part}"] for part in PARTS)
        weighed = amounts[runs, environment][..., None] * rows  # (R, 4, rows)
        change = weighed.transpose(1, 2) @ columns
        here[name] = parameters[name] + change.view(parameters[name].shape)
    return here
