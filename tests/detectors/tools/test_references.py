from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from gengap.detectors.tools import neighbours
from gengap.detectors.tools.neighbours import nearest
from gengap.detectors.tools.references import change, changed, reference_rows


def features(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def test_nearest_agrees_with_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "PRODUCTS", 8000)  # several blocks
    known, new = features(200, 7) + 50, features(60, 7, seed=1) + 50
    distances, rows = nearest(known, new, 5)
    expected = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(known.double().numpy())
    far, near = expected.kneighbors(new.double().numpy())
    np.testing.assert_allclose(distances, far, rtol=1e-9)
    np.testing.assert_array_equal(rows, near)


@pytest.mark.parametrize("width", [3, 12])  # by a tree and by products
def test_no_example_is_its_own_neighbour(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(neighbours, "PRODUCTS", 1600)
    known = features(50, width)
    distances, rows = nearest(known, known, 4, themselves=True)
    far, near = NearestNeighbors(n_neighbors=4).fit(known.double().numpy()).kneighbors()
    np.testing.assert_array_equal(rows, near)
    np.testing.assert_allclose(distances, far, rtol=1e-9)


@pytest.mark.parametrize("width", [2, 12])
def test_the_order_holds_far_from_all_references(width: int) -> None:
    known = torch.zeros(3, width)
    known[1, 0] = known[2, 1] = 1.0
    far = torch.zeros(2, width)
    far[0, 0] = far[1, 1] = 1e12
    _, rows = nearest(known, far, 1)
    assert rows.flatten().tolist() == [1, 2]


@pytest.mark.parametrize("width", [2, 12])
def test_copies_of_an_example_are_its_neighbours(width: int) -> None:
    known = torch.zeros(20, width)
    distances, rows = nearest(known, known, 3, themselves=True)
    assert not distances.any()
    assert not (rows == torch.arange(20)[:, None]).any()


def test_more_neighbours_than_references_are_cut() -> None:
    known = features(3, 2)
    assert nearest(known, known, 10)[0].shape == (3, 3)
    assert nearest(known, known, 10, themselves=True)[0].shape == (3, 2)
    assert nearest(known, known[:0], 2)[0].shape == (0, 2)


def test_references_are_drawn_without_replacement_by_seed() -> None:
    assert reference_rows(5, 0, 10).tolist() == [0, 1, 2, 3, 4]
    drawn = reference_rows(1000, 0, 100)
    assert drawn.unique().tolist() == drawn.tolist()
    assert len(drawn) == 100
    assert drawn.tolist() == reference_rows(1000, 0, 100).tolist()
    assert drawn.tolist() != reference_rows(1000, 1, 100).tolist()


def test_change_along_a_line_worked_by_hand() -> None:
    known = torch.arange(10.0)[:, None]
    pairs = nearest(known, known, 2, themselves=True)
    found = change(-3 * known[:, 0] + 7, *pairs)
    # Mean distances are 1, but 1.5 at the two ends.
    assert float(found["slope"]) == pytest.approx(3)
    assert float(found["usual"]) == pytest.approx(1)
    away = torch.tensor([[1.0, 1.0], [3.0, 4.0]], dtype=torch.float64)
    assert changed(away, found).tolist() == pytest.approx([0, 3 * 2.5])


def test_nothing_changes_where_there_is_no_distance() -> None:
    same = torch.zeros(4, 1)
    assert float(change(torch.arange(4.0), *nearest(same, same, 2, themselves=True))["slope"]) == 0
