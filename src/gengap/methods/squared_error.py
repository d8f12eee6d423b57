"""Plain training of classes by squared error, in the place of cross-entropy.

Logits are brought to the indicators of the classes,

    min_θ  1/E Σ_e  mean over e of  Σ_c (f_θ(x)_c − [c = y])²,

and for targets that are values it is plain training. Cross-entropy goes on pulling on what is right
already; squared error is content at 1 and 0, so that a decay of the weights, where there is one,
decides among the networks that fit. Hui and Belkin found it no worse on most tasks.

Helps with noisy classes, and where what happens after fitting is studied, as by grokking. Hurts
with very many classes, whose zeros drown the ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.batch import Batch
from gengap.methods.erm import ERM
from gengap.methods.registry import register
from gengap.models.networks import Network


def squared_errors(logits: Tensor, batch: Batch) -> Tensor:
    """Squared error of each example, ``(R, E, B, ..., C)`` to ``(R, E, B)``."""
    if batch.context.task != "classification":
        return batch.losses(logits)
    said = logits.gather(-1, batch.y[..., None]).squeeze(-1)
    return batch.per_example(logits.square().sum(-1) - 2 * said + 1)


@register(
    "squared-error",
    summary="plain training by squared error in the place of cross-entropy",
    paper=Paper(
        "Evaluation of neural architectures trained with square loss vs cross-entropy in "
        "classification tasks",
        "Hui, Belkin",
        2021,
        "https://arxiv.org/abs/2006.07322",
    ),
)
@dataclass(frozen=True)
class SquaredError(ERM):
    """Plain training by squared error."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean squared error over environments."""
        return batch.average(squared_errors(network(batch.x).logits, batch)).mean(-1)
