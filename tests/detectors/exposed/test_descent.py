"""Descent on inliers and others: against plain AdamW, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from exposed_toys import network, toy
from torch import nn

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.exposed.descent import Schedule, checked, trained
from gengap.detectors.exposed.outlier_exposure import outlier_exposure

SHORT = Schedule(steps=5, batch=8)


def test_it_takes_the_steps_of_adamw_on_the_rows_of_its_stream():
    inliers, labels, others = toy()
    model = network()
    examples = checked(model, inliers, labels, others)

    def loss(net, draw):
        return net(draw.inliers).square().sum() + net(draw.others)[:, 0].mean()

    found = trained(model, examples, loss, SHORT, seed=3, purpose="test")
    by_hand, source = network(), generator(3, "test")
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(5):
        rows = source.integers(len(inliers), size=8)
        beside = source.integers(len(others), size=8)
        optimizer.zero_grad()
        value = by_hand(inliers[rows]).square().sum() + by_hand(others[beside])[:, 0].mean()
        value.backward()
        optimizer.step()
    for a, b in zip(found.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_network_and_the_global_generator_stay_as_they_were():
    inliers, labels, others = toy()
    model = nn.Sequential(network(), nn.Dropout(0.5), nn.Linear(3, 3)).train()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one = outlier_exposure(model, inliers, labels, others, schedule=SHORT)
    assert torch.equal(torch.rand(3), expected)
    two = outlier_exposure(model, inliers, labels, others, schedule=SHORT)
    assert model.training
    assert not one.training
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one[2].weight, model[2].weight)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda i, y, o: (i[:0], y[:0], o), "needs inliers and outliers"),
        (lambda i, y, o: (i, y, o[:0]), "needs inliers and outliers"),
        (lambda i, y, o: (i, y, o[:, :3]), "shape"),
        (lambda i, y, o: (i * float("nan"), y, o), "NaN"),
        (lambda i, y, o: (i, y, o / 0), "NaN"),
        (lambda i, y, o: (i, y[:-1], o), "one class number"),
        (lambda i, y, o: (i, y.float(), o), "one class number"),
        (lambda i, y, o: (i, y - 1, o), "one class number"),
        (lambda i, y, o: (i, 0 * y, o), "at least 2 classes"),
        (lambda i, y, o: (i, y + 1, o), "has 3 outputs, but these labels need 4"),
    ],
)
def test_bad_examples_are_named(change, sentence):
    with pytest.raises(UsageError, match=sentence):
        checked(network(), *change(*toy()))


@pytest.mark.parametrize(
    "values", [{"steps": -1}, {"batch": 0}, {"learning_rate": np.nan}, {"weight_decay": -1.0}]
)
def test_bad_schedules_are_named(values):
    with pytest.raises(UsageError, match=next(iter(values))):
        Schedule(**values)


def test_a_frozen_network_is_refused():
    with pytest.raises(UsageError, match="unfreeze"):
        outlier_exposure(network().requires_grad_(False), *toy())


def test_a_diverged_training_is_told():
    with pytest.raises(UsageError, match="diverged"):
        outlier_exposure(network(), *toy(), weight=float("nan"), schedule=SHORT)
