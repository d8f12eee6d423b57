"""Corrective labels from continuity: learn what would lead back to where the expert has been.

A clone that errs comes where nobody was logged, and nothing was learnt of how to return. Where
dynamics are continuous a model learnt from the expert's own steps can be trusted a little beside
them. A network ``f`` learns by how much an observation changes; a state from which some action
``b`` would lead to a logged state ``s`` is then found by going back from there,

    s_1 = s - f(s, b),      s_2 = s - f(s_1, b),      L_f = 1/N Σ |s + f(s, a) - s'|²,

with ``b`` the logged action ``a``, or near it: any other with a chance of a half where actions are
numbered, noise of deviation ``0.3`` where they are vectors. The label ``b`` at ``s_2`` counts where
the model agrees with itself, which it does where it changes slowly,

    |s_2 + f(s_2, b) - s| <= t |f(s_2, b)|,

and after the first third of the training, when there is a model,

    L_π = 1/N Σ ℓ(π(s), a) + λ 1/N Σ 1[the label counts] ℓ(π(s_2), b),

with ``ℓ`` the cross-entropy or the squared error. The source bounds the model's own slopes while it
learns; here a label that they would spoil is left out.

Helps with few episodes of an expert in smooth dynamics, when something pushes the agent off its
way. Hurts where dynamics jump, as at walls, and where what is seen is no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.losses import cross_entropy
from gengap.methods.practice import as_vectors
from gengap.methods.q_learning import part
from gengap.methods.registry import TRANSITIONS, register
from gengap.models.networks import Network

DYNAMICS = "dynamics"
NOISE, OTHER = 0.3, 0.5
WITHOUT = 1 / 3  # share of the training before labels count


@register(
    "ccil",
    summary="clones logged actions, and what a model says would lead back to logged states",
    paper=Paper(
        "CCIL: continuity-based data augmentation for corrective imitation learning",
        "Ke, Zhang, Deshpande, Srinivasa, Gupta",
        2024,
        "https://arxiv.org/abs/2310.12972",
    ),
    needs=(TRANSITIONS,),
    passes=14 / 3,
)
@dataclass(frozen=True)
class CCIL(Method):
    """Cloning with corrective labels."""

    weight: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="of labels beside logged actions")
    trust: float = hyperparameter(
        0.3, 0.03, 1.0, log=True, help="disagreement of the model with itself that a label may have"
    )

    def networks(self, context: Context) -> Mapping[str, tuple[int, int]]:
        """What an action changes of an observation."""
        return {DYNAMICS: (context.outputs, context.inputs)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Of cloning, of the model, and of labels once there are any."""
        after, x = batch.transitions(), batch.x.flatten(3)
        action = as_vectors(after.action, batch.context.outputs)
        error = (x + change(network, x, action) - after.next_x.flatten(3)).square().sum(-1)
        model = (error * ~after.end).flatten(1).mean(1)
        cloned = cloning(network, batch.x, action, after.action)
        if batch.step < WITHOUT * batch.context.steps:
            return cloned.flatten(1).mean(1) + model
        other = disturbed(after.action, batch)
        vectors = as_vectors(other, batch.context.outputs)
        place, counts = backwards(network, x, vectors, along_runs(self.trust, batch.y))
        labelled = cloning(network, place.view(batch.x.shape), vectors, other) * counts
        return (cloned + along_runs(self.weight, cloned) * labelled).flatten(1).mean(1) + model


def change(network: Network, x: Tensor, action: Tensor) -> Tensor:
    """By how much actions ``(R, E, B, A)`` change observations ``(R, E, B, d)``."""
    return part(network, DYNAMICS, action.shape[-1])(torch.cat([x, action], -1)).logits


@torch.no_grad()
def backwards(network: Network, x: Tensor, action: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """Where an action would lead to ``x (R, E, B, d)`` from, and whether it counts, ``(R, E, B)``.

    Args:
        action: ``(R, E, B, A)`` vectors.
        trust: ``(R, 1, 1)``.
    """
    place = x - change(network, x, action)
    place = x - change(network, place, action)
    moved = change(network, place, action)
    apart = (place + moved - x).square().sum(-1).sqrt()
    return place, (apart <= trust * moved.square().sum(-1).sqrt()).float()


def disturbed(action: Tensor, batch: Batch) -> Tensor:
    """Actions like the logged ones, drawn by each run's own generator."""
    shape, count = action.shape[1:], batch.context.outputs
    if action.is_floating_point():
        noise = np.stack([g.normal(0, NOISE, shape) for g in batch.generators])
        return (action + torch.from_numpy(noise.astype(np.float32)).to(action.device)).clamp(-1, 1)
    drawn = np.stack([g.random((2, *shape)) for g in batch.generators])
    other = torch.from_numpy((drawn[:, 0] * count).astype(np.int64)).to(action.device)
    return torch.where(torch.from_numpy(drawn[:, 1]).to(action.device) < OTHER, other, action)


def cloning(network: Network, x: Tensor, vectors: Tensor, action: Tensor) -> Tensor:
    """The loss of naming actions in each of ``x (R, E, B, *shape)``, ``(R, E, B)``."""
    logits = part(network, "")(x).logits
    if action.is_floating_point():
        return (logits - vectors).square().mean(-1)
    return cross_entropy(logits, action)
