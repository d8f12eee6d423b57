"""Plain training: empirical risk minimisation on the pooled environments.

Minimise the mean loss over the training examples,

    min_θ  1/E Σ_e  R_e(θ),        R_e(θ) = mean of ℓ(f_θ(x), y) over environment e.

Each batch holds equally many examples of every environment, so a large environment does not
drown a small one. It is the baseline of every table, and a hard one to beat when environments
differ little. It hurts where a shortcut holds in all training environments and breaks in the
unseen one.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters


@register(
    "erm",
    summary="plain training on all training environments",
    paper=Paper(
        "An overview of statistical learning theory",
        "Vapnik",
        1999,
        "https://doi.org/10.1109/72.788640",
    ),
)
@dataclass(frozen=True)
class ERM(Method):
    """Empirical risk minimisation."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk over environments."""
        return batch.risks(network(batch.x).logits).mean(-1)

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Without autograd where the loss is this one and the network knows its own gradient."""
        if type(self).loss is not ERM.loss:
            return super().gradients(network, batch, state)
        made, pullback = network.pullback(batch.x)
        return pullback(batch.slopes(made.logits))
