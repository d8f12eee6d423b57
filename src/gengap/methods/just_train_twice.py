"""Just train twice (JTT): a first network shows which examples are hard, a second heeds them.

A network trained for a short time follows what is easiest, a shortcut if there is one, and gets
the examples wrong on which the shortcut fails. So after a share ``a`` of the training

    errors = { i : argmax f_1(x_i) ≠ y_i }        over all training examples,

and a second network starts from the same initial weights and trains for the rest on

    min_θ  mean of w_i ℓ_i,        w_i ∝ λ for errors, 1 for others,

with weights that average 1 under the draw of the batches. The paper trains twice for as long as it
takes; here both trainings share the steps of one, so that it compares at equal compute, and one
look at the training rows comes on top.

Helps without any environment label where the training data hold a shortcut and the examples that
break it are a minority. Hurts where the errors are noise: wrong labels then count ``λ`` times. Does
nothing where the first network makes no errors, which a long first phase ensures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Staged
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, register
from gengap.models.networks import Network, Parameters


@register(
    "jtt",
    summary="trains a second network on what a first one gets wrong",
    paper=Paper(
        "Just train twice: improving group robustness without training group information",
        "Liu, Haghgoo, Chen, Raghunathan, Koh, Sagawa, Liang, Finn",
        2021,
        "https://arxiv.org/abs/2107.09044",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, ALL_ROWS),
    looks=1,
)
@dataclass(frozen=True)
class JustTrainTwice(Staged):
    """Two trainings; with ``upweight`` 1 the second is plain training in what steps are left."""

    first: float = hyperparameter(
        0.3, 0.1, 0.5, limit=1, help="share of the training that goes into the first network"
    )
    upweight: float = hyperparameter(5.0, 2.0, 50.0, log=True, help="weight of its errors")
    share = "first"

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``weight (R, n)`` of every unit, and the initial parameters to start again from."""
        some = next(iter(parameters.values()))
        start = {f"start {name}": p.detach().clone() for name, p in parameters.items()}
        return {"weight": some.detach().new_ones(len(some), context.units), **start}

    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """The weight of every unit, from the errors of the first network."""
        wrong, share = self.hard(network, batch)
        factor = along_runs(self.upweight, wrong)
        mean = 1 + (factor - 1) * share[:, None]
        return {"weight": (1 + (factor - 1) * wrong) / mean}

    def hard(self, network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
        """The examples to weigh up, and their share, as :func:`errors` gives them."""
        return errors(network, batch, batch.context.units)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean weighted loss."""
        assert batch.rows is not None
        weight = state["weight"].gather(1, batch.rows.flatten(1)).view(batch.rows.shape)
        losses = batch.losses(network(batch.x).logits)
        return batch.average(weight * losses).mean(1)


def errors(network: Network, batch: Batch, units: int) -> tuple[Tensor, Tensor]:
    """Which training rows the networks get wrong.

    Returns:
        1 for errors and 0 for other units, ``(R, n)``; and the mean over environments of their
        share of errors, ``(R,)``.
    """
    wrong = torch.zeros(len(batch.x), units, device=batch.x.device)
    counts: list[Tensor] = []
    totals: list[Tensor] = []
    for part in batch.everything():
        assert part.rows is not None
        assert part.mask is not None
        missed = (network(part.x).logits.argmax(-1) != part.y) & part.mask
        wrong.scatter_add_(1, part.rows.flatten(1), missed.flatten(1).to(wrong))
        counts.append(missed.sum(-1))
        totals.append(part.mask.sum(-1))
    total = torch.stack(totals).sum(0)
    shares = torch.stack(counts).sum(0) / total.clamp(min=1)
    return wrong, shares.sum(1) / (total > 0).sum(1)
