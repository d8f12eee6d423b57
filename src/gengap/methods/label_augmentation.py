"""Self-supervised label augmentation: name the class and what was done to the input, as one.

Four transformations ``t_0 .. t_3``, turns of an image by quarters, change an input so that it can
be seen which one it was. Asking for class and transformation apart (two heads) makes the class's
head invariant to them, which may be asking too much: a 6 turned round is a 9. So one head names
the *pair*,

    min_θ  mean over x, j of  ℓ( f(t_j(x)), (y, j) ),        C × 4 joint classes,

and an input is classified by all four views together, each under its own transformation,

    p(c | x) ∝ exp( 1/4 Σ_j f_{(c, j)}(t_j(x)) ).

Square images are turned; other images are mirrored along either axis or both; a signal or a row is
reversed, negated or both.

The source goes on to distil what four views say into one head, so that an answer passes once; that
is left out.

Helps with few examples, and as an ensemble that one network holds. Hurts at equal compute, since
each step and each prediction pass four times, and on rows, where reversing columns teaches little
of what they mean. It has nothing to tune.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.heads import drawn_layer, head_logits
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, register
from gengap.models.networks import Network, Output, Parameters

WAYS = 4


@register(
    "label-augmentation",
    summary="names the class together with what was done to the input",
    paper=Paper(
        "Self-supervised label augmentation via input transformations",
        "Lee, Hwang, Shin",
        2020,
        "https://arxiv.org/abs/1910.05872",
    ),
    tasks=("classification",),
    needs=(NUMERIC_INPUTS, ONE_TARGET),
    passes=4.0,
)
@dataclass(frozen=True)
class LabelAugmentation(Method):
    """Joint classes of label and transformation."""

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """A head of ``4 C`` outputs, the transformations of a class side by side."""
        return drawn_layer("head", context.features, WAYS * context.outputs, generator)

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss of the joint classes over all transformations."""
        # In one pass, since layers that normalise by the batch predict by what passed together.
        views = [transformed(batch.x, way, len(network.shape)) for way in range(WAYS)]
        features = network.features(torch.stack(views, 1))
        logarithm = log_softmax(head_logits(network.parameters, features), -1)
        own = torch.stack([batch.y * WAYS + way for way in range(WAYS)], 1)[..., None]
        return batch.average(-logarithm.gather(-1, own).squeeze(-1).mean(1)).mean(1)

    def output(self, network: Network, x: Tensor) -> Output:
        """Features of the input as it is, and what all four views say of the class."""
        features = [network(transformed(x, w, len(network.shape))).features for w in range(WAYS)]
        each = [head_logits(network.parameters, own) for own in features]
        said = [told.unflatten(-1, (-1, WAYS))[..., w] for w, told in enumerate(each)]
        return Output(features[0], torch.stack(said).mean(0))


def transformed(x: Tensor, way: int, axes: int) -> Tensor:
    """Inputs ``(..., *shape)`` under the transformation ``way``, of four; the first leaves them.

    Args:
        axes: of one example: 1 for a row, 2 for a signal ``(c, length)``, 3 for an image.
    """
    if axes == 3 and x.shape[-1] == x.shape[-2]:
        return torch.rot90(x, way, (-2, -1))
    turned = x.flip(-1) if way % 2 else x
    if way < 2:
        return turned
    return turned.flip(-2) if axes == 3 else -turned
