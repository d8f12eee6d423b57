"""Filtered behaviour cloning: say what was done where it went better than usual.

Of all transitions only the best share is cloned, best by how much the logged return ``R`` from
there on exceeds the mean ``V(s)`` of what follows such an observation,

    L = 1/N Σ ½ [V(s) - R]² + Σ 1[u >= q] ℓ(π(s), a) / Σ 1[u >= q],    u = R - V(s),

with ``q`` the quantile of ``u`` in the batch above which the share lies. The best by ``R`` alone
would be those near a reward, whoever took them there.

Helps when a minority of the log is good and the rest would drown it. Hurts on an expert's log, of
which it throws a share away, and where chance decides how episodes go.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import along_runs
from gengap.methods.registry import TRANSITIONS, register
from gengap.methods.weighted_cloning import ReturnCloning


@register(
    "filtered-bc",
    summary="clones the share of logged actions after which it went best",
    paper=Paper(
        "BAIL: best-action imitation learning for batch deep reinforcement learning",
        "Chen, Zhou, Wang, Wang, Wu, Ross",
        2020,
        "https://arxiv.org/abs/1910.12179",
    ),
    needs=(TRANSITIONS,),
    passes=2,
)
@dataclass(frozen=True)
class FilteredBC(ReturnCloning):
    """Cloning of what went better than usual."""

    share: float = hyperparameter(
        0.5, 0.1, 0.9, limit=1, help="of the transitions that is cloned, the best of them"
    )

    def weights(self, advantage: Tensor) -> Tensor:
        """The same for all that are cloned, 1 on average, and 0 for the others."""
        ranked = advantage.flatten(1).sort(1, descending=True).values
        count = (along_runs(self.share, ranked) * ranked.shape[1]).round().clamp(min=1)
        last = ranked.gather(1, count.long() - 1)
        kept = (advantage >= along_runs(last[:, 0], advantage)).float()
        return kept / along_runs(kept.flatten(1).mean(1), kept)
