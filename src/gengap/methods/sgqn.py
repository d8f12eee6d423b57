"""SGQN: a value that rests on few pixels, and features from which these can be told.

Where a network looks is where its value changes: the saliency of a pixel is the largest slope of
``Q(x, a)`` in its colours, and the mask ``M`` keeps the pixels with the largest. The value is to be
the same when all others are blanked (they are set to their mean, 0, as inputs are prepared), and
the features of what was seen under an overlay ``x'`` are to tell the mask,

    L = L_Q + c 1/N Σ [Q(x, a) - Q(M x, a)]² + s 1/N Σ BCE(f(x') D + E_a, M),

``D`` and ``E`` being learnt beside the network, so that what is important is found again under an
overlay.

Helps where the background changes and what matters is small. Hurts where much of the picture
matters at once: then the mask leaves out what the value needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import gradients
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.dqn import DQN
from gengap.methods.overlays import overlaid, overlay_share
from gengap.methods.q_learning import double_target, mean_slopes, part, values_of
from gengap.methods.registry import SIMULATOR, register
from gengap.methods.replay import MOST
from gengap.models.networks import Network, Parameters

TOLD, OF_ACTION = "saliency/weight", "saliency/action"


@register(
    "sgqn",
    summary="learns values that rest on few pixels, and features that tell which",
    paper=Paper(
        "Look where you look! Saliency-guided Q-networks for generalization in visual "
        "reinforcement learning",
        "Bertoin, Zouitine, Zouitine, Rachelson",
        2022,
        "https://arxiv.org/abs/2209.09203",
    ),
    tasks=("classification",),
    needs=(SIMULATOR,),
    passes=7,
    replays=MOST,
)
@dataclass(frozen=True)
class SGQN(DQN):
    """Double Q-learning of its own play, guided by its saliency."""

    overlay: float = overlay_share()
    kept: float = hyperparameter(0.1, 0.02, 0.5, log=True, limit=1, help="share of pixels kept")
    consistency: float = hyperparameter(0.5, 0.05, 2.0, log=True, help="weight of the same value")
    telling: float = hyperparameter(0.1, 0.01, 1.0, log=True, help="weight of telling the mask")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """What tells the mask from the features and the action."""
        shape = context.shape or (context.inputs,)
        pixels = math.prod(shape[1:]) if len(shape) == 3 else math.prod(shape)
        drawn = torch.randn((context.features, pixels), generator=generator)
        return {
            TOLD: drawn / context.features**0.5,
            OF_ACTION: torch.zeros(context.outputs, pixels),
        }

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradients of the three losses on what is recalled."""
        x, after = self.remembered(batch, state)
        aim = double_target(network, state, after, foresight=self.foresight)
        mask = salient(part(network, ""), x, after.action, self.kept)
        both = torch.cat([x, x * spread(mask, x)], 1)
        said, back = values_of(network, "", both, after.action.repeat(1, 2))
        plain, masked = said.chunk(2, 1)
        pull = 2 * along_runs(self.consistency, plain) * (plain - masked)
        of_values = back(torch.cat([mean_slopes(plain - aim + pull), mean_slopes(-pull)], 1))
        under = overlaid(x, batch.generators, self.overlay)
        untold = self.telling * self.untold(network, under, after.action, mask)
        found = gradients(untold.sum(), network.parameters)
        return {name: of_values[name] + g if name in of_values else g for name, g in found.items()}

    def untold(self, network: Network, under: Tensor, action: Tensor, mask: Tensor) -> Tensor:
        """Mean cross-entropy of the mask ``(R, n, P)`` told from the features, ``(R,)``."""
        own = network.parameters
        chosen = functional.one_hot(action, own[OF_ACTION].shape[1]).to(under)
        said = part(network, "")(under).features @ own[TOLD] + chosen @ own[OF_ACTION]
        loss = functional.binary_cross_entropy_with_logits(said, mask.to(said), reduction="none")
        return loss.mean((1, 2))


def salient(network: Network, x: Tensor, action: Tensor, kept: Tensor | float) -> Tensor:
    """The pixels on which the value of an action rests most, ``(R, n, P)`` bool.

    Args:
        x: ``(R, n, *shape)``.
        action: ``(R, n)`` codes.
        kept: share of the pixels, rounded up, one number or one of each run; equals are all kept.
    """
    fixed = network.at({name: value.detach() for name, value in network.parameters.items()})
    with torch.enable_grad():
        seen = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(fixed(seen).logits.gather(-1, action[..., None]).sum(), seen)
    size = slope.abs().amax(2).flatten(2) if len(network.shape) == 3 else slope.abs().flatten(2)
    most = (torch.as_tensor(kept) * size.shape[-1]).ceil().long().clamp(min=1)
    ranked = size.sort(-1, descending=True).values
    place = (most.expand(len(size)) - 1)[:, None, None].expand(-1, size.shape[1], 1)
    return size >= ranked.gather(-1, place.to(size.device))


def spread(mask: Tensor, x: Tensor) -> Tensor:
    """A mask of pixels ``(R, n, P)`` over inputs ``(R, n, *shape)``, the same for all colours."""
    if x.dim() == 5:
        return mask.view(*x.shape[:2], 1, *x.shape[3:])
    return mask.view(x.shape)
