"""Rich features first: find several ways to tell the classes before choosing among them.

Penalties such as IRM's are hard to optimise from nothing: weak, they do not bite, and strong, the
network learns nothing at all. *Rich feature construction* (the Bonsai algorithm) first gives the
network a palette of features and leaves the penalty the choice among them. Four parts share the
steps of one training, the first three a share ``a`` of it in equal pieces:

1. *Discovery.* Plain training; then ``s_1(x)`` is noted, the class it gives each training row.
2. *Discovery again*, from the initial weights. The rows are in two groups, right (``A``) and wrong
   (``B``) in ``s_1``, and the larger of both mean losses is minimised,

       min_θ max( mean of ℓ over A, mean of ℓ over B ),

   so that ``s_1``'s features, which fail on ``B``, do not suffice. Its classes are ``s_2(x)``.
3. *Synthesis*, from the initial weights: heads ``f_1``, ``f_2`` on shared features are to say what
   both networks said, ``min 1/2 Σ_k mean of ℓ(f_k(h(x)), s_k(x))``, so ``h`` must hold the features
   of both.
4. The method itself, from these features and a last layer as at the beginning. Penalties that
   join late do so counting from the start of the whole training.

The paper trains each part to its end; here all share one training's steps, so that methods compare
at equal compute, and two looks at the training rows come on top.

Helps penalties where a shortcut is learned so fast that nothing else is. Hurts where steps are few,
since only ``1 - a`` of them are left for the method, and where labels are noisy: the wrong rows of
part 2 are then noise. Whether part 1 stops before it has memorised its errors matters most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.erm import ERM
from gengap.methods.fishr import Fishr
from gengap.methods.heads import drawn_layer
from gengap.methods.irm import IRM
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import ALL_ROWS, LINEAR_END, ONE_TARGET, register
from gengap.methods.vrex import VREx
from gengap.models.networks import Network, Output, Parameters

PARTS = 3  # before the method itself
PAPER = Paper(
    "Rich feature construction for the optimization-generalization dilemma",
    "Zhang, Lopez-Paz, Bottou",
    2022,
    "https://arxiv.org/abs/2203.15516",
)
ENVIRONMENTS = ("environment labels", "two or more training environments")


@dataclass(frozen=True)
class RichFeatures(Method):
    """A method that begins from rich features; with ``rich`` 0 it begins as usual."""

    rich: float = hyperparameter(
        0.6, 0.3, 0.9, limit=1, help="share of the training that makes the features"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The method's own, and the two heads of the synthesis."""
        two = drawn_layer("discovered", context.features, 2 * context.outputs, generator)
        return {**super().extra_parameters(context, generator), **two}

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """The method's own; ``said (R, 2, n)`` of every unit; and the initial parameters."""
        own = super().initial_state(context, parameters)
        some = next(iter(parameters.values()))
        said = torch.zeros(len(some), 2, context.units, dtype=torch.int64, device=some.device)
        start = {f"start {name}": p.detach().clone() for name, p in parameters.items()}
        return {**own, "said": said, **start}

    def phases(self, context: Context) -> tuple[Tensor, ...]:
        """The second discovery, the synthesis, and the method itself."""
        share = torch.as_tensor(self.rich)
        return tuple(torch.round(share * k / PARTS * context.steps) for k in range(1, PARTS + 1))

    @torch.no_grad()
    def begin(
        self,
        phase: int,
        runs: Tensor,
        network: Network,
        optimizer: Optimizer,
        batch: Batch,
        state: dict[str, Tensor],
    ) -> None:
        """Note what the networks say and let them start again; features stay for the method."""
        optimizer.reset(runs)
        if phase == PARTS - 1:
            return
        state["said"][runs, phase] = all_said(network, batch)[runs]
        for name, value in network.parameters.items():
            value.copy_(torch.where(along_runs(runs, value), state[f"start {name}"], value))
        network.begin_again()

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """The loss of the part that each run is in."""
        output = network(batch.x)
        part = torch.stack([first <= batch.step for first in self.phases(batch.context)]).sum(0)
        assert batch.rows is not None
        rows = batch.rows.flatten(1)[:, None].expand(-1, 2, -1)
        said = state["said"].gather(2, rows).unflatten(2, batch.y.shape[1:])
        losses, parts = batch.losses(output.logits), part.unique().tolist()
        # Averages of the method's own are kept from the first step on, whether it learns or not.
        with torch.set_grad_enabled(torch.is_grad_enabled() and PARTS in parts):
            own = super().loss(Answered(network, output), batch, state)
        choices = {
            0: lambda: batch.average(losses).mean(1),
            1: lambda: worse_half(losses, said[:, 0] == batch.y),
            2: lambda: synthesis(output.features, said, network.parameters),
            3: lambda: own,
        }
        found, part = torch.zeros_like(own), part.to(own.device)
        for number in parts:
            found = torch.where(part == number, choices[number](), found)
        return found


