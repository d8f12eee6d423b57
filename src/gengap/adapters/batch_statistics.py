"""Batch statistics: batch normalisation by the batch that is answered, not by training's.

Every channel of a batch-normalised layer is shifted and scaled so that over the *answered* batch,
together with a prior that is worth ``prior`` training examples, it has mean 0 and variance 1. No
gradient, no memory, one forward pass (Schneider et al. 2020; without a prior Nado et al. 2020).

Helps where a shift moves or stretches activations alike for all examples: noise, blur, another
sensor. Hurts where the batch is not a fair draw: batches of one class have the class's own mean
subtracted, small ones are noisy (raise ``prior``), mixed ones have one statistic for several
shifts.
"""

from __future__ import annotations

from dataclasses import dataclass

from gengap.adapters.base import Adapter
from gengap.adapters.registry import BATCH_NORMALISATION, register_adapter
from gengap.adapters.tools.normalisation import blend_batch_normalisation
from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper


@register_adapter(
    "batch-statistics",
    summary="normalises by the statistics of the batch it answers, blended with training's",
    paper=Paper(
        "Improving robustness against common corruptions by covariate shift adaptation",
        "Schneider, Rusak, Eck, Bringmann, Brendel, Bethge",
        2020,
        "https://arxiv.org/abs/2006.16971",
    ),
    tasks=("classification", "regression"),
    needs=(BATCH_NORMALISATION,),
)
class BatchStatistics(Adapter):
    """Batch normalisation by the batch."""

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """With ``prior`` 0 the batch alone counts, which needs more than one example."""

        prior: float = hyperparameter(
            16.0, 1.0, 256.0, log=True, help="training examples that the old statistics are worth"
        )

    def prepare(self) -> None:
        """Replace the layers' statistics."""
        if not blend_batch_normalisation(self.model, self.settings.prior):
            raise UsageError(
                "BatchStatistics needs batch normalisation; the model has none, use an adapter "
                "that needs none (gengap adapters)."
            )
