"""What every post-hoc detector is: hyperparameters, a fit on what the model knows, and a score.

A detector is a frozen dataclass. ``fit`` turns the model's outputs on training examples into a
dictionary of tensors, which is all that a saved guard keeps; ``score`` reads that dictionary and
the outputs on new examples. Neither changes its arguments. Scores are larger the stranger the
input, everywhere, and one row's score never depends on the others in its batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gengap.base.hyperparameters import Hyperparameters
from gengap.models.outputs import Outputs

Fitted = dict[str, Tensor]


@dataclass(frozen=True)
class Detector(Hyperparameters):
    """Base of all post-hoc detectors; fields are hyperparameters, declared as methods' are.

    Subclasses give :meth:`score` and, where they learn something, :meth:`fit`.
    """

    def fit(self, train: Outputs) -> Fitted:
        """Learn from the model's outputs on training examples.

        Raises:
            UsageError: what the detector needs is missing or too little.
        """
        return {}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Strangeness ``(n,)`` float32 of each example; larger is stranger.

        Args:
            fitted: what :meth:`fit` returned, perhaps saved and loaded since.
            outputs: the model's outputs on the examples.
        """
        raise NotImplementedError

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """Hyperparameters as JSON values."""
        return dataclasses.asdict(self)
