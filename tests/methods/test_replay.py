from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.methods import replay
from gengap.methods.replay import recalled, remember


def step(number: int, x: float = 0.0) -> dict[str, torch.Tensor]:
    """Two runs with three copies each; rewards name run, step and copy."""
    reward = torch.tensor(
        [[100.0 * run + 10 * number + copy for copy in range(3)] for run in (1, 2)]
    )
    return {"x": torch.full((2, 3, 4), x), "reward": reward}


def test_the_oldest_are_forgotten_and_runs_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST", 7)  # of which two steps of three fit
    state: dict[str, torch.Tensor] = {}
    generators = [np.random.default_rng(run) for run in range(2)]
    for number in range(5):
        remember(state, **step(number))
        found = recalled(state, 200, generators)["reward"]
        kept = (max(0, number - 1), number)
        for run in range(2):
            wanted = {100.0 * (run + 1) + 10 * n + copy for n in kept for copy in range(3)}
            assert set(found[run].tolist()) == wanted


def test_what_is_recalled_depends_on_the_run_alone() -> None:
    together: dict[str, torch.Tensor] = {}
    alone: dict[str, torch.Tensor] = {}
    for number in range(4):
        told = step(number)
        remember(together, **told)
        remember(alone, **{name: values[1:] for name, values in told.items()})
    many = recalled(together, 9, [np.random.default_rng(0), np.random.default_rng(1)])
    one = recalled(alone, 9, [np.random.default_rng(1)])
    for name, values in one.items():
        torch.testing.assert_close(many[name][1:], values, rtol=0, atol=0)


def test_observations_come_back_as_they_were() -> None:
    """Kept in bytes as long as they are whole numbers below 256; the first other one ends that."""
    state: dict[str, torch.Tensor] = {}
    seen = [0.0, 255.0, 3.0, -1.0, 0.1]
    for number, x in enumerate(seen):
        remember(state, **step(number, x))
        kinds = torch.uint8 if number < 3 else torch.float32
        assert state["replay/x"].dtype == kinds
    rows = recalled(state, 300, [np.random.default_rng(run) for run in range(2)])
    number = (rows["reward"][0] % 100 // 10).long()
    torch.testing.assert_close(rows["x"][0, :, 0], torch.tensor(seen)[number], rtol=0, atol=0)
    assert rows["x"].dtype == torch.float32
