"""SVEA: overlays where a value is predicted, never where it is aimed at.

Targets of Q-learning are guesses already. An overlay on what came after makes them vary more, and
one on what is acted on is a state that nobody was in. So the overlay stays where it does no harm:

    L = 1/N Σ ½ [c (Q(x, a) - t)² + (1 - c) (Q(x', a) - t)²],   t = r + φ γ Q'(y, argmax_b Q(y, b)),

with ``x'`` what was seen under an overlay and ``t`` from what came after as it is. The network
learns one value for both, and acts on what there is.

Helps where what is unseen looks different and is the same otherwise. Hurts where the overlay hides
what matters: then one target is asked of two states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, along_runs
from gengap.methods.dqn import DQN
from gengap.methods.overlays import overlaid, overlay_share
from gengap.methods.q_learning import double_target, mean_slopes, values_of
from gengap.methods.registry import SIMULATOR, register
from gengap.methods.replay import MOST
from gengap.models.networks import Network, Parameters


@register(
    "svea",
    summary="learns what actions are worth under overlays too, from targets without them",
    paper=Paper(
        "Stabilizing deep Q-learning with ConvNets and vision transformers under data augmentation",
        "Hansen, Su, Wang",
        2021,
        "https://arxiv.org/abs/2107.00644",
    ),
    tasks=("classification",),
    needs=(SIMULATOR,),
    passes=5,
    replays=MOST,
)
@dataclass(frozen=True)
class SVEA(DQN):
    """Double Q-learning of its own play, whose predictions alone are augmented."""

    overlay: float = overlay_share()
    clean: float = hyperparameter(0.5, 0.2, 0.8, limit=1, help="share of the loss without overlay")

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Gradients of the loss on what is recalled, past autograd."""
        x, after = self.remembered(batch, state)
        aim = double_target(network, state, after, foresight=self.foresight)
        both = torch.cat([x, overlaid(x, batch.generators, self.overlay)], 1)
        said, back = values_of(network, "", both, after.action.repeat(1, 2))
        plain, under = (mean_slopes(one - aim) for one in said.chunk(2, 1))
        clean = along_runs(self.clean, plain)
        return back(torch.cat([clean * plain, (1 - clean) * under], 1))
