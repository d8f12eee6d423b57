from __future__ import annotations

import numpy as np
import pytest
import torch
from distance_toys import arrays, strangers, three_classes
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from gengap.detectors.knn import KNN
from gengap.detectors.tools import neighbours
from gengap.detectors.tools.neighbours import bank_of, directions, distance_to_kth, largest_products
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("k", [1, 10, 90, 1000])
def test_equals_scikit_learn(k: int) -> None:
    train, new = three_classes(), strangers()
    search = NearestNeighbors(n_neighbors=min(k, 90), algorithm="brute")
    search.fit(normalize(arrays(train)[0]))
    expected = search.kneighbors(normalize(arrays(new)[0]))[0][:, -1]
    detector = KNN(k=k)
    np.testing.assert_allclose(detector.score(detector.fit(train), new), expected, rtol=1e-5)


@pytest.mark.parametrize("k", [1, 7, 64])
@pytest.mark.parametrize("n", [64, 1000, 1023])
def test_largest_products_by_sorting(n: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "PRODUCTS", 4 * 5 * n)
    source = torch.Generator().manual_seed(n)
    bank = torch.randn(n, 4, generator=source)
    bank[n // 2 :] = bank[: n - n // 2].clone()  # ties
    queries = torch.randn(23, 4, generator=source)
    found = list(largest_products(queries, bank, k))
    values = torch.cat([values for values, _ in found])
    rows = torch.cat([rows for _, rows in found])
    products = queries @ bank.T
    torch.testing.assert_close(values, products.sort(1, descending=True).values[:, :k])
    torch.testing.assert_close(products.gather(1, rows), values)
    assert all(len(set(row)) == k for row in rows.tolist())


@pytest.mark.parametrize("k", [1, 2, 30])
def test_distances_between_near_points_keep_their_digits(k: int) -> None:
    # Steps of 1e-5 on the unit circle: products of float32 cannot tell the points apart.
    angles = torch.arange(40).double() * 1e-5 + 0.5
    points = torch.stack([angles.cos(), angles.sin()], 1).float()
    found = distance_to_kth(points[:1], bank_of(points), k)
    exact = (points[:1] - points).double().norm(dim=1).sort().values[k - 1]
    assert float(found) == pytest.approx(float(exact), abs=1.5e-4)
    assert float(distance_to_kth(points[:1], bank_of(points[:9]), 1)) == 0


def test_directions_of_extreme_rows() -> None:
    rows = torch.tensor([[3.0, 4.0], [3e37, 4e37], [0.0, 0.0], [3e-30, 4e-30]])
    expected = torch.tensor([[0.6, 0.8], [0.6, 0.8], [0.0, 0.0], [0.6, 0.8]])
    torch.testing.assert_close(directions(rows), expected)


def test_length_is_ignored() -> None:
    train = three_classes()
    assert train.features is not None
    detector = KNN()
    fitted = detector.fit(train)
    torch.testing.assert_close(
        detector.score(fitted, Outputs(features=train.features * 40)),
        detector.score(fitted, train),
    )
