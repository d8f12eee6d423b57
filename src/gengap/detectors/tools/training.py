"""What detectors read of the training examples: features and classes."""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.detectors.tools.moments import largest
from gengap.models.outputs import Outputs, features_of, labels_of


def training_features(train: Outputs) -> Tensor:
    """Features ``(n, d)`` in single precision.

    Raises:
        UsageError: there are none, or a value is not finite.
    """
    features = features_of(train).detach().float()
    if not len(features):
        raise UsageError("This detector needs at least one training example; none was given.")
    if features.numel() and not torch.isfinite(largest(features)):
        raise UsageError(
            "The features of the training examples hold NaN or infinity; leave those examples out."
        )
    return features


def classes_of(train: Outputs) -> Tensor:
    """Each training example's class as a number below the count of classes seen, ``(n,)`` int64.

    Raises:
        UsageError: there are no labels, or fewer than two classes.
    """
    seen, codes = torch.unique(labels_of(train), return_inverse=True)
    if len(seen) < 2:
        raise UsageError(
            f"This detector needs training examples of at least 2 classes; it got {len(seen)}."
        )
    return codes
