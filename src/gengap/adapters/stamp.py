"""STAMP: entropy is lowered on a memory of stable examples, not on the batch that came.

Each batch is answered by the mean of the probabilities of two views, as it is and with noise, and
the entropy of that mean tells strangers. An example joins the memory if it is *reliable*, that
entropy below ``margin log C``, and *label consistent*: the adapted model and the model as it began,
both normalising by the batch, give it one class. Of a full memory the oldest entry of the class
that has most leaves, so it is balanced whatever the stream, and strangers hardly enter it. For
every batch as many entries as the batch has examples are drawn, and

    L = Σ_j w_j H_j,      w_j = exp(-H_j) / Σ exp(-H),

surer entries weighing more, is lowered through the scales and shifts of normalisation layers by a
sharpness-aware step, as in :mod:`gengap.adapters.sar`: the gradient at ``θ + radius g/|g|`` is used
at ``θ`` (Yu et al. 2024).

The source views its images by flips, crops and jitter, replays all of its 64 entries for batches of
64, and lets the step size fade, for which a stream without an end has no time.

Helps on streams with strangers and on label-correlated ones. Hurts, against Tent, on short streams,
as the memory must fill; and it keeps examples of the stream, which not everybody may.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import NORMALISATION, register_adapter
from gengap.adapters.tools.banks import latest_levelled
from gengap.adapters.tools.normalisation import affine_parameters, blend_batch_normalisation
from gengap.adapters.tools.softmax import (
    example_entropies,
    largest_entropy,
    logits_of_probabilities,
    probabilities,
)
from gengap.adapters.tools.steps import climb, climb_down, standing_at
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
    forwards=5.0,
    backwards=2.0,
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
        radius: float = hyperparameter(0.05, 0.005, 0.5, log=True, help="how far to climb")
        strength: float = hyperparameter(
            0.1, 0.01, 0.5, log=True, help="noise of the second view, a share of the spread"
        )
        prior: float = hyperparameter(
            0.0, 0.0, 256.0, help="training examples that the old statistics are worth"
        )

    def prepare(self) -> None:
        """Batch normalisation by the batch; scales and shifts take gradients."""
        blended = blend_batch_normalisation(self.model, self.settings.prior)
        self.fewest = 2 if blended else 1  # that have statistics
        self.adapting = affine_parameters(self.model, "STAMP")
        self.start = [p.detach().clone() for p in self.adapting]

    def begin(self) -> None:
        """A new optimiser and an empty memory."""
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)
        self.drawing = self.generator("views")
        self.kept: Tensor | None = None
        self.classes = torch.zeros(0, dtype=torch.int64)

    def answer(self, x: Tensor) -> Tensor:
        """Logarithms of the mean probabilities of two views; then a step on the memory."""
        with torch.no_grad():
            logits = self.forward(x).logits
            second = self.forward(noisy(x, self.settings.strength, self.drawing)).logits
            with standing_at(self.adapting, self.start):
                first = self.forward(x).logits
            both = (probabilities(logits) + probabilities(second)) / 2
            answer = logits_of_probabilities(both, logits)
            self.strangeness = example_entropies(answer)
            self._remember(x, self.strangeness, logits, first)
        self._replay(len(x))
        return answer

    def _remember(self, x: Tensor, entropy: Tensor, logits: Tensor, first: Tensor) -> None:
        """Let reliable, consistent examples join; the oldest of the largest classes leave."""
        classes = _mean_chances(logits).argmax(1)
        join = (entropy < self.settings.margin * largest_entropy(logits)) & (
            classes == _mean_chances(first).argmax(1)
        )
        rows = x[join].clone()
        kept = rows if self.kept is None else torch.cat([self.kept, rows])
        classes = torch.cat([self.classes.to(classes), classes[join]])
        stay = latest_levelled(classes, int(self.settings.capacity))
        self.kept, self.classes = kept[stay], classes[stay]

    def _replay(self, most: int) -> None:
        """One step on at most so many entries."""
        assert self.kept is not None
        drawn = torch.randperm(len(self.kept), generator=self.drawing)[:most].to(self.kept.device)
        if len(drawn) < self.fewest:
            return
        rows = self.kept[drawn]
        self._descend(rows)
        added = climb(self.adapting, self.settings.radius)
        self._descend(rows)
        climb_down(self.adapting, added)
        self.optimizer.step()

    def _descend(self, x: Tensor) -> None:
        """The gradient of the weighted entropy where the parameters are."""
        entropy = example_entropies(self.forward(x).logits)
        self.optimizer.zero_grad()
        self.backward(self_weighted(entropy), len(x))


def self_weighted(entropy: Tensor) -> Tensor:
    """The mean of entropies ``(n,)`` weighted by ``exp(-H)``, the weights held constant."""
    return ((-entropy.detach()).softmax(0) * entropy).sum()


def _mean_chances(logits: Tensor) -> Tensor:
    """Probabilities ``(n, C)``, of tokens their mean over the positions."""
    return probabilities(logits).view(len(logits), -1, logits.shape[-1]).mean(1)
