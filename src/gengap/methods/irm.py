"""Invariant risk minimisation (IRMv1): one classifier that is optimal in every environment.

A predictor ``w·f`` with a scalar ``w`` is invariant when ``w = 1`` minimises the risk of every
environment at once. IRMv1 turns that into a penalty on the slope of each risk at ``w = 1``,

    min_θ  1/E Σ_e  R_e(f_θ) + λ (d/dw R_e(w f_θ))²  at w = 1.

The slope has a closed form, so no second pass through the graph is needed. Per example it is
``Σ_c (p_c - y_c) z_c`` for cross-entropy on logits ``z`` with probabilities ``p``, and
``2 (z - y) z`` for the squared error. The square of a mini-batch's mean overestimates the square
of the mean, so each batch is cut into two halves and the product of their mean slopes is used
(the paper's unbiased form). The estimate may therefore be negative.

Helps when a shortcut's strength differs between the training environments while the stable
feature's does not, and all environments are about equally noisy. Hurts (or does nothing) with few
environments, with large networks that fit every environment exactly, whose slopes vanish, and
when environments differ in their inputs only. Weights of 100 and more, as published, need batches
of hundreds: the product of two small halves is so noisy that at 32 examples per environment a
weight of 10 costs several points of accuracy on the digits. The default is therefore 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Annealed, annealed, rescaled
from gengap.methods.batch import Batch
from gengap.methods.registry import register
from gengap.models.networks import Network


@register(
    "irm",
    summary="penalises environments that would each want another scale of the logits",
    paper=Paper(
        "Invariant risk minimization",
        "Arjovsky, Bottou, Gulrajani, Lopez-Paz",
        2019,
        "https://arxiv.org/abs/1907.02893",
    ),
    needs=("environment labels", "two or more training environments"),
    minimum_environments=2,
)
@dataclass(frozen=True)
class IRM(Annealed):
    """Invariant risk minimisation, version 1; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(1.0, 1e-1, 1e4, log=True, help="weight of the squared slopes")
    anneal: float = hyperparameter(
        0.5, 0.0, 0.9, limit=1, help="share of the training before the penalty is switched on"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean over environments of risk and penalty, rescaled."""
        logits = network(batch.x).logits
        risk = batch.risks(logits).mean(1)
        weight = annealed(self.penalty, self.anneal, batch)
        # Without a penalty in any run nothing is wanted of its gradient.
        given = logits if bool(weight.any()) else logits.detach()
        penalty = squared_slopes(scale_slopes(given, batch)).mean(1)
        return rescaled(risk, weight, penalty)


def scale_slopes(logits: Tensor, batch: Batch) -> Tensor:
    """Slope of each example's loss for a factor on its logits, at factor 1: ``(R, E, B)``."""
    if batch.context.task == "regression":
        value = logits.squeeze(-1)
        return batch.per_example(2 * (value - batch.y) * value)
    if batch.context.task == "labels":
        return batch.per_example((torch.sigmoid(logits) - batch.y) * logits)
    # Over the second axis, where softmax takes many examples at a time.
    classes = logits.movedim(-1, 1)
    expected = (torch.softmax(classes, 1) * classes).sum(1)
    return batch.per_example(expected - classes.gather(1, batch.y[:, None])[:, 0])


def squared_slopes(slopes: Tensor) -> Tensor:
    """Unbiased estimate of the squared mean slope, ``(R, E, B)`` to ``(R, E)``.

    Raises:
        UsageError: a single example per environment leaves one half empty.
    """
    if slopes.shape[-1] < 2:
        raise UsageError(
            "irm estimates its penalty from two halves of a batch, but the batch has one example "
            "of each environment; use a batch size of at least 2."
        )
    half = slopes.shape[-1] // 2
    return slopes[..., :half].mean(-1) * slopes[..., half:].mean(-1)
