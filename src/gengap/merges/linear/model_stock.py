"""Model Stock: as near to the centre of all fine-tunings as two of them can tell.

Fine-tunings of one base with different seeds lie, layer by layer, on a thin shell around a centre
``μ``: ``θ_k = μ + ε_k`` with the ``ε_k`` of one length and orthogonal to each other and to
``μ - θ_base``. The centre does best, inside and outside the training distribution. The point of the
plane through the models and the base that is nearest to ``μ`` lies between the base and the models'
mean ``θ̄``,

    θ = t θ̄ + (1 - t) θ_base,        t = K cos φ / (1 + (K - 1) cos φ),

with ``φ`` the angle at the base between two models. *Derivation.* Put the base at 0 and write
``m² = |μ|²``, ``s² = |ε|²``. Then ``cos φ = m² / (m² + s²)``, and ``t θ̄`` is nearest to ``μ`` at
``t = <θ̄, μ> / |θ̄|² = m² / (m² + s²/K)``, in which ``s² / m² = 1/cos φ - 1``.

Each tensor has an angle of its own. Where models agree it is small and the mean stands; where they
differ at random it is near 90 degrees and the base returns. Needs two models at least, and a base
that does something of the task. Obtuse angles give the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.merges.base import Choice, Place
from gengap.merges.linear.combination import Combination
from gengap.merges.pieces import pieces
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "model-stock",
    summary="between base and mean, by the angle between the models in each tensor",
    paper=Paper(
        "Model Stock: all we need is just a few fine-tuned models",
        "Jang, Yun, Han",
        2024,
        "https://arxiv.org/abs/2403.19522",
    ),
    needs=(BASE,),
    minimum_models=2,
)
@dataclass(frozen=True)
class ModelStock(Combination):
    """A share of the mean for each tensor, in closed form."""

    preferable: ClassVar[bool] = False

    def weights(self, choice: Choice) -> Sequence[float]:
        """Alike; an angle needs two."""
        if choice.number < 2:
            raise UsageError("Model Stock needs at least two fine-tuned models; give another.")
        return choice.alike

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """The ratio, divided between the models."""
        assert base is not None
        return [ratio(mean_cosine(given, base), len(given)) / len(given)] * len(given)


def ratio(cosine: float, models: int) -> float:
    """Share of the mean of ``models`` that see each other at an angle of this cosine.

    >>> ratio(1.0, 2), ratio(0.0, 2), ratio(0.5, 2)
    (1.0, 0.0, 0.6666666666666666)
    """
    cosine = max(cosine, 0.0)
    return models * cosine / (1 + (models - 1) * cosine)


def mean_cosine(given: Sequence[Tensor], base: Tensor) -> float:
    """Mean over pairs of the cosine of the angle at the base; models at the base count as 0."""
    number = len(given)
    # Products of a piece in single precision and their sums in double: the sum of ten million
    # products in single would lose three digits.
    products = torch.zeros(number, number, dtype=torch.float64)
    for start, *models in pieces([base, *given]):
        vectors = torch.stack(models).sub_(start)
        products += (vectors @ vectors.T).double().cpu()
    lengths = products.diagonal().sqrt()
    pairs = list(combinations(range(number), 2))
    size = [float(lengths[a] * lengths[b]) for a, b in pairs]
    cosines = [float(products[p]) / s if s else 0.0 for p, s in zip(pairs, size, strict=True)]
    return sum(cosines) / len(cosines)
