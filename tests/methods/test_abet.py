from __future__ import annotations

import math

import torch
from scipy.special import logsumexp
from torch import nn
from trained_toys import Trained, circle

from gengap.detectors.energy import Energy
from gengap.methods import abet
from gengap.models.outputs import Outputs
from gengap.testing import toy


def parameters(weight: list[float], gain: float, bias: float) -> dict[str, torch.Tensor]:
    return {
        "directions": torch.tensor([[[2.0, 0.0], [0.0, 3.0]]]),
        "temperature.weight": torch.tensor(weight).view(1, -1, 1),
        "temperature.gain": torch.full((1, 1, 1), gain),
        "temperature.bias": torch.full((1, 1, 1), bias),
        "mean": torch.ones(1, 1, 1),
        "variance": torch.full((1, 1, 1), 4.0),
    }


def test_logits_by_hand() -> None:
    # u = 3 - 2*1 = 1 equals the mean, so T = sigmoid(bias); cosines of (3, 1) are (3, 1) / sqrt 10.
    found = abet.divided_logits(
        parameters([1.0, -2.0], 5.0, math.log(0.25)), torch.tensor([[[3.0, 1.0]]])
    )
    temperature = 0.001 + 0.999 * 0.2
    wanted = torch.tensor([[[3.0, 1.0]]]) / math.sqrt(10) / temperature
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_temperature_by_hand() -> None:
    rows = torch.tensor([[[5.0, 0.0], [1.0, 0.0], [-3.0, 0.0]]])  # u - mean = 4, 0, -4; deviation 2
    found = abet.temperature(parameters([1.0, 0.0], 0.5, 0.0), rows)[0, :, 0]
    wanted = torch.tensor([0.001 + 0.999 / (1 + math.exp(-k)) for k in (1, 0, -1)])
    torch.testing.assert_close(found, wanted)


def test_temperature_one_is_the_energy_of_the_cosines() -> None:
    features = torch.randn(1, 20, 2, generator=torch.Generator().manual_seed(0))
    logits = abet.divided_logits(parameters([1.0, 1.0], 0.0, 50.0), features)[0]
    cosines = features[0] / features[0].norm(dim=1, keepdim=True)
    found = Energy().score({}, Outputs(logits=logits))
    torch.testing.assert_close(found, Energy().score({}, Outputs(logits=cosines)))
    torch.testing.assert_close(
        found.double(), -torch.from_numpy(logsumexp(cosines.double(), axis=1))
    )


def test_loss_and_running_averages_are_batch_normalisation() -> None:
    problem = toy([abet.AbeT()])
    batch, own = problem.batches[0], problem.network.parameters
    loss = problem.method.loss(problem.network, batch, problem.state)
    features = problem.network(batch.x).features.detach()[0].flatten(0, 1)
    norm = nn.BatchNorm1d(1)
    usual = norm(features @ own["temperature.weight"][0].detach())
    temperature = 0.001 + 0.999 * torch.sigmoid(usual)
    cosines = nn.functional.cosine_similarity(
        features[:, None], own["directions"][0].detach().T[None], dim=2
    )
    wanted = nn.CrossEntropyLoss()(cosines / temperature, batch.y[0].flatten())
    torch.testing.assert_close(loss[0].detach(), wanted.detach())
    torch.testing.assert_close(problem.state["mean"].flatten(), norm.running_mean)
    # PyTorch keeps the unbiased variance, here it is the biased one.
    count = len(features)
    kept = (norm.running_var - 0.9) * (count - 1) / count + 0.9
    torch.testing.assert_close(problem.state["variance"].flatten(), kept)


def test_score_is_the_energy_of_the_divided_logits() -> None:
    X, y = circle()
    trained = Trained(abet.AbeT(), X, y, width=8, steps=5)
    outputs = trained.outputs(X)
    own = trained.network.parameters
    by_hand = abet.divided_logits(own, outputs.features[None])[0]
    wanted = -logsumexp(by_hand.double().numpy(), axis=1)
    score = Energy().score({}, outputs)
    torch.testing.assert_close(score.double(), torch.from_numpy(wanted), rtol=1e-5, atol=1e-5)
