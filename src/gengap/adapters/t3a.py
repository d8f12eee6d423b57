"""T3A: the last layer's weights become the means of the features that were sure of their class.

Each class ``k`` begins with a support of one, the direction of its row of the last layer's weights.
An answered example adds the direction of its features to the support of the class it is predicted
as; a support keeps its ``supports`` entries of lowest entropy. Then

    z_k = f · c_k,        c_k = mean of the support of k,

with ``f`` the features (Iwasawa & Matsuo 2021). No gradient; a batch is added before it is
answered.

Helps where classes stay clusters that moved together, and on regular batches of all classes. Hurts
where the model is mostly wrong: false entries are sure of themselves too; and the bias of the last
layer, with all that it knows of rare classes, is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.adapters.base import Adapter
from gengap.adapters.registry import HEAD, register_adapter
from gengap.adapters.tools.banks import lowest_per_class
from gengap.adapters.tools.softmax import class_rows, entropies
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper


@register_adapter(
    "t3a",
    summary="answers by the mean features of the answers it was surest of, class by class",
    paper=Paper(
        "Test-time classifier adjustment module for model-agnostic domain generalization",
        "Iwasawa, Matsuo",
        2021,
        "https://openreview.net/forum?id=e_yvNqkJKAW",
    ),
    needs=(HEAD,),
)
class T3A(Adapter):
    """Prototypes of sure answers."""

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How much is kept."""

        supports: int = hyperparameter(20, 1, 100, log=True, help="entries kept for each class")

    def begin(self) -> None:
        """No supports yet: which layer is the last shows when the network runs."""
        self.supports: Tensor | None = None
        self.classes = torch.zeros(0, dtype=torch.int64)
        self.entropy = torch.zeros(0)

    def _start(self, head: nn.Linear) -> Tensor:
        """Supports of the last layer's own directions."""
        supports = F.normalize(head.weight.detach().clone(), dim=1)
        self.classes = torch.arange(len(supports), device=head.weight.device)
        self.entropy = entropies(F.linear(supports, head.weight, head.bias).detach())
        return supports

    def answer(self, x: Tensor) -> Tensor:
        """Products ``(n, ..., C)`` of features with the mean supports."""
        features, logits = said = self.forward(x)
        rows, told = features.flatten(0, -2), class_rows(logits)
        known = self._start(self.head(said)) if self.supports is None else self.supports
        self.supports = torch.cat([known, F.normalize(rows, dim=1)])
        self.classes = torch.cat([self.classes, told.argmax(1)])
        self.entropy = torch.cat([self.entropy, entropies(told)])
        kept = lowest_per_class(self.entropy, self.classes, int(self.settings.supports))
        self.supports, self.classes = self.supports[kept], self.classes[kept]
        self.entropy = self.entropy[kept]
        member = F.one_hot(self.classes, told.shape[1]).to(rows.dtype)
        centres = member.T @ self.supports / member.sum(0)[:, None].clamp_min(1)
        return (rows @ centres.T).view(logits.shape)
