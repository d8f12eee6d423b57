"""OpenMatch: find the strangers among unlabelled inputs, leave them out, and train on the rest.

For each class a classifier ``o_c`` tells its members from all others
(:mod:`gengap.methods.one_against_all`). On unlabelled inputs ``u``, of which some belong to no
class, it is to be sure and to say the same of another view ``v(u)``; an input that the classifier
of its likeliest class takes for a member trains by the answer that the network is sure of,

    min  1/E Σ_e R_e + M + ν mean of Σ_c (H(o_c(u)) + H(o_c(v)))/2
         + ρ mean of Σ_c |o_c(u) - o_c(v)|²
         + λ mean of [max p >= τ][o_k(u) > ½] ℓ(f(v(u)), k),      k = argmax p(u),

with ``M`` the loss of the classifiers on labelled examples (all negatives count, where the source
takes the hardest) and ``H`` the entropy of a yes or no. Predictions are the network's own.

Inputs are those of the unseen environment's training part, without labels: a method that knows
where it is going. Helps where strangers are easily told. Hurts with very few labels, since the
classifiers then leave out much that is of the classes (see :mod:`gengap.methods.iomatch`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.one_against_all import drawn_members, member_logits, member_loss, projected
from gengap.methods.registry import ONE_TARGET, UNLABELLED_UNSEEN, VIEWS, register
from gengap.methods.self_training import own_label_losses
from gengap.models.networks import Network, Parameters

MEMBER = 0.5  # probability above which an input is taken for a member


@register(
    "openmatch-unseen",
    summary="finds strangers among unlabelled unseen inputs and learns from the others",
    paper=Paper(
        "OpenMatch: open-set consistency regularization for semi-supervised learning with outliers",
        "Saito, Kim, Saenko",
        2021,
        "https://arxiv.org/abs/2105.14148",
    ),
    tasks=("classification",),
    needs=("hidden features", ONE_TARGET, VIEWS, UNLABELLED_UNSEEN),
    passes=3.0,
)
@dataclass(frozen=True)
class OpenMatch(Method):
    """Detectors that leave inputs out; with all weights 0 plain training and detectors."""

    weight: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="weight of unlabelled inputs")
    threshold: float = hyperparameter(
        0.95, 0.5, 0.99, limit=1, help="probability from which on an answer counts as a label"
    )
    entropy: float = hyperparameter(
        0.1, 0.01, 1.0, log=True, help="weight of the detectors' doubt on unlabelled inputs"
    )
    consistency: float = hyperparameter(
        0.5, 0.05, 5.0, log=True, help="weight of the detectors' differences between views"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Projection and classifiers against all others."""
        return drawn_members(context, generator)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Risk, and what the detectors lack on labelled and on unlabelled inputs."""
        assert batch.unlabelled is not None
        own, size, count = network.parameters, batch.y[0].numel(), batch.unlabelled.shape[1]
        every = [batch.x.flatten(1, 2), batch.unlabelled, batch.view(batch.unlabelled)]
        features, logits = network(torch.cat(every, 1))
        odds = member_logits(own, projected(own, features))
        logits, answered, seen = logits.split([size, count, count], 1)
        labelled, one, other = odds.split([size, count, count], 1)
        known = batch.risks(logits.unflatten(1, batch.y.shape[1:])).mean(1)
        detected = member_loss(labelled.unflatten(1, batch.y.shape[1:]), batch)
        doubt = (doubts(one) + doubts(other)).sum(-1).mean(1) / 2
        apart = (torch.sigmoid(one) - torch.sigmoid(other)).square().sum(-1).mean(1)
        kept = inliers(answered, one)
        trained = (own_label_losses(answered.detach(), seen, self.threshold) * kept).mean(1)
        return (
            known + detected + self.entropy * doubt + self.consistency * apart
            + self.weight * trained
        )  # fmt: skip


def doubts(odds: Tensor) -> Tensor:
    """Entropy of a yes or no with these log-odds."""
    return F.binary_cross_entropy_with_logits(odds, torch.sigmoid(odds), reduction="none")


def inliers(logits: Tensor, odds: Tensor) -> Tensor:
    """Whether its likeliest class takes an input ``(..., C)`` for a member, ``(...)``."""
    own = odds.gather(-1, logits.argmax(-1, keepdim=True)).squeeze(-1)
    return torch.sigmoid(own) > MEMBER
