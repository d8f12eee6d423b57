"""USEFUL: weigh up the examples whose features are not learned early.

Gradient descent learns the simplest features first and may stop there. Examples that have such a
feature are told apart early, and from the others: within each class the network's outputs fall
into two clusters. So after a short training

    two clusters of the outputs f_1(x_i) in each class, the easy one of smaller mean loss,

and a second network starts from the same initial weights with every example of the other cluster
shown twice,

    min_θ  mean of w_i ℓ_i,        w_i ∝ 2 in the harder cluster, 1 in the easier one.

All features are then learned at more even speed, as sharpness-aware training does by itself. Unlike
in jtt it does not matter whether an example is misclassified, nor how often the upweighted one is
right, so the second training never chases noise far.

Helps where an easy feature goes with most of a class. Does next to nothing where classes have no
such halves: two clusters are found in any case and a random half counts twice. The share of the
first training matters: the clusters are those of the features learned by then.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch
from gengap.methods.just_train_twice import JustTrainTwice
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, register
from gengap.models.networks import Network

ROUNDS = 20  # of moving the clusters' centres


@register(
    "useful",
    summary="weighs up the half of each class that is not learned early",
    paper=Paper(
        "Changing the training data distribution to reduce simplicity bias improves "
        "in-distribution generalization",
        "Nguyen, Haddad, Gan, Mirzasoleiman",
        2024,
        "https://arxiv.org/abs/2404.17768",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, ALL_ROWS),
    looks=1,
)
@dataclass(frozen=True)
class Useful(JustTrainTwice):
    """Two trainings; with ``upweight`` 1 the second is plain training in what steps are left."""

    first: float = hyperparameter(
        0.2, 0.05, 0.5, limit=1, help="share of the training that goes into the first network"
    )
    upweight: float = hyperparameter(
        2.0, 1.5, 4.0, log=True, help="weight of the cluster that is learned later"
    )

    def hard(self, network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
        """The cluster of larger mean loss in each class, and its share."""
        rows, logits, y, present, slot = all_outputs(network, batch)
        later = later_clusters(logits, y, present) & present
        found = torch.zeros(len(logits), batch.context.units, device=logits.device)
        found.scatter_add_(1, rows, later.to(found))
        place = F.one_hot(slot, batch.context.environments).to(found)
        counts = (present[..., None] * place).sum(1)
        shares = (later[..., None] * place).sum(1) / counts.clamp(min=1)
        return found, shares.sum(1) / (counts > 0).sum(1).clamp(min=1)


def all_outputs(network: Network, batch: Batch) -> tuple[Tensor, ...]:
    """Units ``(R, n)``, logits ``(R, n, C)``, classes, which are there, and environments."""
    found: list[tuple[Tensor, ...]] = []
    for part in batch.everything():
        assert part.rows is not None
        assert part.mask is not None
        slot = part.environment[..., None].expand(part.y.shape)
        values = (part.rows, network(part.x).logits, part.y, part.mask, slot)
        found.append(tuple(value.flatten(1, 2) for value in values))
    return tuple(torch.cat(pieces, 1) for pieces in zip(*found, strict=True))


def later_clusters(logits: Tensor, y: Tensor, present: Tensor) -> Tensor:
    """Which examples ``(R, n)`` lie in the cluster of larger mean loss within their class.

    Centres start at the examples of least and of greatest loss.

    Args:
        logits: ``(R, n, C)``, with classes ``y (R, n)``.
        present: ``(R, n)`` bool; others take no part.
    """
    losses = -torch.log_softmax(logits, -1).gather(-1, y[..., None]).squeeze(-1)
    member = F.one_hot(y, logits.shape[-1]).to(logits) * present[..., None]
    outside = (1 - member) * torch.finfo(logits.dtype).max
    ends = [(losses[..., None] + outside).argmin(1), (losses[..., None] - outside).argmax(1)]
    wide = (*ends[0].shape, logits.shape[-1])
    centres = torch.stack([logits.gather(1, e[..., None].expand(wide)) for e in ends], 2)

    def second(centres: Tensor) -> Tensor:
        own = centres.gather(1, y[..., None, None].expand(*y.shape, *centres.shape[2:]))
        away = (logits[:, :, None] - own).square().sum(-1)
        return away[..., 1] < away[..., 0]

    chosen = second(centres)
    for _ in range(ROUNDS):
        for side, which in ((0, ~chosen), (1, chosen)):
            share = member * which[..., None]
            count = share.sum(1)[..., None]
            means = share.transpose(1, 2) @ logits / count.clamp(min=1)
            centres[:, :, side] = torch.where(count > 0, means, centres[:, :, side])
        chosen = second(centres)
    mean = [
        (member * which[..., None] * losses[..., None]).sum(1)
        / (member * which[..., None]).sum(1).clamp(min=1)
        for which in (~chosen, chosen)
    ]
    swapped = (mean[0] > mean[1]).gather(1, y)
    return chosen ^ swapped
