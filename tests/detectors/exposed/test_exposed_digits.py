"""What strangers in training are worth on real digits, with three classes left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from exposed_toys import auroc
from sklearn.datasets import load_digits
from torch import Tensor, nn

from gengap.detectors.energy import Energy
from gengap.detectors.exposed.outlier_exposure import outlier_exposure
from gengap.detectors.exposed.scone import scone
from gengap.detectors.exposed.separate_and_learn import separate_and_learn
from gengap.models.reading import outputs_of

SEEDS = range(3)


@dataclass(frozen=True)
class Parts:
    """Inliers in four parts, two parts of the classes left out, and a network trained on noise."""

    train: Tensor
    labels: Tensor
    held_out: Tensor
    met: Tensor
    test: Tensor
    strangers_met: Tensor
    strangers: Tensor
    noise: Tensor
    plain: nn.Module

    def area(self, model: nn.Module, strangers: Tensor) -> float:
        """AUROC of the energy for strangers against test inliers."""
        scores = [Energy().score({}, outputs_of(model, x)) for x in (self.test, strangers)]
        return float(auroc(*scores))


def parts(seed: int) -> Parts:
    digits = load_digits()
    source = np.random.default_rng(seed)
    images = torch.from_numpy(digits.data / 16).float()
    order = source.permutation(len(images))
    left_out = source.choice(10, 3, replace=False)
    strange = order[np.isin(digits.target[order], left_out)]
    known = order[~np.isin(digits.target[order], left_out)]
    classes = np.setdiff1d(np.arange(10), left_out)
    n = len(known)
    train, held_out, met, test = np.split(known, [n // 2, 6 * n // 10, 8 * n // 10])
    labels = torch.from_numpy(np.searchsorted(classes, digits.target[train]))
    noise = torch.from_numpy(source.random((1000, 64))).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 7)
        )
    plain = outlier_exposure(fresh, images[train], labels, noise, weight=0, seed=seed)
    pieces = [images[rows] for rows in (held_out, met, test, *np.array_split(strange, 2))]
    return Parts(images[train], labels, *pieces, noise, plain)


@pytest.mark.slow
def test_exposure_to_noise_carries_over_to_other_noise():
    for p in map(parts, SEEDS):
        other = torch.from_numpy(np.random.default_rng(9).normal(0.3, 0.3, (300, 64))).float()
        exposed = outlier_exposure(p.plain, p.train, p.labels, p.noise)
        assert p.area(exposed, other.clamp(0, 1)) > max(0.99, p.area(p.plain, other.clamp(0, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["separate and learn", "scone"])
def test_wild_data_helps_with_strangers_in_it_and_hurts_without(method):
    def learnt(p: Parts, wild: Tensor) -> nn.Module:
        if method == "scone":
            return scone(p.plain, p.train, p.labels, wild)
        return separate_and_learn(p.plain, p.train, p.labels, p.held_out, wild)[0]

    gains, losses = [], []
    for p in map(parts, SEEDS):
        before = p.area(p.plain, p.strangers)
        mixture = torch.cat([p.met, p.strangers_met])
        gains.append(p.area(learnt(p, mixture), p.strangers) - before)
        losses.append(p.area(learnt(p, p.met), p.strangers) - before)
    assert np.mean(gains) > 0.03
    assert min(gains) > 0
    assert np.mean(losses) < 0
