"""STAMP: entropy is lowered on a memory of stable examples, not on the batch that came.

An example joins the memory if it is *reliable*, its entropy below ``margin log C``, and *label
consistent*, its class the same in a second, noisy view. Each class keeps its ``capacity / C``
entries of lowest entropy, so the memory is balanced whatever the stream, and strangers hardly enter
it. For every batch as many entries as the batch has examples are drawn, and

    L = Σ_j w_j H_j,      w_j = exp(-H_j) / Σ exp(-H),

is descended by one step through the scales and shifts of normalisation layers: surer entries weigh
more. Entropies of those drawn are brought up to date. The answer is the mean of the probabilities
of both views, and its entropy tells strangers (Yu et al. 2024).

Helps on streams with strangers and on label-correlated ones. Hurts, against Tent, on short streams,
as the memory must fill; and it keeps examples of the stream, which not everybody may.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import NORMALISATION, register_adapter
from gengap.adapters.tools.banks import lowest_per_class
from gengap.adapters.tools.normalisation import affine_parameters, blend_batch_normalisation
from gengap.adapters.tools.softmax import (
    example_entropies,
    largest_entropy,
    logits_of_probabilities,
    probabilities,
)
from gengap.adapters.tools.views import noisy
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper


@register_adapter(
    "stamp",
    summary="lowers the entropy of a balanced memory of sure examples, and tells strangers",
    paper=Paper(
        "STAMP: Outlier-aware test-time adaptation with stable memory replay",
        "Yu, Sheng, He, Liang",
        2024,
        "https://arxiv.org/abs/2407.15773",
    ),
    needs=(NORMALISATION,),
    forwards=3.0,
    backwards=1.0,
    at_most=True,
    minimum_batch=2,
)
class STAMP(Adapter):
    """Stable memory replay."""

    learns = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """Who joins the memory, and how fast to learn from it."""

        learning_rate: float = hyperparameter(1e-3, 1e-5, 1e-2, log=True, help="step of Adam")
        capacity: int = hyperparameter(64, 16, 512, log=True, help="examples that are kept")
        margin: float = hyperparameter(
            0.4, 0.1, 0.8, limit=1, help="largest entropy that joins, of that of equal chances"
        )
        strength: float = hyperparameter(
            0.1, 0.01, 0.5, log=True, help="noise of the second view, a share of the spread"
        )
        prior: float = hyperparameter(
            0.0, 0.0, 256.0, help="training examples that the old statistics are worth"
        )

    def prepare(self) -> None:
        """Batch normalisation by the batch; scales and shifts take gradients."""
        blend_batch_normalisation(self.model, self.settings.prior)
        self.adapting = affine_parameters(self.model, "STAMP")

    def begin(self) -> None:
        """A new optimiser and an empty memory."""
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)
        self.drawing = self.generator("views")
        self.kept: Tensor | None = None
        self.entropy, self.classes = torch.zeros(0), torch.zeros(0, dtype=torch.int64)

    def answer(self, x: Tensor) -> Tensor:
        """Logarithms of the mean probabilities of two views; then a step on the memory."""
        with torch.no_grad():
            logits = self.forward(x).logits
            second = self.forward(noisy(x, self.settings.strength, self.drawing)).logits
            both = (probabilities(logits) + probabilities(second)) / 2
            answer = logits_of_probabilities(both, logits)
            self.strangeness = example_entropies(answer)
            self._remember(x, logits, second)
        self._replay(len(x))
        return answer

    def _remember(self, x: Tensor, logits: Tensor, second: Tensor) -> None:
        """Let reliable, consistent examples join; each class keeps its surest."""
        own, other = _mean_chances(logits), _mean_chances(second)
        entropy, classes = example_entropies(logits), own.argmax(1)
        join = (entropy < self.settings.margin * largest_entropy(logits)) & (
            classes == other.argmax(1)
        )
        rows = x[join].clone()
        kept = rows if self.kept is None else torch.cat([self.kept, rows])
        entropy = torch.cat([self.entropy.to(entropy), entropy[join]])
        classes = torch.cat([self.classes.to(classes), classes[join]])
        each = math.ceil(self.settings.capacity / logits.shape[-1])
        stay = lowest_per_class(entropy, classes, each)
        self.kept, self.entropy, self.classes = kept[stay], entropy[stay], classes[stay]

    def _replay(self, most: int) -> None:
        """One step on at most so many entries; two are the fewest that have statistics."""
        assert self.kept is not None
        drawn = torch.randperm(len(self.kept), generator=self.drawing)[:most].to(self.kept.device)
        if len(drawn) < 2:
            return
        entropy = example_entropies(self.forward(self.kept[drawn]).logits)
        self.optimizer.zero_grad()
        self.backward(self_weighted(entropy), len(drawn))
        self.optimizer.step()
        self.entropy[drawn] = entropy.detach()


def self_weighted(entropy: Tensor) -> Tensor:
    """The mean of entropies ``(n,)`` weighted by ``exp(-H)``, the weights held constant."""
    return ((-entropy.detach()).softmax(0) * entropy).sum()


def _mean_chances(logits: Tensor) -> Tensor:
    """Probabilities ``(n, C)``, of tokens their mean over the positions."""
    return probabilities(logits).view(len(logits), -1, logits.shape[-1]).mean(1)
