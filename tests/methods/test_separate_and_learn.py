"""Separate and learn: gradients against autograd, directions against NumPy, rank one by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from exposed_toys import exposed, separated, toy
from torch import nn
from trained_toys import Trained

from gengap.base.errors import UsageError
from gengap.detectors.energy import Energy
from gengap.methods.erm import ERM
from gengap.methods.separate_and_learn import (
    SeparateAndLearn,
    regression_loss,
    separate,
    top_direction,
)
from gengap.models.as_module import module_of
from gengap.models.outputs import Head, Outputs
from gengap.models.reading import outputs_of


def network() -> nn.Sequential:
    """Six inputs, sixteen hidden units, three logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def last_layer_gradients(model, rows, labels=None):
    """One flattened gradient of the last layer's weights and bias per row, by autograd."""
    found = []
    for k, row in enumerate(rows):
        logits = model(row[None])
        label = logits.argmax(1) if labels is None else labels[k : k + 1]
        loss = F.cross_entropy(logits, label)
        weight, bias = torch.autograd.grad(loss, [model[2].weight, model[2].bias])
        found.append(torch.cat([weight, bias[:, None]], 1).flatten().numpy())
    return np.array(found, np.float64)


def test_separation_against_autograd_and_numpy():
    inliers, labels, strangers = (torch.from_numpy(part) for part in toy(30))
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(model(inliers), labels).backward()
        optimizer.step()
    held_out = torch.from_numpy(toy(30, seed=1)[0])
    wild = torch.cat([torch.from_numpy(toy(15, seed=2)[0]), strangers])
    found = separate(
        outputs_of(model, inliers, labels=labels),
        outputs_of(model, held_out),
        outputs_of(model, wild),
        keep=0.9,
    )
    mean = last_layer_gradients(model, inliers, labels).mean(0)
    rows = last_layer_gradients(model, wild) - mean
    v = np.linalg.svd(rows)[2][0]
    scores = (rows @ v) ** 2
    threshold = np.sort(((last_layer_gradients(model, held_out) - mean) @ v) ** 2)[26]
    assert found.scores.numpy() == pytest.approx(scores, rel=1e-4, abs=1e-9)
    assert found.threshold == pytest.approx(threshold, rel=1e-4)
    assert np.array_equal(found.candidates.numpy(), scores > threshold)
    assert found.candidates[15:].float().mean() > found.candidates[:15].float().mean()


def test_rank_one_by_hand():
    """All gradients are multiples of one matrix, the direction; its sign does not count."""
    residual = np.array([[0.5, -0.5], [-1.0, 1.0], [0.25, -0.25]])
    features = np.tile([3.0, 4.0], (3, 1))
    found = top_direction(residual, features, np.zeros((2, 2)))
    by_hand = np.outer([1, -1], [3, 4]) / (5 * math.sqrt(2))
    assert found * np.sign(found[0, 0]) == pytest.approx(by_hand)


def test_scores_by_hand():
    """Two classes, one feature of 0, so that gradients are the residuals of the bias.

    Equal logits give (-1/2, 1/2); training labels of both classes cancel to a mean of 0. A wild
    row at probability p of its class scores 2 (1 - p)², and one certain of itself 0.
    """
    zero = torch.zeros(2, 1)
    train = Outputs(
        logits=torch.zeros(2, 2),
        features=zero,
        labels=torch.tensor([0, 1]),
        head=Head(torch.zeros(2, 1), torch.zeros(2)),
    )
    log3 = math.log(3)
    wild = Outputs(logits=torch.tensor([[log3, 0.0], [100.0, 0.0]]), features=zero)
    held_out = Outputs(logits=torch.tensor([[0.0, 2 * log3]]), features=zero[:1])
    found = separate(train, held_out, wild)
    assert found.scores.numpy() == pytest.approx([2 / 16, 0])
    assert found.threshold == pytest.approx(2 / 100)
    assert found.candidates.tolist() == [True, False]
    assert repr(found) == "Separation(1 of 2 wild examples above 0.02)"


def test_no_gradient_no_direction():
    assert not top_direction(np.zeros((3, 2)), np.ones((3, 4)), np.zeros((2, 4))).any()


def test_the_seed_of_the_search_does_not_matter():
    source = np.random.default_rng(0)
    residual, features = source.normal(size=(40, 3)), source.normal(size=(40, 5))
    one, two = (top_direction(residual, features, np.ones((3, 5)), seed) for seed in (0, 1))
    assert abs(np.vdot(one, two)) == pytest.approx(1)


def test_regression_loss_by_hand():
    """Energies log 3 and -log 3 (of one logit each): log 4 and, for strangers, log 4."""
    log3 = math.log(3)
    found = regression_loss(torch.tensor([[-log3]]), torch.tensor([[log3]]))
    assert float(found) == pytest.approx(2 * math.log(4))


def test_a_toy_is_learnt_from_its_mixture():
    inliers, labels, strangers = toy()
    fast = {"steps": 120, "batch": 64}
    plain = Trained(ERM(learning_rate=1e-2), inliers, labels, **fast)
    wild = np.concatenate([toy(seed=2)[0], strangers])
    module = module_of(plain.network)
    shown = [outputs_of(module, plain.prepared(rows)) for rows in (toy(seed=3)[0], wild)]
    train = outputs_of(module, plain.prepared(inliers), labels=torch.from_numpy(labels))
    found = separate(train, *shown).candidates.numpy()
    assert found[90:].mean() > 0.5
    assert found[:90].mean() < 0.2
    tuned = exposed(SeparateAndLearn(learning_rate=1e-2), wild[found], **fast)
    assert separated(tuned, Energy()) > 0.95


def test_what_cannot_be_separated_is_refused():
    inliers, labels, strangers = (torch.from_numpy(part) for part in toy())
    model = network()
    train = outputs_of(model, inliers, labels=labels)
    held_out, wild = outputs_of(model, inliers), outputs_of(model, strangers)
    with pytest.raises(UsageError, match="keep"):
        separate(train, held_out, wild, keep=0)
    with pytest.raises(UsageError, match="2 wild"):
        separate(train, held_out, outputs_of(model, strangers[:1]))
