"""Group distributionally robust optimisation: minimise the risk of the worst environment.

    min_θ  max_{q in simplex}  Σ_e q_e R_e(θ)

is solved by playing both sides online: the weights climb by exponentiated gradient and the
network descends on the weighted risk,

    q_e <- q_e exp(η R_e) / Σ_k q_k exp(η R_k),        loss = K/E Σ_{e in batch} q_e R_e.

The weights cover the ``K`` training environments that batches have shown so far, equal at first.
A step that shows ``E < K`` of them raises only those before all are normalised again; the factor
``K/E`` makes the loss an unbiased estimate of the sum over all ``K`` when the batch's environments
are drawn uniformly.

Helps when one environment is much worse than the others and that is a matter of attention rather
than of noise. Hurts when an environment is merely noisy: its risk cannot fall and it takes all
the weight. On networks that fit their training data perfectly all risks vanish and nothing is
left to weigh, so Sagawa et al. combine it with strong weight decay or early stopping.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters


@register(
    "groupdro",
    summary="weights environments towards the one with the largest risk",
    paper=Paper(
        "Distributionally robust neural networks for group shifts: on the importance of "
        "regularization for worst-case generalization",
        "Sagawa, Koh, Hashimoto, Liang",
        2020,
        "https://arxiv.org/abs/1911.08731",
    ),
    needs=("environment labels", "two or more training environments"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class GroupDRO(Method):
    """Weights by exponentiated gradient; with ``eta`` 0 they stay equal, as in plain training."""

    eta: float = hyperparameter(
        1e-2, 1e-3, 1e-1, log=True, help="step size of the environments' weights"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``gains (R, K)``, logarithms of the weights before normalisation, which cannot overflow.

        Environments that were never shown are at minus infinity and weigh nothing.
        """
        some = next(iter(parameters.values()))
        size = (some.shape[0], context.environments)
        return {"gains": some.new_full(size, -torch.inf, dtype=torch.float64)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Raise the weights of the batch's environments, then weigh their risks."""
        risks = batch.risks(network(batch.x).logits)
        gains, present = state["gains"], batch.environment
        before = gains.gather(1, present)
        before = torch.where(before.isinf(), torch.zeros_like(before), before)
        state["gains"] = gains.scatter(
            1, present, before + along_runs(self.eta, risks) * risks.detach()
        )
        weights = torch.softmax(state["gains"], 1).gather(1, present).to(risks)
        known = state["gains"].isfinite().sum(1)
        return (weights * risks).sum(1) * known / batch.context.slots
