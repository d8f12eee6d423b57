"""What claims about curricula and plans make of successes, by hand, and who is asked for what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gengap.claims import curricula, planned


def test_curricula_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "ppo": [[0.2, 0.4], [0.3, 0.3]],
        "ppo-self-paced-levels": [[0.4, 0.3], [0.1, 0.5]],
        "ppo-latent-levels": [[0.0, 0.0], [0.2, 0.3]],
        "each": [[0.0, 0.0], [0.6, 0.2]],
    }
    monkeypatch.setattr(curricula, "_success", lambda _, __, name: np.array(found[name]))
    assert curricula.sooner(0, "") == pytest.approx(0.05)
    assert curricula.further(0, "") == pytest.approx(0.2)
    assert curricula.space_further(0, "") == pytest.approx(0.1)
    assert curricula.space_steadier(0, "") == pytest.approx(0.4 - 0.1)


def test_levels_are_known_or_new_at_each_point_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def trained(levels, method, draw, store, rows, at):  # type: ignore[no-untyped-def]
        asked.append((method, rows["known"], at))
        return [1.0, 2.0]

    def scores(agent, levels, units, score):  # type: ignore[no-untyped-def]
        return np.full(len(units), agent) * (levels.environment[units] < 30)

    monkeypatch.setattr(curricula, "trained", trained)
    monkeypatch.setattr(curricula, "scores", scores)
    found = curricula._success.__wrapped__(0, "", "each")
    np.testing.assert_array_equal(found, [[1, 2], [0, 0]])
    ((method, known, at),) = asked
    assert method == {"ppo-latent-levels": {"codes": 0}}
    assert known.sum() == 300
    assert at == (125, 250, 375, 500, 625, 750, 875, 1000)


def test_plans_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        ("iql", 80): (0.9, 0.4), ("latent-planning", 80): (0.6, 0.5),
        ("iql", 5): (0.3, 0.0), ("latent-planning", 5): (0.4, 0.0),
        ("iql", 320): (0.7, 0.0), ("latent-planning", 320): (0.5, 0.0),
    }  # fmt: skip
    monkeypatch.setattr(planned, "_success", lambda _, __, name, walked: found[name, walked[0]])
    assert planned.values_with_plenty(0, "") == pytest.approx(0.3)
    assert planned.plans_in_new_layouts(0, "") == pytest.approx(0.1)
    assert planned.plans_with_few(0, "") == pytest.approx(0.1)
    assert planned.plans_that_stitch(0, "") == pytest.approx(-0.2)


def test_ways_are_asked_for_in_known_layouts_and_in_new_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody who knows the tables of the known layouts only, and stands still elsewhere."""
    asked: list[np.ndarray] = []
    monkeypatch.setattr(planned, "LAYOUTS", 4)
    monkeypatch.setattr(planned, "KNOWN", 2)

    def trained(levels, method, draw, store, rows, batch):  # type: ignore[no-untyped-def]
        (known,) = rows.values()
        assert set(levels.environment[known]) == {0, 1}
        tables, values = levels.arena.tables, levels.arena.values
        places = tables.next_state.shape[1]
        told = {
            tables.observation[row, state].tobytes(): values[row, state]
            for row in range(2 * places)
            for state in range(places)
        }
        return [SimpleNamespace(model=told, prepared=None)]

    def acting(told, prepared):  # type: ignore[no-untyped-def]
        def policy(seen: torch.Tensor) -> torch.Tensor:
            asked.append(seen.numpy())
            still = np.zeros(4, np.float32)
            rows = [told.get(one.tobytes(), still) for one in seen.numpy()]
            return torch.from_numpy(np.stack(rows))

        return policy

    monkeypatch.setattr(planned, "trained", trained)
    monkeypatch.setattr(planned, "acting", acting)
    known, new = planned._success.__wrapped__(0, "", "iql", (3, 4, 2))
    assert known == 1
    assert new < 1
    assert len(asked) == 2
