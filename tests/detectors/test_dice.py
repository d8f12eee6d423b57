from __future__ import annotations

import math

import pytest
import torch

from gengap.detectors.dice import Dice
from gengap.detectors.energy import Energy
from gengap.models.outputs import Head, Outputs

# Mean features (1, 2, 3): contributions (1, -2, 6) and (3, 8, -3), of which 8 and 6 are largest.
WEIGHT = torch.tensor([[1.0, -1.0, 2.0], [3.0, 4.0, -1.0]])
HEAD = Head(WEIGHT, torch.tensor([0.5, 0.0]))
TRAIN = Outputs(features=torch.tensor([[0.0, 2.0, 6.0], [2.0, 2.0, 0.0]]), head=HEAD)


def test_keeps_the_weights_that_contribute_most() -> None:
    fitted = Dice(pruned=0.66).fit(TRAIN)
    assert fitted["weight"].tolist() == [[0, 0, 2], [0, 4, 0]]


def test_value_worked_by_hand() -> None:
    dice = Dice(pruned=0.66)
    scores = dice.score(dice.fit(TRAIN), Outputs(features=torch.tensor([[7.0, 1.0, 2.0]])))
    assert float(scores) == pytest.approx(-math.log(math.exp(4.5) + math.exp(4)), rel=1e-6)


def test_without_pruning_it_is_the_energy_score() -> None:
    features = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    dice = Dice(pruned=0.0)
    scores = dice.score(dice.fit(TRAIN), Outputs(features=features))
    assert torch.allclose(scores, Energy().score({}, Outputs(logits=HEAD(features))), atol=1e-6)


def test_ties_keep_the_stated_number_of_weights() -> None:
    level = Outputs(features=torch.ones(2, 10), head=Head(torch.ones(2, 10), torch.zeros(2)))
    assert Dice(pruned=0.75).fit(level)["weight"].sum() == 5
    assert Dice(pruned=1.0).fit(level)["weight"].sum() == 1


def test_evidence_through_weights_idle_in_training_does_not_count() -> None:
    dice = Dice(pruned=0.66)
    fitted = dice.fit(TRAIN)
    through_idle, through_used = torch.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    strange, usual = dice.score(fitted, Outputs(features=torch.stack([through_idle, through_used])))
    assert strange > usual
