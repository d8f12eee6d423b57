"""Barriers, sharpness, fronts and moved layers, on losses whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.merges.paths import front, interpolations, loss_path, moved, sharpness


def test_barrier_of_a_double_well():
    # (w² - 1)² has wells at ±1 and a hill of height 1 between them.
    ends = {"w": torch.tensor([-1.0])}, {"w": torch.tensor([1.0])}
    path = loss_path(*ends, lambda m: float((m["w"] ** 2 - 1) ** 2), points=10)
    assert path.shares[5] == 0.5
    assert path.barrier == pytest.approx(1)
    # A convex loss has none: with w² from 1 to 3 the line lies above.
    convex = loss_path({"w": torch.ones(1)}, {"w": 3 * torch.ones(1)}, lambda m: float(m["w"] ** 2))
    assert convex.barrier == 0
    assert convex.excess[10] == pytest.approx(4 - 5)


def test_interpolations_walk_over_all_mixtures():
    models = [{"w": row} for row in torch.eye(3)]
    walked = list(interpolations(models, 4))
    assert len(walked) == 15  # (4 + 2 over 2)
    for weights, made in walked:
        assert sum(weights) == pytest.approx(1)
        torch.testing.assert_close(made["w"], torch.tensor(weights))
    assert [w for w, _ in interpolations(models[:2], 2)] == [(1, 0), (0.5, 0.5), (0, 1)]
    with pytest.raises(UsageError, match="points must be a whole number of at least 1"):
        list(interpolations(models, 0))


def test_front_of_points_by_hand():
    scores = np.array([[1, 5], [2, 4], [2, 3], [3, 1], [0, 0], [3, 1]])
    assert front(scores).tolist() == [True, True, False, True, False, True]


def test_sharpness_of_a_quadratic_in_closed_form():
    """For ``θ'Hθ / 2`` a step ``s g/|g|`` rises by ``s |g| + s² g'Hg / (2 |g|²)``, ``g = Hθ``."""
    curvature = {"a.w": torch.tensor([1.0, 4.0]), "b.w": torch.tensor([9.0])}
    model = {"a.w": torch.tensor([2.0, 1.0]), "b.w": torch.tensor([0.5]), "n": torch.tensor(3)}

    def loss(m):
        return sum((h * m[name] ** 2).sum() / 2 for name, h in curvature.items())

    def closed(names):
        h = torch.cat([curvature[n] for n in names]).double()
        theta = torch.cat([model[n] for n in names]).double()
        g, step = h * theta, 0.1 * theta.norm()
        return float(step * g.norm() + step**2 * (g @ (h * g)) / (2 * g @ g))

    assert sharpness(loss, model, 0.1)["all"] == pytest.approx(closed(curvature), rel=1e-5)
    by_layer = sharpness(loss, model, 0.1, layers=True)
    assert by_layer["a"] == pytest.approx(closed(["a.w"]), rel=1e-5)
    assert by_layer["b"] == pytest.approx(closed(["b.w"]), rel=1e-5)
    assert model["a.w"].tolist() == [2, 1]
    flat = {"a.w": torch.zeros(2), "b.w": torch.zeros(1), "n": model["n"]}
    assert sharpness(loss, flat) == {"all": 0}


def test_which_layers_moved():
    before = {
        "0.weight": torch.tensor([[3.0]]),
        "0.bias": torch.tensor([4.0]),
        "1.w": torch.zeros(2),
    }
    after = {"0.weight": torch.tensor([[3.0]]), "0.bias": torch.tensor([5.0]), "1.w": torch.ones(2)}
    found = moved(before, after)
    assert found["0"] == pytest.approx(1 / 5)
    assert np.isnan(found["1"])
