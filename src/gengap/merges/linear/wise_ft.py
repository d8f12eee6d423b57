"""WiSE-FT: the line between the model before fine-tuning and after.

    θ = (1 - α) θ_base + α θ_fine-tuned.

Fine-tuning gains where its data are and forgets elsewhere. On the way between, what was gained
rises faster than what was known falls, so that somewhere in the middle both are high: under shift
often higher than at either end, since the two models err on different examples. Of several
fine-tunings the mean is taken first. ``α`` 1/2 is the paper's choice where nothing is known.

Needs a base that does the task: a head that fine-tuning began with must have been sensible, such
as one made from names of classes or fitted alone before (linear probing, then fine-tuning).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Place
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import BASE, register_merge


@register_merge(
    "wise-ft",
    summary="a point on the line from the base to its fine-tuning",
    paper=Paper(
        "Robust fine-tuning of zero-shot models",
        "Wortsman, Ilharco, Kim, Li, Kornblith, Roelofs, Gontijo-Lopes, Hajishirzi, Farhadi, "
        "Namkoong, Schmidt",
        2022,
        "https://arxiv.org/abs/2109.01903",
    ),
    needs=(BASE,),
)
@dataclass(frozen=True)
class WiseFT(Combination):
    """Interpolation between the base and the mean of its fine-tunings."""

    share: float = hyperparameter(0.5, 0.1, 0.9, limit=1, help="share of the fine-tuned model")
    piecewise: ClassVar[bool] = True

    def coefficients(
        self, given: Sequence[Tensor], base: Tensor | None, at: Place
    ) -> Sequence[float]:
        """The share, divided between the fine-tunings."""
        return [self.share * weight for weight in at.weights]
