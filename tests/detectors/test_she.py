from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.detectors.she import She
from gengap.models.outputs import Outputs

# Class 0: two right answers and a wrong one; class 1: only a wrong one; class 2: no examples.
TRAIN = Outputs(
    logits=torch.tensor([[9.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [9.0, 0.0, 0.0]]),
    features=torch.tensor([[1.0, 3.0], [3.0, 5.0], [90.0, 90.0], [6.0, 2.0]]),
    labels=torch.tensor([0, 0, 0, 1]),
)


def test_patterns_worked_by_hand() -> None:
    assert She().fit(TRAIN)["patterns"].tolist() == [[2, 4], [6, 2], [25, 25]]


def test_value_worked_by_hand() -> None:
    new = Outputs(
        logits=torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        features=torch.tensor([[1.0, 1.0], [2.0, -1.0], [0.0, 1.0]]),
    )
    assert She().score(She().fit(TRAIN), new).tolist() == [-6, -10, -25]


def test_features_of_no_class_are_strange() -> None:
    new = Outputs(
        logits=torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        features=torch.tensor([[-2.0, 1.0], [2.0, 4.0]]),
    )
    strange, usual = She().score(She().fit(TRAIN), new)
    assert strange > usual


def test_one_class_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="at least 2 classes"):
        She().fit(replace(TRAIN, labels=torch.zeros(4, dtype=torch.int64)))
