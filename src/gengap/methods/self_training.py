"""Self-training: the network's own confident answers as targets of inputs that have none.

For an unlabelled input ``u`` the network's answer is its label if it is sure of it, and another
view ``v(u)`` of the same input (:mod:`gengap.training.views`) is to get that label too:

    min_θ  1/E Σ_e R_e  +  λ_t mean over u of  [max_c p_c(u) >= τ] ℓ(f(v(u)), argmax_c p_c(u)).

The label comes without gradient. ``λ_t`` rises linearly over the first half of the training, when
answers are worth little (Lee 2013); threshold and views are FixMatch's. Labelled inputs and views
pass through the network together, as there, and layers that normalise by the batch see both.

Two entries, one loss. ``self-training`` labels the run's own training inputs anew, which only asks
that views agree; ``self-training-unseen`` labels inputs of the unseen environment, those of its
training part: no label of theirs is used, and no input that is scored, but such a method knows
where it is going and is to be compared with others that do.

Helps when the classes stay apart in the unseen environment, so that most confident answers are
right. Hurts when a shortcut is what makes the network confident: it then teaches itself its
mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.losses import cross_entropy, softmax
from gengap.methods.registry import (
    ONE_TARGET,
    UNLABELLED_TRAINING,
    UNLABELLED_UNSEEN,
    VIEWS,
    register,
)
from gengap.models.networks import Network

PAPER = Paper(
    "FixMatch: simplifying semi-supervised learning with consistency and confidence",
    "Sohn, Berthelot, Li, Zhang, Carlini, Cubuk, Kurakin, Zhang, Raffel",
    2020,
    "https://arxiv.org/abs/2001.07685",
)


@register(
    "self-training",
    summary="asks that other views of an input get the label the network is sure of",
    paper=PAPER,
    tasks=("classification",),
    needs=(ONE_TARGET, VIEWS, UNLABELLED_TRAINING),
    passes=3.0,
)
@dataclass(frozen=True)
class SelfTraining(Method):
    """Pseudo-labels; with ``weight`` 0 plain training at three times the cost."""

    weight: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of the inputs' own labels"
    )
    threshold: float = hyperparameter(
        0.9, 0.5, 0.99, limit=1, help="probability from which on an answer counts as a label"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk plus the weighted loss on the network's own labels."""
        assert batch.unlabelled is not None
        with torch.no_grad():
            answered = network.still()(batch.unlabelled).logits
        # In one pass, since layers that normalise by the batch predict by what passed together.
        size = batch.y[0].numel()
        both = torch.cat([batch.x.flatten(1, 2), batch.view(batch.unlabelled)], 1)
        known, seen = network(both).logits.tensor_split([size], 1)
        own = own_label_losses(answered, seen, self.threshold).mean(1)
        rising = min(1.0, 2 * batch.step / max(batch.context.steps, 1))
        risk = batch.risks(known.unflatten(1, batch.y.shape[1:])).mean(1)
        return risk + self.weight * rising * own


@register(
    "self-training-unseen",
    summary="the same on inputs of the unseen environment",
    paper=PAPER,
    tasks=("classification",),
    needs=(ONE_TARGET, VIEWS, UNLABELLED_UNSEEN),
    passes=3.0,
)
@dataclass(frozen=True)
class SelfTrainingUnseen(SelfTraining):
    """Pseudo-labels on unlabelled inputs of the unseen environment."""


def own_label_losses(answered: Tensor, seen: Tensor, threshold: float | Tensor) -> Tensor:
    """Cross-entropy of logits ``(R, U, C)`` of views against the answers, ``(R, U)``.

    Args:
        answered: logits ``(R, U, C)`` of the inputs themselves, without gradient.
        threshold: ``(R,)``; where no class is as probable as this, the loss is 0.
    """
    sure, label = softmax(answered).max(-1)
    losses = cross_entropy(seen, label)
    return torch.where(sure >= along_runs(threshold, sure), losses, 0.0)
