from __future__ import annotations

import numpy as np
import pytest
import torch
from practised import scores
from toys import Size, toy

import gengap as gg
from gengap.methods.level_sampling import chances
from gengap.methods.ppo_prioritized_levels import SCORE, SEEN, PrioritizedLevels
from gengap.methods.practice import Starts


def test_chances_by_hand() -> None:
    """Ranks 2, 1 and 3; the third has waited for 3 of the 4 rollouts waited for in all."""
    found = chances(np.array([0.2, 0.5, 0.1]), np.array([1.0, 0.0, 3.0]), 1.0, 0.2)
    by_rank = np.array([1 / 2, 1, 1 / 3]) / (11 / 6)
    np.testing.assert_allclose(found, 0.8 * by_rank + 0.2 * np.array([1 / 4, 0, 3 / 4]))
    even = chances(np.full(4, np.inf), np.zeros(4), 2.0, 0.3)
    np.testing.assert_allclose(even, np.full(4, 0.25))


def test_levels_are_begun_in_as_often_as_said() -> None:
    """Whatever the number of their starts; each run has its own chances and its own generator."""
    units = [np.array([5, 6, 7, 9]), np.array([2, 3])]
    starts = Starts(units, [np.random.default_rng(run) for run in range(2)], 8000)
    starts.levels = [np.array([0, 0, 0, 1]), np.array([0, 1])]
    starts.chances[0] = np.array([0.3, 0.7])
    found = starts.begun(np.ones((2, 8000), bool)).reshape(2, -1)
    share = [(found[0] == unit).mean() for unit in units[0]]
    np.testing.assert_allclose(share, [0.1, 0.1, 0.1, 0.7], atol=0.02)
    assert (found[1] == 2).mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(starts.level[0], found[0] == 9)
    before = starts.level.clone()
    over = np.zeros((2, 8000), bool)
    over[1, :4] = True
    assert len(starts.begun(over)) == 4
    assert torch.equal(starts.level[0], before[0])
    assert torch.equal(starts.level[1, 4:], before[1, 4:])


def test_scores_are_mean_sizes_of_advantages_by_a_loop() -> None:
    built = toy([PrioritizedLevels()] * 2, size=Size(environments=3, absent=1, steps=20))
    seen = []
    learn = PrioritizedLevels.learn

    def watched(self, network, optimizer, batch, roll, state) -> None:  # type: ignore[no-untyped-def]
        learn(self, network, optimizer, batch, roll, state)
        seen.append({k: roll[k].clone() for k in ("level", "advantage")})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrioritizedLevels, "learn", watched)
        built.train(16)
    (roll,) = seen
    for run in range(2):
        for level in range(3):
            there = roll["advantage"][run][roll["level"][run] == level]
            assert built.state[SCORE][run, level] == pytest.approx(float(there.abs().mean()))
        assert torch.isinf(built.state[SCORE][run, 3])
        assert built.state[SEEN][run].tolist() == [15, 15, 15, 0]
        own = built.batches[0].act_in(18).starts.chances[run]
        order = np.argsort(-built.state[SCORE][run, :3].numpy())
        np.testing.assert_allclose(own[order], np.array([6, 3, 2]) / 11)


def test_a_run_is_the_same_alone() -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3)
    found = scores(levels, "ppo-prioritized-levels", [0, 1], steps=64)
    alone = scores(levels, "ppo-prioritized-levels", [1], steps=64)
    np.testing.assert_array_equal(found[1:], alone)
