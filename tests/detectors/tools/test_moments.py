"""Sums by blocks are those of numpy, for one block and for several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.detectors.tools import moments


@pytest.mark.parametrize("block", [7, 4096])
def test_equal_to_numpy(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "BLOCK", block)
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(50, 3)) + 100, np.arange(50) % 4
    means = np.stack([rows[codes == c].mean(0) for c in range(4)])
    apart = (rows - means[codes]) / 2.0
    x, y = torch.tensor(rows), torch.tensor(codes)
    np.testing.assert_allclose(moments.column_means(x), rows.mean(0))
    np.testing.assert_allclose(moments.column_means(x, torch.square), (rows**2).mean(0))
    centre = torch.tensor(rows[0])
    np.testing.assert_allclose(moments.class_means(x, y), means)
    np.testing.assert_allclose(moments.class_means(x, y, centre), means - rows[0], atol=1e-12)
    two = torch.tensor(2.0).double()
    found = moments.scatter(x, torch.tensor(means), two, y)
    np.testing.assert_allclose(found, apart.T @ apart)
    np.testing.assert_allclose(
        moments.scatter(x, centre, two), (rows - rows[0]).T @ (rows - rows[0]) / 4
    )


def test_largest_is_by_size_and_tells_of_nan() -> None:
    assert moments.largest(torch.tensor([[3.0, -4.0]])) == 4
    assert moments.largest(torch.tensor([[1.0, float("nan")]])).isnan()
