from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from gengap.base.errors import UsageError
from gengap.detectors.energy import Energy
from gengap.detectors.react import ReAct
from gengap.models.outputs import Head, Outputs

HEAD = Head(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0.5, -1.0]))
TRAIN = Outputs(features=torch.arange(11.0).repeat(2, 1).T.contiguous(), head=HEAD)


def test_value_worked_by_hand() -> None:
    fitted = ReAct(share=0.8).fit(TRAIN)
    assert float(fitted["cap"]) == 8  # of 0, 0, 1, 1, ..., 10, 10
    scores = ReAct().score(fitted, Outputs(features=torch.tensor([[20.0, 3.0]])))
    # Capped features (8, 3) give the logits 8.5 and 5.
    assert float(scores) == pytest.approx(-math.log(math.exp(8.5) + math.exp(5)), rel=1e-6)


def test_without_a_cap_it_is_the_energy_score() -> None:
    features = 10 * torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    react = ReAct(share=1.0)
    capped = react.score(react.fit(TRAIN), Outputs(features=features))
    energy = Energy().score({}, Outputs(logits=HEAD(features)))
    assert torch.allclose(capped, energy, atol=1e-5)


def test_a_unit_that_fires_abnormally_no_longer_makes_the_model_sure() -> None:
    react, abnormal = ReAct(), torch.tensor([[1000.0, 0.0], [9.0, 9.0]])
    strange, usual = react.score(react.fit(TRAIN), Outputs(features=abnormal))
    assert strange > usual
    plain = Energy().score({}, Outputs(logits=HEAD(abnormal)))
    assert plain[0] < plain[1]


def test_bad_input_is_a_usage_error() -> None:
    for train in (
        replace(TRAIN, head=None),
        replace(TRAIN, features=None),
        replace(TRAIN, features=torch.zeros(0, 2)),
        replace(TRAIN, features=torch.full((3, 2), math.nan)),
    ):
        with pytest.raises(UsageError):
            ReAct().fit(train)
