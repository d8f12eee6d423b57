"""Tent: the scales and shifts of normalisation layers follow the gradient of the entropy.

With ``p = softmax(z)`` of a batch's logits the loss is the mean entropy

    L = -1/n Σ_i Σ_k p_ik log p_ik,      ∂L/∂z_ik = -p_ik (log p_ik + H_i) / n.

Only the affine parameters of normalisation layers move, by one step of Adam a batch; statistics of
batch normalisation are the batch's. The batch is answered by the pass that the gradient came from,
so an example costs one forward and one backward pass (Wang et al. 2021).

Helps on a long stream of one shift in fair batches, where the model is right more often than not:
confidence is then evidence. Hurts on small or label-correlated batches and over long streams of
changing shifts, where it may collapse to one class; and strangers are made confident like anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import NORMALISATION, register_adapter
from gengap.adapters.tools.normalisation import affine_parameters, blend_batch_normalisation
from gengap.adapters.tools.softmax import entropies
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper


@register_adapter(
    "tent",
    summary="lowers the entropy of its answers through the normalisation layers",
    paper=Paper(
        "Tent: Fully test-time adaptation by entropy minimization",
        "Wang, Shelhamer, Liu, Olshausen, Darrell",
        2021,
        "https://arxiv.org/abs/2006.10726",
    ),
    needs=(NORMALISATION,),
    backwards=1.0,
    minimum_batch=2,
)
class Tent(Adapter):
    """Entropy minimisation by the affine parameters of normalisation layers."""

    learns = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """With a ``prior`` the statistics of training count too, and batches of one will do."""

        learning_rate: float = hyperparameter(1e-3, 1e-5, 1e-2, log=True, help="step of Adam")
        prior: float = hyperparameter(
            0.0, 0.0, 256.0, help="training examples that the old statistics are worth"
        )

    def prepare(self) -> None:
        """Batch normalisation by the batch; scales and shifts take gradients."""
        blend_batch_normalisation(self.model, self.settings.prior)
        self.adapting = affine_parameters(self.model, "Tent")

    def begin(self) -> None:
        """A new optimiser."""
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)

    def answer(self, x: Tensor) -> Tensor:
        """The logits of the pass that the step's gradient came from."""
        logits = self.forward(x).logits
        self.optimizer.zero_grad()
        self.backward(entropies(logits).mean(), len(x))
        self.optimizer.step()
        return logits
