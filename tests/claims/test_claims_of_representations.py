"""What claims about features and labels are tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gengap.claims import labelled_logs, representations
from gengap.claims.agents import trained
from gengap.control.suites.mazes import mazes


def test_goals_are_hidden_in_a_room_of_mixed_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(representations, "KNOWN", 4)
    monkeypatch.setattr(representations, "NEW", 2)
    levels = representations.hidden_goals.__wrapped__(0)
    seen = levels.arena.tables.observation
    assert len(levels.names) == 6
    np.testing.assert_array_equal(seen, np.broadcast_to(seen[0], seen.shape))
    # Row and column can be read off it exactly by a linear rule, and so can 20 other numbers.
    assert np.linalg.matrix_rank(seen[0], tol=1e-3) == 2 + representations.DETAIL


def test_levels_seen_through_a_network_show_its_features(tmp_path: Path) -> None:
    levels = mazes(levels=4, starts=5)
    store = str(tmp_path / "records.db")
    (before,) = trained(levels, "bc", 0, store, steps=3, model="mlp(8,5)")
    found = representations.seen_through(levels, before)
    assert found.shape == (5,)
    p = before.model.parameters
    hidden = torch.from_numpy(levels.logs.observations[:7]).float()
    for k in (0, 1):
        hidden = torch.relu(hidden @ p[f"weight{k}"][0] + p[f"bias{k}"][0])
    np.testing.assert_allclose(found.logs.observations[:7], hidden.numpy(), rtol=1e-4, atol=1e-6)
    flat = found.arena.tables.observation.reshape(-1, 5)
    np.testing.assert_array_equal(flat, found.logs.observations)


def test_labels_are_asked_of_what_is_not_labelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that always names the first action, as many are right as were that action."""
    for name, value in {"LEVELS": 6, "STARTS": 4, "LABELLED": 2, "ROOMS": 2}.items():
        monkeypatch.setattr(labelled_logs, name, value)

    def first(levels, rows, *_):  # type: ignore[no-untyped-def]
        return np.zeros(len(rows), np.int64)

    monkeypatch.setattr(labelled_logs, "named", first)
    monkeypatch.setattr("gengap.control.labelling.named", first)
    monkeypatch.setattr("gengap.claims.agents.STEPS", 2)
    share, found = labelled_logs._labels.__wrapped__(0, str(tmp_path / "r.db"), "with a source")
    target = mazes(6, 4, seed=0)
    rows = target.logs.transitions(np.array([1, 2, 3, 5, 6, 7, 8, 9, 10, 11]))
    assert share == np.mean(target.logs.action[rows] == 0)
    changed = np.zeros(len(target.logs), bool)
    changed[rows] = True
    np.testing.assert_array_equal(found.logs.action[~changed], target.logs.action[~changed])
    assert (found.logs.action[changed] == 0).all()
