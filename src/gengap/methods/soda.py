"""SODA: overlays decide what is represented, and values are learnt from what there is.

Q-learning sees no overlay. Beside it the network's features ``f`` of what was seen under an overlay
``x'`` are asked for those of what was seen, as a slow copy has them:

    L = L_Q + w 1/N Σ |p / |p| - z / |z||²,   p = relu(f(x') P) W,   z = f'(x) P',

so that what an overlay changes is left out of the features, and what tells states apart is not: the
slow copy does not collapse while it still serves the values.

Helps where what is unseen looks different and is the same otherwise, and augmentation would disturb
the learning of values. Hurts where the overlay hides what matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import gradients
from gengap.methods.batch import Batch, Context
from gengap.methods.dqn import DQN
from gengap.methods.overlays import overlaid, overlay_share
from gengap.methods.q_learning import double_target, mean_slopes, part, slow, values_of
from gengap.methods.registry import SIMULATOR, register
from gengap.methods.replay import MOST
from gengap.models.networks import Network, Parameters

PROJECTION, PREDICTION = "projection/weight", "prediction/weight"
WIDTH = 32  # of what is compared


@register(
    "soda",
    summary="learns what actions are worth, and features that overlays do not change",
    paper=Paper(
        "Generalization in reinforcement learning by soft data augmentation",
        "Hansen, Wang",
        2021,
        "https://arxiv.org/abs/2011.13389",
    ),
    tasks=("classification",),
    needs=(SIMULATOR,),
    passes=6,
    replays=MOST,
)
@dataclass(frozen=True)
class SODA(DQN):
    """Double Q-learning of its own play, beside the agreement of features."""

    followed: ClassVar[tuple[str, ...]] = ("", "projection")
    overlay: float = overlay_share()
    agreement: float = hyperparameter(0.1, 0.01, 1.0, log=True, help="weight of the agreement")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """A projection of the features, and a prediction of what it gives."""

        def drawn(rows: int) -> Tensor:
            return torch.randn((rows, WIDTH), generator=generator) / rows**0.5

        return {PROJECTION: drawn(context.features), PREDICTION: drawn(WIDTH)}

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradients of both losses on what is recalled."""
        x, after = self.remembered(batch, state)
        aim = double_target(network, state, after, foresight=self.foresight)
        said, back = values_of(network, "", x, after.action)
        of_values = back(mean_slopes(said - aim))
        under = overlaid(x, batch.generators, self.overlay)
        apart = self.agreement * self.disagreement(network, slow(network, state), under, x)
        found = gradients(apart.sum(), network.parameters)
        return {name: of_values[name] + g if name in of_values else g for name, g in found.items()}

    def disagreement(self, network: Network, target: Network, under: Tensor, x: Tensor) -> Tensor:
        """Mean squared distance between directions predicted and there, of each run ``(R,)``.

        Args:
            target: at the slow copies.
            under: ``(R, n, *shape)`` with an overlay; ``x`` the same without.
        """
        hidden = torch.relu(part(network, "")(under).features @ network.parameters[PROJECTION])
        predicted = hidden @ network.parameters[PREDICTION]
        with torch.no_grad():
            there = target(x).features @ target.parameters[PROJECTION]
        one, other = (functional.normalize(own, dim=-1) for own in (predicted, there))
        return (one - other).square().sum(-1).mean(-1)
