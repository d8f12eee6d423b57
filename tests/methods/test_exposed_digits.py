"""What strangers in training are worth on real digits, with three classes left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from exposed_toys import auroc
from sklearn.datasets import load_digits
from trained_toys import Trained

from gengap.detectors.energy import Energy
from gengap.methods.base import Method
from gengap.methods.erm import ERM
from gengap.methods.outlier_exposure import OutlierExposure
from gengap.methods.scone import SCONE
from gengap.methods.separate_and_learn import SeparateAndLearn, separate
from gengap.models.as_module import module_of
from gengap.models.reading import outputs_of

SEEDS = range(3)


@dataclass(frozen=True)
class Parts:
    """Inliers in four parts, and two parts of the classes left out."""

    train: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    met: np.ndarray
    test: np.ndarray
    strangers_met: np.ndarray
    strangers: np.ndarray
    noise: np.ndarray

    def trained(self, method: Method, others: np.ndarray | None = None, steps: int = 600):
        return Trained(
            method,
            self.train,
            self.labels,
            width=(64, 64),
            steps=steps,
            batch=64,
            unlabelled=others,
        )

    def area(self, model: Trained, strangers: np.ndarray) -> float:
        """AUROC of the energy for strangers against test inliers."""
        scores = [Energy().score({}, model.outputs(x)) for x in (self.test, strangers)]
        return float(auroc(*scores))


def parts(seed: int) -> Parts:
    digits = load_digits()
    source = np.random.default_rng(seed)
    images = (digits.data / 16).astype(np.float32)
    order = source.permutation(len(images))
    left_out = source.choice(10, 3, replace=False)
    strange = order[np.isin(digits.target[order], left_out)]
    known = order[~np.isin(digits.target[order], left_out)]
    n = len(known)
    train, *others = np.split(known, [n // 2, 6 * n // 10, 8 * n // 10])
    noise = source.random((1000, 64)).astype(np.float32)
    pieces = [images[rows] for rows in (*others, *np.array_split(strange, 2))]
    return Parts(images[train], digits.target[train], *pieces, noise)


@pytest.mark.slow
def test_exposure_to_noise_carries_over_to_other_noise():
    for p in map(parts, SEEDS):
        other = np.random.default_rng(9).normal(0.3, 0.3, (300, 64)).clip(0, 1)
        other = other.astype(np.float32)
        plain = p.area(p.trained(ERM()), other)
        assert p.area(p.trained(OutlierExposure(), p.noise), other) > max(0.99, plain)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["separate and learn", "scone"])
def test_wild_data_helps_with_strangers_in_it_and_hurts_without(method):
    def learnt(p: Parts, plain: Trained, wild: np.ndarray) -> Trained:
        if method == "scone":
            return p.trained(SCONE(), wild)
        module = module_of(plain.network)
        labels = torch.from_numpy(np.searchsorted(plain.classes, p.labels))
        train = outputs_of(module, plain.prepared(p.train), labels=labels)
        shown = [outputs_of(module, plain.prepared(rows)) for rows in (p.held_out, wild)]
        return p.trained(SeparateAndLearn(), wild[separate(train, *shown).candidates.numpy()])

    gains, losses = [], []
    for p in map(parts, SEEDS):
        plain = p.trained(ERM())
        before = p.area(plain, p.strangers)
        mixture = np.concatenate([p.met, p.strangers_met])
        gains.append(p.area(learnt(p, plain, mixture), p.strangers) - before)
        losses.append(p.area(learnt(p, plain, p.met), p.strangers) - before)
    assert np.mean(gains) > 0.03
    assert min(gains) > 0
    assert np.mean(losses) < 0
