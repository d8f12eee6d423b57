"""Entropy-gated augmentation: where a black box is unsure, it is asked again in other words.

The model is asked once. Where the entropy of its answer is above ``gate log C`` the input is
rewritten ``views`` times, the model asked for each, and the probabilities of all ``views + 1``
answers are averaged. Sure answers stay as they are and cost nothing more, so the gate decides how
many calls are spent (O'Brien et al. 2024). Nothing of the model is looked at but its answers.

The paper lets a language model rewrite text. Any function will do that takes a batch and a
generator and gives a batch: ``augment=``. By default numbers get noise and tokens are exchanged.

Helps where rewriting brings an input back to what the model knows, and by averaging. Hurts where
rewriting changes what the input means, most on tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gengap.adapters.base import Adapter, Source
from gengap.adapters.registry import register_adapter
from gengap.adapters.tools.softmax import (
    example_entropies,
    largest_entropy,
    logits_of_probabilities,
    probabilities,
)
from gengap.adapters.tools.views import noisy
from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

Augment = Callable[[Tensor, torch.Generator], Tensor]


@register_adapter(
    "gated-augmentation",
    summary="asks again about changed inputs where the answer was unsure, and averages",
    paper=Paper(
        "Improving black-box robustness with in-context rewriting",
        "O'Brien, Ng, Puri, Mendez, Palangi, Kim, Ghassemi, Hartvigsen",
        2024,
        "https://arxiv.org/abs/2402.08225",
    ),
    forwards=5.0,
    at_most=True,
)
class GatedAugmentation(Adapter):
    """Averages over rewritings, where needed.

    Args:
        augment: rewrites a batch, with a generator to draw from; noise by default.
    """

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """When to ask again, and how often."""

        views: int = hyperparameter(4, 1, 16, log=True, help="rewritings of an unsure input")
        gate: float = hyperparameter(
            0.3, 0.0, 1.0, limit=1, help="entropy above which to ask again, of the largest"
        )
        strength: float = hyperparameter(
            0.1, 0.01, 0.5, log=True, help="of the default rewriting, a share of the spread"
        )

    def __init__(
        self,
        model: nn.Module,
        *,
        augment: Augment | None = None,
        source: Source | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self._augment = augment
        super().__init__(model, source=source, seed=seed, **settings)

    def begin(self) -> None:
        """A new stream of rewritings."""
        self.drawing = self.generator("rewritings")

    def answer(self, x: Tensor) -> Tensor:
        """Logits, those of unsure examples from averaged probabilities."""
        logits = self.forward(x).logits
        unsure = example_entropies(logits) > self.settings.gate * largest_entropy(logits)
        rows = unsure.nonzero()[:, 0]
        if not len(rows):
            return logits
        views = int(self.settings.views)
        chances = probabilities(logits[rows])
        for _ in range(views):
            chances = chances + probabilities(self.forward(self._rewritten(x[rows])).logits)
        made = logits_of_probabilities(chances / (views + 1), logits[rows])
        return logits.index_copy(0, rows, made)

    def _rewritten(self, x: Tensor) -> Tensor:
        """Another view of each example."""
        if self._augment is None:
            return noisy(x, self.settings.strength, self.drawing)
        made = self._augment(x, self.drawing)
        if made.shape[:1] != x.shape[:1]:
            raise UsageError(
                f"augment must give a view of each example: {len(x)} went in, {len(made)} came out."
            )
        return made
