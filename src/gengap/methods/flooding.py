"""Flooding: train until the risk is as low as a level, then keep it there.

A network that can reach risk 0 goes on to memorise. With a level ``b``,

    min_θ  |R(θ) - b| + b,

the step goes downhill above the level and uphill below it. Around the level steps alternate, and
two of them, of rate ``η`` each, move by

    -η ∇R(θ) + η ∇R(θ - η ∇R(θ))  ≈  -η²/2 ∇|∇R(θ)|²,

so that flooding regularises the gradient (:mod:`gengap.methods.gradient_regularisation`) at the
price of plain training, by steps that have to be taken anyway.

Helps where the training risk would go well below what is reached on new data. Does nothing where
the risk stays above the level, which short trainings or noisy targets see to. Hurts if the level
is above what new data could reach: the level is in the units of the loss and is the one thing
that matters. The mean over environments is flooded, not each.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import register
from gengap.models.networks import Network


@register(
    "flooding",
    summary="keeps the risk at a level by going uphill below it",
    paper=Paper(
        "Do we need zero training loss after achieving zero training error?",
        "Ishida, Yamane, Sakai, Niu, Sugiyama",
        2020,
        "https://arxiv.org/abs/2002.08709",
    ),
)
@dataclass(frozen=True)
class Flooding(Method):
    """Descent to a level; with ``level`` 0 it is plain training."""

    level: float = hyperparameter(0.05, 5e-3, 0.3, log=True, help="risk that training stays at")

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Distance of the mean risk to the level, and the level."""
        risk = batch.risks(network(batch.x).logits).mean(1)
        return (risk - self.level).abs() + self.level
