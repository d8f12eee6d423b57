"""Deep Q-learning on augmented observations only: an overlay on everything that is learnt from.

    L = 1/N Σ ½ [Q(x', a) - r - φ γ Q'(y', argmax_b Q(y', b))]²,

with ``x'`` and ``y'`` what was seen before and after under :mod:`~gengap.methods.overlays` drawn
for each apart. Acting looks at what there is. It is the plain use of augmentation, here to be held
against: what ``svea`` and ``soda`` do otherwise is what they are.

Helps where what is unseen looks different and is the same otherwise. Hurts as targets vary with the
overlay on what came after, and as the network is never shown what it acts on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.batch import Batch
from gengap.methods.dqn import DQN
from gengap.methods.overlays import overlaid, overlay_share
from gengap.methods.practice import Transitions
from gengap.methods.registry import SIMULATOR, register
from gengap.methods.replay import MOST


@register(
    "dqn-augmented",
    summary="learns what actions are worth from observations under random overlays",
    paper=Paper(
        "Reinforcement learning with augmented data",
        "Laskin et al.",
        2020,
        "https://arxiv.org/abs/2004.14990",
    ),
    tasks=("classification",),
    needs=(SIMULATOR,),
    passes=4,
    replays=MOST,
)
@dataclass(frozen=True)
class AugmentedDQN(DQN):
    """Double Q-learning of its own play, with an overlay on all of it."""

    overlay: float = overlay_share()

    def remembered(self, batch: Batch, state: dict[str, Tensor]) -> tuple[Tensor, Transitions]:
        """As of plain learning, each observation under an overlay of its own."""
        x, after = super().remembered(batch, state)
        before, later = (
            overlaid(seen, batch.generators, self.overlay) for seen in (x, after.next_x)
        )
        return before, replace(after, next_x=later)
