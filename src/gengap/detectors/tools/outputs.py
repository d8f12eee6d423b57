"""Reading a model's outputs safely: bounded numbers, bounded memory, enough training examples.

Features of an input far outside the training data can be as large as floats get; their squares
and products then overflow and the score is no number. Beyond ``LIMIT`` all features count as
equally large, so that every score stays finite and in the right order below it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.detectors.tools.moments import largest
from gengap.detectors.tools.training import classes_of, training_features
from gengap.models.outputs import Outputs, labels_of

LIMIT = 1e15
EXAMPLES = 4096


def bounded(rows: Tensor) -> Tensor:
    """Rows as float32 numbers between -1e15 and 1e15, apart from any gradient."""
    return rows.detach().to(torch.float32).clamp(-LIMIT, LIMIT)


def finite(scores: Tensor) -> Tensor:
    """Scores as float32; those beyond its range become its largest numbers."""
    largest = torch.finfo(torch.float32).max
    return scores.clamp(-largest, largest).to(torch.float32)


def by_examples(
    score: Callable[[Outputs], Tensor], outputs: Outputs, most: int = EXAMPLES
) -> Tensor:
    """Join the scores ``(n,)`` of ``most`` examples at a time, which bounds the memory.

    Args:
        score: from some examples' outputs to their scores.
        outputs: of ``n`` examples; none give scores ``(0,)``.
        most: examples at a time.
    """
    starts = range(0, max(len(outputs), 1), most)
    return torch.cat([score(outputs.rows(slice(start, start + most))) for start in starts])


def known_features(train: Outputs, least: int = 1) -> Tensor:
    """Bounded features ``(n, d)`` of at least ``least`` training examples, or a usage error."""
    features = training_features(train)
    if len(features) < least:
        raise UsageError(f"This detector needs {least} training examples, not {len(features)}.")
    return bounded(features) if len(features) and largest(features) > LIMIT else features


def class_codes(train: Outputs) -> Tensor:
    """Class codes ``(n,)`` of training examples of two or more classes, or a usage error."""
    classes_of(train)
    return labels_of(train).long()
