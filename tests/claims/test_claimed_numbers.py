"""What claims measure, against closed forms and examples by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gengap.claims import contexts, coverage, margins, shortcuts, sites, typicality
from gengap.claims.benchmarks import benchmark
from gengap.claims.fairness import groups


def network(linear: nn.Linear) -> Any:
    """What a trained network is asked for, with inputs as they are."""
    prepared = SimpleNamespace(inputs=SimpleNamespace(apply=lambda rows: rows))
    return SimpleNamespace(module=linear, prepared=prepared)


def test_robustness_of_a_linear_network_is_the_distance_to_its_boundary() -> None:
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        linear.bias.copy_(torch.tensor([-5.0, 0.0]))
    # The boundary 3 a + 4 b = 5 is 1 from the origin, and 1 from (6, 8) / 5.
    X = np.array([[0.0, 0.0], [1.2, 1.6], [0.0, 0.0]], np.float32)
    found = typicality.robustness(network(linear), X, np.array([1, 0, 0]))
    np.testing.assert_allclose(found, [1, 1, -1], atol=1e-6)


def test_a_margin_is_the_labels_logit_less_the_largest_other(monkeypatch) -> None:
    table = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    monkeypatch.setattr(margins, "logits", lambda model, X: table.copy())
    found = margins.margins(None, table, np.array([0, 2]))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, [1, -4])


def test_any_feature_of_the_slabs_tells_the_class() -> None:
    X, y, _ = shortcuts.slabs(0, 500)
    np.testing.assert_array_equal(X[:, 0] > 0, y == 1)
    slab = np.rint(X[:, 1:] / 0.4 + 2)
    np.testing.assert_array_equal(slab % 2, np.repeat(y[:, None], 3, axis=1))
    assert set(slab.ravel()) == {0, 1, 2, 3, 4}
    # No linear rule tells it from a slab: means of both classes are in the middle.
    assert abs(X[y == 1, 1].mean() - X[y == 0, 1].mean()) < 0.1
    noisy, labels, _ = shortcuts.slabs(0, 4000, wrong=0.1)
    assert ((noisy[:, 0] > 0) != labels).mean() == pytest.approx(0.1, abs=0.02)


def test_additive_means_are_factored_and_a_product_is_not() -> None:
    a, b = np.array([-1.0, 0, 1]), np.array([-1.0, 1])
    assert coverage.factored((a[:, None] + b)[..., None]) == pytest.approx(1)
    assert coverage.factored((a[:, None] * b)[..., None]) == pytest.approx(0)


def test_rows_to_tune_on_are_nearest_neighbours_or_sites(monkeypatch) -> None:
    monkeypatch.setattr(sites, "NEIGHBOURS", 1)
    rows = np.array([[0.0], [1.0], [0.1], [9.0], [1.2], [8.0], [5.0], [5.5]])
    site = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    chosen = {how: sites.Tuned(how)._chosen(rows, site) for how in ("local", "instances")}
    assert not chosen["local"].any()
    np.testing.assert_array_equal(np.flatnonzero(chosen["instances"]), [2, 4])
    # Means are 0.5 here, 4.55, 4.6 and 5.25 elsewhere.
    np.testing.assert_array_equal(
        np.flatnonzero(sites.Tuned("cluster")._chosen(rows, site)), [2, 3, 4, 5]
    )


def test_a_tuned_model_is_an_estimator() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.arange(60) % 3, rng.normal(size=(60, 4))])
    y = (X[:, 1] > 0).astype(int)
    model = sites.Tuned("cluster").fit(X, y)
    assert model.predict_proba(X).shape == (60, 2)
    assert (model.predict(X) == y).mean() > 0.9


def test_uncommon_settings_are_never_the_common_one() -> None:
    y = np.arange(1000) % 10
    other = contexts._others(y, np.random.default_rng(0))
    assert (other != y).all()
    assert set(other) == set(range(10))


def test_a_tenth_of_the_digits_are_of_the_second_group() -> None:
    given = groups(0)
    assert given.turned.mean() == pytest.approx(0.1, abs=0.01)
    assert len(given.data) == 1797 - 600
    assert not np.isin(given.choose[0].sum((1, 2)), given.test[0].sum((1, 2))).all()


def test_benchmarks_move_in_inputs_or_in_relation() -> None:
    def spread(covariate: float, concept: float) -> tuple[float, float]:
        """Of the environments' means of the first input, and of its tie with the class."""
        data = benchmark(np.random.default_rng(1), covariate, concept)
        X = np.asarray(data.X)
        own = [np.flatnonzero(data.environment == k) for k in range(len(data.names))]
        ties = [np.mean(np.sin(X[k, 0]) * (2 * data.y[k] - 1)) for k in own]
        return float(np.std([X[k, 0].mean() for k in own])), float(np.std(ties))

    still, moved, turned = spread(0, 0), spread(2, 0), spread(0, 2)
    assert moved[0] > 5 * still[0]
    assert turned[0] < 3 * still[0]
    assert turned[1] > 2 * still[1]
