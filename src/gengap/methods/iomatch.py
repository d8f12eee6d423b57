"""IOMatch: unlabelled inputs train together, those of no known class as one class of their own.

Where labels are few and many inputs without a label come from elsewhere, some of these belong to
none of the classes. To detect them first and leave them out goes wrong just when labels are few:
the detector then throws away much that is of the classes. Here both take part, in doubt or not. A
network's answers ``p`` and classifiers ``o`` of each class against all others
(:mod:`gengap.methods.one_against_all`) together say of an unlabelled ``u`` which class it is, or
that it is of none,

    q_c = p_c(u) o_c(u),    q_none = Σ_c p_c(u) (1 - o_c(u)),

and that, whatever it says, is the target of another classifier ``s`` of one class more, on another
view ``v(u)`` (:mod:`gengap.training.views`),

    min  1/E Σ_e R_e + M + λ ( mean of [max q >= ½] H(q, s(v(u)))
                               + mean of [max p >= τ][q_none < ½] ℓ(f(v(u)), argmax p) ),

``M`` the loss of the classifiers ``o`` on labelled examples. Targets come without gradient.
Predictions are the network's own. The source also shifts ``p`` so that its mean over unlabelled
inputs has the training classes' shares; that is left out, for elsewhere shares may be others.

Inputs are those of the unseen environment's training part, without labels: a method that knows
where it is going. Helps with few labels and unlabelled inputs of which a good part are strangers.
Hurts where the environment itself makes inputs look strange, since they are then taught to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.heads import drawn_layer
from gengap.methods.losses import log_softmax, softmax
from gengap.methods.one_against_all import (
    WIDTH,
    drawn_members,
    member_logits,
    member_loss,
    projected,
)
from gengap.methods.registry import ONE_TARGET, UNLABELLED_UNSEEN, VIEWS, register
from gengap.methods.self_training import own_label_losses
from gengap.models.layers import linear
from gengap.models.networks import Network, Parameters

SURE = 0.5  # probability from which on an input is of a class, or of none


@register(
    "iomatch-unseen",
    summary="learns from unlabelled unseen inputs, those of no known class as one more class",
    paper=Paper(
        "IOMatch: simplifying open-set semi-supervised learning with joint inliers and outliers "
        "utilization",
        "Li, Qi, Shi, Gao",
        2023,
        "https://arxiv.org/abs/2308.13168",
    ),
    tasks=("classification",),
    needs=("hidden features", ONE_TARGET, VIEWS, UNLABELLED_UNSEEN),
    passes=3.0,
)
@dataclass(frozen=True)
class IOMatch(Method):
    """Open-set targets of all unlabelled inputs; with ``weight`` 0 plain training and detectors."""

    weight: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="weight of unlabelled inputs")
    threshold: float = hyperparameter(
        0.95, 0.5, 0.99, limit=1, help="probability from which on an answer counts as a label"
    )

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Projection and classifiers against all others, and ``open`` of one class more."""
        own = drawn_members(context, generator)
        return {**own, **drawn_layer("open", WIDTH, context.outputs + 1, generator)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Risk, loss of the classifiers against all others, and the weighted targets' losses."""
        assert batch.unlabelled is not None
        own, size = network.parameters, batch.y[0].numel()
        with torch.no_grad():
            answer = network.still()(batch.unlabelled)
            odds = member_logits(own, projected(own, answer.features))
            target = open_targets(answer.logits, odds)
        both = torch.cat([batch.x.flatten(1, 2), batch.view(batch.unlabelled)], 1)
        features, logits = network(both)
        inner = projected(own, features)
        labelled = member_logits(own, inner[:, :size]).unflatten(1, batch.y.shape[1:])
        known = batch.risks(logits[:, :size].unflatten(1, batch.y.shape[1:])).mean(1)
        seen = log_softmax(linear(inner[:, size:], own["open.weight"], own["open.bias"]))
        opened = -(target * seen).sum(-1) * (target.amax(-1) >= SURE)
        closed = own_label_losses(answer.logits, logits[:, size:], self.threshold)
        closed = closed * (target[..., -1] < SURE)
        return known + member_loss(labelled, batch) + self.weight * (opened + closed).mean(1)


def open_targets(logits: Tensor, odds: Tensor) -> Tensor:
    """Probabilities of each class and, last, of none.

    Args:
        logits: ``(..., C)`` of the network.
        odds: ``(..., C)`` log-odds to belong to each class.

    Returns:
        ``(..., C + 1)`` of sum 1.
    """
    classes = softmax(logits) * torch.sigmoid(odds)
    return torch.cat([classes, 1 - classes.sum(-1, keepdim=True)], -1)
