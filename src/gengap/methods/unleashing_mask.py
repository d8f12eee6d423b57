"""Unleashing mask: forget the atypical examples that a trained network knows by heart.

Detection of strangers is often best in the middle of training and falls while the network
memorises its last, atypical examples. Small weights carry much of what was memorised, so a mask m
that removes the smallest tells how large the loss was before:

    ℓ = CE(m ⊙ θ)  on the training examples.

After a share of the training the network therefore goes on only until its loss is back at that
level,

    min_θ |CE(θ) - ℓ| + ℓ,

which descends above the level and climbs below it (flooding, Ishida et al. 2020). Strangeness is
then read from the energy of the logits. The paper's other variant, which learns the mask, is not
offered.

Helps when training went on long after the labels were fitted and some examples are odd. Hurts when
the mask removes too much: the level is then near chance, and the network forgets what it should
know. It also has nothing to restore where detection does not fall in the course of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Staged
from gengap.methods.base import mean_risk
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import ALL_ROWS, register
from gengap.models.networks import Network, Parameters


@register(
    "unleashing-mask",
    summary="trains on to the loss that the network has without its smallest weights",
    paper=Paper(
        "Unleashing mask: explore the intrinsic out-of-distribution detection capability",
        "Zhu, Li, Yao, Liu, Xu, Han",
        2023,
        "https://arxiv.org/abs/2306.03715",
    ),
    tasks=("classification",),
    needs=(ALL_ROWS,),
    looks=1,
)
@dataclass(frozen=True)
class UnleashingMask(Staged):
    """Plain training, then forgetting; with ``start`` 1 plain training."""

    start: float = hyperparameter(
        0.75, 0.5, 0.95, limit=1, help="share of the training before the forgetting"
    )
    pruned: float = hyperparameter(
        0.5, 0.1, 0.9, limit=0.99, help="share of the weights that the mask removes"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``level (R,)``; minus infinity until the forgetting starts, which is plain training."""
        some = next(iter(parameters.values())).detach()
        return {"level": some.new_full((len(some),), -torch.inf)}

    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """The level to go back to, as training sees it."""
        network.architecture.train(True)
        return {"level": mean_risk(network.at(masked(network.parameters, self.pruned)), batch)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk, flooded where a level is known."""
        return flooded(batch.risks(network(batch.x).logits).mean(1), state["level"])


def flooded(loss: Tensor, level: Tensor) -> Tensor:
    """``|loss - level| + level``: descends above the level and climbs below it.

    Without a level, at minus infinity, it is the loss.
    """
    return torch.where(loss >= level, loss, 2 * level - loss)


def masked(parameters: Parameters, pruned: float | Tensor) -> Parameters:
    """Copies ``(R, ...)`` with each run's smallest weights of all layers at 0; biases stay."""
    own = parameters.items()
    weights = [n for n, p in own if p.dim() > 3 or (p.dim() == 3 and min(p.shape[1:]) > 1)]
    sizes = torch.cat([parameters[name].detach().abs().flatten(1) for name in weights], 1)
    counts = (torch.as_tensor(pruned) * sizes.shape[1]).long().expand(len(sizes))
    least = sizes.sort(1).values.gather(1, counts[:, None].to(sizes.device))
    return {
        name: p.detach() * (p.detach().abs() >= along_runs(least[:, 0], p))
        if name in weights
        else p.detach().clone()
        for name, p in parameters.items()
    }
