"""What methods share that learn how to see before they learn what to do: two phases, one log.

For a share of the steps the study's network up to its last layer, ``φ``, learns from transitions of
the log by an aim of the method's own, which asks nothing of what is best; then all of it clones,

    L = 1/N Σ ℓ(π(φ(s_i)), a_i),

as ``bc`` does. With a share of 1 it never clones: that is a pretraining, whose weights others start
from (``gengap pretrain``, ``start`` of a study).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.practice import Transitions
from gengap.models.networks import Network

WIDTH = 64  # hidden units of what reads the features in the first phase


@dataclass(frozen=True)
class RepresentationFirst(Method):
    """Cloning by features that were learnt otherwise."""

    share: float = hyperparameter(
        0.5, 0.2, 0.8, limit=1, help="of the steps in which features are learnt before cloning"
    )

    @abstractmethod
    def first_loss(self, network: Network, batch: Batch, after: Transitions) -> Tensor:
        """What features are learnt by, of each transition ``(R, E, B)``."""

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Of the phase that each run is in, ``(R,)``; transitions that end teach no features."""
        learning = batch.step < torch.as_tensor(self.share) * batch.context.steps
        found = batch.x.new_zeros(len(batch.x))
        if bool(learning.any()):
            after = batch.transitions()
            kept = (~after.end).flatten(1).float()
            own = self.first_loss(network, batch, after).flatten(1)
            mean = (own * kept).sum(1) / kept.sum(1).clamp(min=1)
            found = torch.where(along_runs(learning, found), mean, found)
        if not bool(learning.all()):
            cloning = batch.risks(network(batch.x).logits).mean(1)
            found = torch.where(along_runs(learning, found), found, cloning)
        return found
