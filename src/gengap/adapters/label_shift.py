"""Label-shift correction: how frequent classes are at test time, by expectation maximisation.

If only the frequencies of classes moved, from ``π`` to ``ν``, and ``p_k(x)`` are the probabilities
under the old ones, Bayes' rule gives those under the new,

    q_k(x)  ∝  p_k(x) ν_k / π_k.

``ν`` maximises the likelihood ``Σ_i log Σ_k p_k(x_i) ν_k / π_k`` of the inputs; each step of
expectation maximisation sets ``ν_k`` to the mean of ``q_k(x_i)`` under the last ``ν`` (Saerens et
al. 2002). The inputs are the latest ``window`` examples, this batch included; ``prior`` examples
with the old frequencies are counted among them, which keeps frequencies from 0 and small windows
from wild ones. No gradient, no second pass, no change of the model.

Helps under label shift and on label-correlated streams. Hurts where the inputs moved too: the
probabilities are then wrong, and frequencies are read from them; and where the model is
overconfident (:mod:`gengap.adapters.lame` shares the aim, without frequencies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import SOURCE, register_adapter
from gengap.adapters.tools.banks import latest
from gengap.adapters.tools.softmax import class_rows, probabilities
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

STEPS, STILL = 200, 1e-6


@register_adapter(
    "label-shift",
    summary="corrects answers for how frequent classes have become",
    paper=Paper(
        "Adjusting the outputs of a classifier to new a priori probabilities",
        "Saerens, Latinne, Decaestecker",
        2002,
        "https://doi.org/10.1162/089976602753284446",
    ),
    needs=(SOURCE,),
)
class LabelShift(Adapter):
    """New frequencies of classes."""

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How long to look back."""

        window: int = hyperparameter(500, 50, 5000, log=True, help="latest examples that count")
        prior: float = hyperparameter(
            10.0, 1.0, 100.0, log=True, help="examples that the old frequencies are worth"
        )

    def prepare(self) -> None:
        """Count the training labels."""
        self.labels = self.training_examples().y.flatten()

    def begin(self) -> None:
        """Nothing was seen."""
        self.seen: Tensor | None = None

    def answer(self, x: Tensor) -> Tensor:
        """Corrected logits ``(n, ..., C)``."""
        logits = self.forward(x).logits
        rows = probabilities(logits)
        window = int(self.settings.window)
        self.seen = rows[-window:] if self.seen is None else latest(self.seen, rows, window)
        old = self._old(class_rows(logits).shape[1]).to(rows)
        new = frequencies(self.seen, old, self.settings.prior)
        return logits + (new / old).log()

    def _old(self, classes: int) -> Tensor:
        """Training frequencies ``(C,)``; a class that never occurred counts as half an example."""
        counts = torch.bincount(self.labels, minlength=classes).double().clamp_min(0.5)
        return counts / counts.sum()


def frequencies(chances: Tensor, old: Tensor, prior: float = 0.0) -> Tensor:
    """The likeliest new frequencies ``(C,)``.

    Args:
        chances: ``(n, C)`` probabilities under the old frequencies.
        old: ``(C,)``.
        prior: examples with the old frequencies that count too.
    """
    # So small a step takes NumPy a quarter of what it takes PyTorch.
    kind = torch.promote_types(chances.dtype, torch.float32)  # NumPy has no bfloat16
    rows, start = chances.to("cpu", kind).numpy(), old.to("cpu", kind).numpy()
    found = start
    for _ in range(STEPS):
        ratio = found / start
        # Mean of q_k over the rows, none of which is written out.
        given = ratio * ((1 / (rows @ ratio)) @ rows)
        before, found = found, (given + prior * start) / (len(rows) + prior)
        if np.abs(found - before).max() < STILL:
            break
    return torch.from_numpy(found).to(old)
