"""What methods of open sets share: for each class a classifier of its members against all others.

An input of no known class is told by all of them (Saito and Saenko 2021, *OVANet*,
arXiv:2104.03344). They read a projection of the features, so that what tells classes from each
other is not disturbed by what tells them from strangers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.methods.batch import Batch, Context
from gengap.methods.heads import drawn_layer
from gengap.models.layers import linear
from gengap.models.networks import Parameters

WIDTH = 64  # of the projection


def drawn_members(context: Context, generator: torch.Generator) -> Parameters:
    """One run's projection ``project`` and classifiers ``members``."""
    return {
        **drawn_layer("project", context.features, WIDTH, generator),
        **drawn_layer("members", WIDTH, context.outputs, generator),
    }


def projected(parameters: Parameters, features: Tensor) -> Tensor:
    """Projections ``(R, ..., 64)`` of features ``(R, ..., d)``."""
    return F.relu(linear(features, parameters["project.weight"], parameters["project.bias"]))


def member_logits(parameters: Parameters, projections: Tensor) -> Tensor:
    """Log-odds ``(R, ..., C)`` that an input belongs to each class."""
    return linear(projections, parameters["members.weight"], parameters["members.bias"])


def member_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Loss of the classifiers on labelled examples, summed over classes: ``(R, E, B, C)`` to (R,).

    Classes that a run's training lacks are nobody's.
    """
    member = F.one_hot(batch.y, logits.shape[-1]).to(logits)
    losses = F.binary_cross_entropy_with_logits(logits, member, reduction="none").sum(-1)
    return batch.average(batch.per_example(losses)).mean(1)
