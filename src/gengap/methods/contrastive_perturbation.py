"""Cross contrasting feature perturbation (CCFP): domains that are not there, made of features.

An unseen environment shifts features. So shifts are simulated on the features ``h`` themselves, by
a scale and an offset for each of them that are drawn for every example,

    h' = a · h + b,        a ~ N(1, softplus(θ_a)²),    b ~ N(0, softplus(θ_b)²),

and how far each feature is shifted is learned: ``θ`` climbs the difference between the Gram
matrices ``G`` of ``h`` and ``G'`` of ``h'``, by which styles differ, while everything, ``θ`` too,
is held to the same predictions,

    min over all      R(h) + R(h') + λ · mean of |f(h) - f(h')|²
    and over θ        - ν (1 - <G, G'> / (|G| |G'|)).

Perturbation and consistency thus work against each other: features whose shift changes the answer
are shifted less, and answers come to rest on the others. No environment labels are used, and
nothing is generated.

Helps where environments differ in the scale or offset of features, as in style or sensor. Hurts
where it is the size of a feature that tells the class. ``λ`` matters: at 0 it is noise on features,
very large, the head says the same of everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context
from gengap.methods.heads import OneHead, drawn_layer, head_logits
from gengap.methods.registry import ONE_TARGET, register
from gengap.models.networks import Network, Parameters

SCALE, OFFSET = -1.0, -1.0  # that θ begins with: shifts of 0.31


@register(
    "contrastive-perturbation",
    summary="shifts features as far as it can and asks for the same answers",
    paper=Paper(
        "Cross contrasting feature perturbation for domain generalization",
        "Li, Zhang, Huang, Zhang",
        2023,
        "https://arxiv.org/abs/2307.12502",
    ),
    needs=("hidden features", ONE_TARGET),
)
@dataclass(frozen=True)
class ContrastivePerturbation(OneHead):
    """Learned shifts of features, and answers that they leave."""

    consistency: float = hyperparameter(
        0.1, 1e-2, 10.0, log=True, help="weight of the squared differences of logits"
    )
    contrast: float = hyperparameter(
        1.0, 1e-2, 10.0, log=True, help="weight of the difference that shifts are to make"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The sizes of the shifts, ``(1, d)`` each, and the head."""
        size = (1, context.features)
        sizes = {"shift.scale": torch.full(size, SCALE), "shift.offset": torch.full(size, OFFSET)}
        return {**sizes, **drawn_layer("head", context.features, context.outputs, generator)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Both risks, the weighted differences of logits, and for the shifts their contrast."""
        own, features = network.parameters, network(batch.x).features
        shape = 2, *features.shape[1:]
        drawn = np.stack([g.standard_normal(shape, np.float32) for g in batch.generators])
        noise = torch.from_numpy(drawn).to(features.device)
        logits = head_logits(own, features)
        told = head_logits(own, shifted(own, features, noise))
        apart = (logits - told).square().mean((1, 2, 3))
        known = features.detach()
        contrast = difference(known.flatten(1, 2), shifted(own, known, noise).flatten(1, 2))
        risks = batch.risks(logits).mean(1) + batch.risks(told).mean(1)
        return risks + self.consistency * apart - self.contrast * contrast


def shifted(parameters: Parameters, features: Tensor, noise: Tensor) -> Tensor:
    """Features ``(R, E, B, d)`` scaled and moved by normal ``noise (R, 2, E, B, d)``."""
    scale = 1 + _sizes(parameters, "scale") * noise[:, 0]
    return scale * features + _sizes(parameters, "offset") * noise[:, 1]


def difference(first: Tensor, second: Tensor) -> Tensor:
    """1 less the cosine between the Gram matrices of features ``(R, n, d)``, ``(R,)``."""
    if first.shape[1] < first.shape[2]:
        # The inner product of X'X and Y'Y is the squared length of XY'.
        own, other = (points @ points.transpose(1, 2) for points in (first, second))
        both = (first @ second.transpose(1, 2)).square().sum((1, 2))
    else:
        own, other = (points.transpose(1, 2) @ points for points in (first, second))
        both = (own * other).sum((1, 2))
    lengths = own.square().sum((1, 2)) * other.square().sum((1, 2))
    return 1 - both / lengths.clamp(min=1e-20).sqrt()


def _sizes(parameters: Parameters, name: str) -> Tensor:
    """Standard deviations of the shifts, ``(R, 1, 1, d)``."""
    return F.softplus(parameters[f"shift.{name}"])[:, None]