class Answered(Network):
    """Networks that were asked already: they say it again, whatever the input."""

    def __init__(self, network: Network, output: Output) -> None:
        super().__init__(network.architecture, network.parameters, network.shape)
        self.output = output

    def __call__(self, x: Tensor) -> Output:
        """What was said."""
        return self.output


def all_said(network: Network, batch: Batch) -> Tensor:
    """Classes that the networks give every training row, ``(R, n)`` by unit, 0 for other units."""
    said = torch.zeros(len(batch.x), batch.context.units, dtype=torch.int64, device=batch.x.device)
    for part in batch.everything():
        assert part.rows is not None
        assert part.mask is not None
        classes = network(part.x).logits.argmax(-1) * part.mask
        # Padding repeats a row whose class is entered by the larger of both.
        said.scatter_reduce_(1, part.rows.flatten(1), classes.flatten(1), "amax")
    return said


def worse_half(losses: Tensor, right: Tensor) -> Tensor:
    """Larger mean of ``losses (R, E, B)`` where ``right`` and where not, ``(R,)``.

    Where one of both is empty the other's mean.
    """
    means = []
    for half in (right, ~right):
        count = half.sum((1, 2))
        mean = (losses * half).sum((1, 2)) / count.clamp(min=1)
        means.append(torch.where(count > 0, mean, 0.0))  # no loss of classes is below 0
    return torch.maximum(*means)


def synthesis(features: Tensor, said: Tensor, parameters: Parameters) -> Tensor:
    """Mean loss ``(R,)`` of both heads on what was said, ``(R, 2, E, B)``."""
    weight, bias = parameters["discovered.weight"], parameters["discovered.bias"]
    logits = torch.baddbmm(bias, features.flatten(1, -2), weight).unflatten(-1, (2, -1))
    logarithm = torch.log_softmax(logits, -1)
    own = logarithm.gather(-1, said.flatten(2).transpose(1, 2)[..., None])
    return -own.mean((1, 2, 3))


@register(
    "rich-erm",
    summary="plain training that begins from features found in two ways",
    paper=PAPER,
    tasks=("classification",),
    needs=("hidden features", ONE_TARGET, ALL_ROWS),
    looks=2,
)
@dataclass(frozen=True)
class RichERM(RichFeatures, ERM):
    """Plain training from rich features."""


@register(
    "rich-irm",
    summary="irm that begins from features found in two ways",
    paper=PAPER,
    tasks=("classification",),
    needs=(*ENVIRONMENTS, "hidden features", ONE_TARGET, ALL_ROWS),
    looks=2,
    minimum_environments=2,
)
@dataclass(frozen=True)
class RichIRM(RichFeatures, IRM):
    """Invariant risk minimisation from rich features."""


@register(
    "rich-vrex",
    summary="vrex that begins from features found in two ways",
    paper=PAPER,
    tasks=("classification",),
    needs=(*ENVIRONMENTS, "hidden features", ONE_TARGET, ALL_ROWS),
    looks=2,
    minimum_environments=2,
)
@dataclass(frozen=True)
class RichVREx(RichFeatures, VREx):
    """Variance risk extrapolation from rich features."""


@register(
    "rich-fishr",
    summary="fishr that begins from features found in two ways",
    paper=PAPER,
    tasks=("classification",),
    needs=(*ENVIRONMENTS, "hidden features", LINEAR_END, ONE_TARGET, ALL_ROWS),
    looks=2,
    minimum_environments=2,
)
@dataclass(frozen=True)
class RichFishr(RichFeatures, Fishr):
    """Alignment of gradient variances from rich features."""
