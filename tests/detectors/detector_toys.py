"""A trained toy network's outputs, and outputs made by hand, for the tests of detectors."""

from __future__ import annotations

import torch

from gengap.models.outputs import Outputs
from gengap.statistics.separation.metrics import auroc
from gengap.testing import Blobs, blobs
from gengap.testing.detectors import complaint

__all__ = ["Blobs", "auroc", "blobs", "complaint", "outputs_of_logits", "random_logits"]


def outputs_of_logits(logits: list[list[float]], labels: list[int] | None = None) -> Outputs:
    """Outputs of which only the logits, and perhaps the labels, are known."""
    known = None if labels is None else torch.tensor(labels)
    return Outputs(logits=torch.tensor(logits, dtype=torch.float32), labels=known)


def random_logits(rows: int, classes: int, scale: float = 3.0, seed: int = 0) -> Outputs:
    """Logits without a network behind them, with labels that follow them."""
    source = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=source)
    labels = torch.multinomial(logits.softmax(1), 1, generator=source)[:, 0]
    return Outputs(logits=logits, labels=labels)
