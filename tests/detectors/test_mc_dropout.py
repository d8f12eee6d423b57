"""All thinned networks counted out, the entropy by SciPy, and whole channels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import nn

from gengap.detectors.mc_dropout import MCDropout, entropy_of_mean
from gengap.detectors.registry import detector_info
from gengap.models.reading import outputs_of

WEIGHT = np.array([[2.0, -1.0], [-0.5, 1.5], [0.3, 0.4]])
X = torch.tensor([[1.0, 1.0], [3.0, -2.0], [0.1, 0.0]])


def dropping(chance: float) -> nn.Sequential:
    network = nn.Sequential(nn.Dropout(chance), nn.Linear(2, 3, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor(WEIGHT))
    return network


def test_the_entropy_is_scipys() -> None:
    logits = 5 * torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
    found = entropy_of_mean(lambda inputs, seed: logits[seed], X, [0, 1, 2, 3])
    mean = special.softmax(logits.numpy().astype(float), 2).mean(0)
    np.testing.assert_allclose(found, stats.entropy(mean, axis=1), rtol=1e-5)


def test_thinned_networks_come_as_often_as_they_should() -> None:
    # Of two units each is kept with chance 0.7 and then counts 1 / 0.7: four networks in all.
    outputs = outputs_of(dropping(0.3), X)
    assert outputs.dropout is not None
    drawn = torch.stack([outputs.dropout(X, seed) for seed in range(2000)]).numpy()
    for kept in product([0, 1], repeat=2):
        expected = (X.numpy() * kept / 0.7) @ WEIGHT.T
        share = np.isclose(drawn, expected, atol=1e-5).all((1, 2)).mean()
        chance = np.prod([0.7 if k else 0.3 for k in kept])
        assert abs(share - chance) < 5 * np.sqrt(chance * (1 - chance) / 2000)


def test_one_network_in_two_answers() -> None:
    # The one input that matters is there or not: p is (1/2, 1/2) or that of logits (4, 0).
    network = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[2.0], [0.0]]))
    outputs = outputs_of(network, torch.ones(1, 1))
    detector = MCDropout(passes=64)
    found = detector.score({}, outputs).item()
    sure = special.expit(4.0)
    means = [(k * sure + (64 - k) / 2) / 64 for k in range(65)]
    possible = np.array([stats.entropy([p, 1 - p]) for p in means])
    k = int(np.abs(possible - found).argmin())
    assert found == pytest.approx(possible[k], rel=1e-5)
    assert abs(k - 32) <= 5 * 4  # of 64 fair coins; their standard deviation is 4


def test_layers_for_channels_drop_whole_channels() -> None:
    network = nn.Sequential(nn.Dropout2d(0.5), nn.Flatten())
    outputs = outputs_of(network, torch.ones(2, 8, 3, 3))
    assert outputs.dropout is not None
    rows = outputs.dropout(torch.ones(2, 8, 3, 3), 0).view(2, 8, 9)
    assert set(rows.flatten().tolist()) == {0.0, 2.0}
    assert bool((rows == rows[:1, :, :1]).all())


def test_models_without_dropout_are_told() -> None:
    for model in (dropping(0.0), nn.Sequential(nn.Linear(2, 3))):
        told = detector_info("mc-dropout").why_not("classification", outputs_of(model, X))
        assert told == "mc-dropout needs the model's dropout, which this model does not show"
