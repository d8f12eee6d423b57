"""Histograms by numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from distance_toys import arrays, three_classes

from gengap.detectors.hbos import Hbos
from gengap.models.outputs import Outputs


def test_equals_numpys_histograms() -> None:
    train, new = three_classes(90), three_classes(40, seed=1)
    features, rows = arrays(train)[0], arrays(new)[0]
    expected = np.zeros(40)
    for j in range(6):
        counts, edges = np.histogram(features[:, j], 7)
        place = np.searchsorted(edges, rows[:, j], side="right") - 1
        outside = (rows[:, j] < edges[0]) | (rows[:, j] > edges[-1])
        count = np.where(outside, 0, counts[place.clip(0, 6)])
        expected -= np.log(7 * (count + 1 / 7) / 91)
    detector = Hbos(bins=7)
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-4)


def test_by_hand() -> None:
    # Two bins over 0 to 4 hold 3 examples and 1; one more is spread over both.
    train = Outputs(features=torch.tensor([[0.0], [1.0], [1.5], [4.0]]))
    detector = Hbos(bins=2)
    new = Outputs(features=torch.tensor([[1.0], [3.0], [4.0], [9.0]]))
    expected = [-math.log(2 * share / 5) for share in (3.5, 1.5, 1.5, 0.5)]
    assert detector.score(detector.fit(train), new).tolist() == pytest.approx(expected)


def test_units_do_not_matter() -> None:
    train, new = three_classes(90), three_classes(40, seed=1)
    assert train.features is not None
    assert new.features is not None
    detector = Hbos()
    scaled = detector.fit(Outputs(features=train.features * 1024))
    found = detector.score(scaled, Outputs(features=new.features * 1024))
    assert torch.equal(found, detector.score(detector.fit(train), new))
