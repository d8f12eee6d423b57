"""Where to begin next: by values that grow, and by regret that codes of levels tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from practised import scores
from toys import Size, toy

import gengap as gg
from gengap.control.feed import LevelFeed
from gengap.methods.ppo_latent_levels import CODES, REGRET, LatentLevels, codes_of, told
from gengap.methods.ppo_self_paced_levels import (
    BEFORE,
    CHOSEN,
    SHARE,
    SelfPacedLevels,
    has_settled,
    promising,
)
from gengap.training.tasks import Task

BOTH = SelfPacedLevels, LatentLevels


def test_levels_whose_values_grow_by_hand() -> None:
    growth = np.array([0.1, 0.4, -0.2, 0.4, 0.0])
    assert promising(growth, 0.4).tolist() == [0, 1, 0, 1, 0]
    assert promising(growth, 0.05).tolist() == [0, 1, 0, 0, 0]
    assert promising(growth, 7.0).tolist() == [1] * 5
    practised = np.array([True, True, False])
    before = np.array([0.4, 0.6, 0.0])
    assert has_settled(np.array([0.5, 0.58, 9.0]), before, practised, 0.1)
    assert not has_settled(np.array([0.6, 0.6, 9.0]), before, practised, 0.1)
    assert not has_settled(np.array([0.3, 0.5, 0.0]), before, practised, 0.1)


def test_a_curriculum_goes_by_the_value_where_episodes_begin() -> None:
    built = toy([SelfPacedLevels(increment=0.34)] * 2, size=Size(environments=3, steps=20))
    built.train(16)
    starts = built.batches[0].act_in(18).starts
    value = built.network.branch("value")
    for run in range(2):
        said = value.run(run)(starts.opening(run)[None]).logits[0, :, 0].detach()
        mean = said.view(3, -1).mean(1)
        torch.testing.assert_close(built.state[BEFORE][run], mean)
        assert built.state[SHARE][run] == pytest.approx(0.34)
        best = torch.nn.functional.one_hot(mean.argmax(), 3)
        np.testing.assert_array_equal(starts.chances[run], best)
        np.testing.assert_array_equal(built.state[CHOSEN][run], best)


def test_regret_is_told_by_the_ridge_of_a_linear_rule() -> None:
    rng = np.random.default_rng(0)
    codes, regret = rng.normal(size=(9, 2)), rng.random(9)
    regret[[2, 5]] = np.inf
    own = np.isfinite(regret)
    # As if two more levels, one code each, had the mean regret: the same as a penalty of 1.
    wide = np.concatenate([codes[own], np.eye(2)])
    aim = np.append(regret[own] - regret[own].mean(), [0, 0])
    rule = np.linalg.lstsq(wide, aim, rcond=None)[0]
    wanted = np.where(own, regret[own].mean() + codes @ rule, np.inf)
    np.testing.assert_allclose(told(regret, codes), wanted)
    np.testing.assert_array_equal(told(np.full(9, np.inf), codes), np.full(9, np.inf))


def test_codes_are_principal_components_of_what_is_seen() -> None:
    """Two things vary over levels, the first twice as far; within levels starts differ too."""
    first, second = np.array([-1.0, -1, 1, 1]), np.array([-1.0, 1, -1, 1])
    level = np.repeat(np.arange(4), 2)
    seen = np.stack([2 * first[level], 5 + second[level], np.tile([-1.0, 1], 4)], 1)
    found = codes_of(seen, level)
    np.testing.assert_allclose(np.abs(found[:, 0] @ first) / 4, 1)
    np.testing.assert_allclose(np.abs(found[:, 1] @ second) / 4, 1)
    assert (np.abs(found[:, 2:]) < 1e-9).all()


def test_levels_are_begun_in_by_the_regret_that_is_told() -> None:
    built = toy([LatentLevels(codes=2, staleness=0.0)] * 2, size=Size(environments=3, steps=20))
    built.train(16)
    starts = built.batches[0].act_in(18).starts
    for run in range(2):
        regret = built.state[REGRET][run].double().numpy()
        assert (regret >= 0).all()
        said = told(regret, built.state[CODES][run, :, :2].double().numpy())
        order = np.argsort(-said)
        np.testing.assert_allclose(starts.chances[run][order], np.array([6, 3, 2]) / 11)


def test_what_is_seen_at_starts_is_that_of_the_runs_own_units() -> None:
    levels = gg.load_suite("mazes", levels=3, size=5, starts=3)
    seen: list[Any] = []
    feed = LevelFeed.__new__(LevelFeed)
    feed.problem, feed.device, feed.scaling = levels, "cpu", None
    feed.observations = torch.from_numpy(levels.logs.observations)
    units = np.array([7, 1])
    feed.tasks = [Task(None, (units,), None)]  # type: ignore[arg-type]
    seen = feed.opening(0).numpy()
    arena = levels.arena
    wanted = arena.tables.observation[arena.level[units], arena.start[units]]
    np.testing.assert_array_equal(seen, wanted)


@pytest.mark.parametrize("name", ["ppo-self-paced-levels", "ppo-latent-levels"])
def test_a_run_with_a_curriculum_is_the_same_alone(name: str) -> None:
    levels = gg.load_suite("mazes", levels=4, size=5, starts=3)
    found = scores(levels, name, [0, 1], steps=48)
    np.testing.assert_array_equal(found[1:], scores(levels, name, [1], steps=48))
