"""EATA: Tent on the examples that are reliable and not redundant, and only those go back.

An example is reliable if its entropy is below ``E_0 = margin log C``, and redundant if the cosine
of its probabilities with the running mean of those used before is as large as

    1/√C + similarity (1 - 1/√C),

which is what a sure answer has with equal chances, and a share of what is left to 1, so that one
setting serves any number of classes; the source sets the cosine itself. The loss of those that are
used is

    L = 1/n Σ_used exp(E_0 - H_i) H_i  +  penalty Σ_j ω_j (θ_j - θ_j0)²,

with the weight ``exp(E_0 - H_i)`` held constant, and ``ω`` the mean over batches of 64 training
examples of the squared gradient of their loss under their predicted classes: parameters that
training relied on stay near where they were, which is what is meant by not forgetting (Niu et al.
2022). Without training examples there is no penalty.

All examples go forward once, without gradients. Those used go forward again with gradients and then
back, their batch normalisation held at the whole batch's statistics: so no backward pass is spent
on the others.

Helps as Tent does, at fewer backward passes, and on long streams. Hurts where hardly anything is
reliable, as then it learns nothing; and on small batches, as Tent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import NORMALISATION, register_adapter
from gengap.adapters.tools.normalisation import affine_parameters, blend_batch_normalisation
from gengap.adapters.tools.softmax import (
    class_rows,
    example_entropies,
    largest_entropy,
    probabilities,
)
from gengap.adapters.tools.steps import holding
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

MOST_EXAMPLES, MEMORY = 2000, 0.9  # for the penalty's weights; of the running mean


@register_adapter(
    "eata",
    summary="lowers the entropy of reliable answers that say something new, and forgets little",
    paper=Paper(
        "Efficient test-time model adaptation without forgetting",
        "Niu, Wu, Zhang, Chen, Zheng, Zhao, Tan",
        2022,
        "https://arxiv.org/abs/2204.02610",
    ),
    needs=(NORMALISATION,),
    forwards=2.0,
    backwards=1.0,
    at_most=True,
    minimum_batch=2,
)
class EATA(Adapter):
    """Entropy minimisation on chosen examples."""

    learns = True
    reads_source = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """Which examples are used, and what holds the parameters."""

        learning_rate: float = hyperparameter(1e-3, 1e-5, 1e-2, log=True, help="step of Adam")
        margin: float = hyperparameter(
            0.4, 0.1, 0.8, limit=1, help="largest entropy used, of that of equal chances"
        )
        similarity: float = hyperparameter(
            0.15, 0.02, 1.0, limit=1, help="largest likeness with earlier answers that is new"
        )
        penalty: float = hyperparameter(1.0, 0.1, 2000.0, log=True, help="weight of what is known")
        prior: float = hyperparameter(
            0.0, 0.0, 256.0, help="training examples that the old statistics are worth"
        )

    def prepare(self) -> None:
        """Scales and shifts take gradients; those that training relied on are found out."""
        self.layers = blend_batch_normalisation(self.model, self.settings.prior)
        self.adapting = affine_parameters(self.model, "EATA")
        self.start = [p.detach().clone() for p in self.adapting]
        self.relied = [torch.zeros_like(p) for p in self.start]
        if self.source is not None and self.settings.penalty > 0:
            self._rely()

    def begin(self) -> None:
        """A new optimiser; nothing was used yet."""
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)
        self.mean: Tensor | None = None

    def answer(self, x: Tensor) -> Tensor:
        """The logits of the first pass; chosen examples pass again and back."""
        with torch.no_grad():
            logits = self.forward(x).logits
            chosen = self._chosen(logits)
        if len(chosen):
            with holding(self.layers):
                again = self.forward(x[chosen]).logits
            entropy = example_entropies(again)
            weight = (self._edge(logits) - entropy.detach()).exp()
            self.optimizer.zero_grad()
            self.backward((weight * entropy).sum() / len(x) + self._held(), len(chosen))
            self.optimizer.step()
        return logits

    def _chosen(self, logits: Tensor) -> Tensor:
        """Rows ``(k,)`` of reliable examples that say something new; moves the running mean."""
        chances = probabilities(logits).view(len(logits), -1, logits.shape[-1]).mean(1)
        used = example_entropies(logits) < self._edge(logits)
        if self.mean is not None:
            least = chances.shape[1] ** -0.5
            edge = least + self.settings.similarity * (1 - least)
            used &= F.cosine_similarity(chances, self.mean[None]) < edge
        rows = used.nonzero()[:, 0]
        if len(rows):
            new = chances[rows].mean(0)
            self.mean = new if self.mean is None else torch.lerp(new, self.mean, MEMORY)
        return rows

    def _edge(self, logits: Tensor) -> float:
        """The entropy ``E_0`` below which an answer is reliable."""
        return self.settings.margin * largest_entropy(logits)

    def _held(self) -> Tensor:
        """The penalty."""
        pairs = zip(self.relied, self.adapting, self.start, strict=True)
        moved = torch.stack([(w * (p - p0).square()).sum() for w, p, p0 in pairs])
        return self.settings.penalty * moved.sum()

    def _rely(self) -> None:
        """Mean squared gradients of some training examples under their predicted classes."""
        x = self.training_examples().x
        chosen = torch.randperm(len(x), generator=self.generator("penalty"))[:MOST_EXAMPLES]
        batches = list(x[chosen.sort().values].split(64))
        if len(batches) > 1 and len(batches[-1]) == 1:  # one has no statistics of its own
            batches[-2:] = [torch.cat(batches[-2:])]
        for rows in batches:
            logits = class_rows(self.forward(rows).logits)
            self.backward(F.cross_entropy(logits, logits.argmax(1)), len(rows))
            for weight, parameter in zip(self.relied, self.adapting, strict=True):
                if parameter.grad is not None:
                    weight += parameter.grad.square() / len(batches)
                parameter.grad = None
