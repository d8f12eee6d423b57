"""AdaNPC: votes counted one by one before it adapts, a memory that walks after."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import gengap as gg
from gengap.testing import adapter_toy


def test_the_first_answers_are_votes_of_the_nearest() -> None:
    """By distances, one query at a time; with lengths of 1, cosine = 1 - distance² / 2."""
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.AdaNPC(toy.model, source=toy.source, neighbours=5, temperature=0.2)
    with torch.no_grad():
        known = nn.functional.normalize(toy.model[:-1](toy.source.x), dim=1).numpy()
        asked = nn.functional.normalize(toy.model[:-1](toy.x), dim=1).numpy()
    found = adapter.predict(toy.x).exp().numpy()
    for query, answer in zip(asked, found, strict=True):
        distance = np.linalg.norm(known - query, axis=1)
        votes = np.zeros(3)
        for near in np.argsort(distance)[:5]:
            votes[toy.source.y[near]] += np.exp((1 - distance[near] ** 2 / 2) / 0.2)
        np.testing.assert_allclose(answer, votes / votes.sum(), atol=1e-4)


def plane() -> nn.Linear:
    head = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.eye(2))
    return head


def test_the_memory_walks_with_the_stream() -> None:
    """Class 0 began at 0 degrees and class 1 at 90. A stream that turns from 0 to 60 degrees by
    tens stays class 0, step by step; asked at once, 60 degrees is nearer to class 1."""
    source = gg.adapters.Source(torch.eye(2), torch.tensor([0, 1]), torch.zeros(2))
    turned = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0, 60.0]).deg2rad()
    stream = torch.stack([turned.cos(), turned.sin()], 1)
    adapter = gg.adapters.AdaNPC(plane(), source=source, neighbours=1)
    assert [int(adapter.predict(x[None]).argmax()) for x in stream] == [0] * 6
    adapter.reset()
    assert int(adapter.predict(stream[-1:]).argmax()) == 1


def test_the_latest_answers_stay() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.AdaNPC(toy.model, source=toy.source, capacity=20)
    for x in toy.x.split(16):
        adapter.predict(x)
    assert len(adapter.answered) == len(adapter.classes) == 20
    assert len(adapter.known) == len(toy.source.x)
