"""ActMAD: its loss by NumPy, nothing to do at home, and statistics that come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gengap as gg
from gengap.testing import adapter_toy


def test_the_loss_is_the_distance_of_the_statistics() -> None:
    toy = adapter_toy("images-groupnorm")
    adapter = gg.adapters.ActMAD(toy.model, source=toy.source)
    with torch.no_grad():
        known, asked = (toy.model[:2](x).numpy() for x in (toy.source.x, toy.x))
    expected = np.abs(known.mean(0) - asked.mean(0)).mean()
    expected += np.abs(known.var(0) - asked.var(0)).mean()
    assert float(adapter.apart(adapter._pass(toy.x)[1])) == pytest.approx(expected, rel=1e-4)
    assert float(adapter.apart(adapter._pass(toy.source.x)[1])) == pytest.approx(0, abs=1e-5)


def test_statistics_come_back() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.ActMAD(toy.model, source=toy.source, learning_rate=0.01)
    before = float(adapter.apart(adapter._pass(toy.x)[1]))
    for _ in range(20):
        adapter.predict(toy.x)
    assert float(adapter.apart(adapter._pass(toy.x)[1])) < before / 2


def test_one_example_is_answered_as_it_is() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.ActMAD(toy.model, source=toy.source)
    with torch.no_grad():
        assert torch.equal(adapter.predict(toy.x[:1]), toy.model(toy.x[:1]))
    assert adapter.backwards == 0
