"""Levels are a problem like any other."""

from dataclasses import replace

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.testing.problems import ProblemConformance
from gengap.training.problem import Problem


def some(levels: int = 6, **options: object) -> Levels:
    return gg.load_suite("mazes", levels=levels, size=7, **options)


class TestMazes(ProblemConformance):
    def problem(self) -> Problem:
        return some()


def test_a_level_is_the_same_whichever_are_drawn_with_it() -> None:
    few, many = some(3), some(8)
    n = few.arena.tables.next_state.shape[1]
    of_few, of_many = few.arena.tables, many.arena.tables
    for name in ("next_state", "end", "observation"):
        of_same = getattr(of_many, name)[:3, :n]
        np.testing.assert_array_equal(getattr(of_few, name), of_same)
    np.testing.assert_array_equal(of_few.start, of_many.start[:3])
    own = many.logs.unit < len(few)
    np.testing.assert_array_equal(few.logs.action, many.logs.action[own])


def test_mazes_are_connected_and_the_expert_walks_as_far_as_a_search_says() -> None:
    """Breadth-first search from the goal, by itself, gives the distance of every start."""
    levels = some()
    tables = levels.arena.tables
    for unit in range(len(levels)):
        level, start = levels.arena.level[unit], levels.arena.start[unit]
        front, steps = {int(start)}, 0
        seen = set(front)
        while not tables.end[level, list(front)].any():
            front = {int(s) for f in front for s in tables.next_state[level, f]} - seen
            seen |= front
            steps += 1
        assert levels.factors["distance"][unit] == steps + 1


def test_logs_are_what_the_tables_do() -> None:
    levels = some(data="replay", slip=0.2)
    logs, tables = levels.logs, levels.arena.tables
    width = tables.next_state.shape[1]
    np.testing.assert_array_equal(logs.before // width, levels.arena.level[logs.unit])
    joined = np.diff(logs.unit) == 0
    np.testing.assert_array_equal(logs.after[:-1][joined], logs.before[1:][joined])
    assert not logs.end[:-1][joined].any()
    total = np.zeros(len(levels))
    for t in range(len(logs) - 1, -1, -1):  # the return by its recursion, one by one
        ends = t == len(logs) - 1 or logs.unit[t + 1] != logs.unit[t]
        total[logs.unit[t]] = logs.reward[t] + (0 if ends else 0.99 * total[logs.unit[t]])
        assert logs.returns[t] == pytest.approx(total[logs.unit[t]], rel=1e-5)


def test_the_expert_succeeds_and_practice_restarts() -> None:
    import torch

    levels = some()
    everywhere = np.arange(len(levels))
    assert levels.arena.expert_scores(everywhere, "success").min() == 1
    practice = levels.arena.practice([everywhere[:10]], [np.random.default_rng(0)], 4)
    for _ in range(100):
        acted = practice.act(torch.randint(4, (1, 4)))
        assert not (acted.end & acted.cut).any()
        assert (acted.reward[~acted.end] == 0).all()
    assert set(practice.starts.level.flatten().tolist()) <= set(range(10))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_practice_does_what_the_tables_say(dtype: type) -> None:
    """Copy by copy, looked up in the tables as they are written."""
    import torch

    levels = some(6)
    tables = replace(levels.arena.tables, observation=levels.arena.tables.observation.astype(dtype))
    arena, draw = replace(levels.arena, tables=tables), np.random.default_rng(1)
    units, streams = [np.arange(9), np.arange(20, 60)], [np.random.default_rng(k) for k in (0, 1)]
    practice = arena.practice(units, streams, 5)
    begun = [own[where] for own, where in zip(units, practice.starts.place, strict=True)]
    place = {
        copy: (arena.level[begun[copy[0]][copy[1]]], arena.start[begun[copy[0]][copy[1]]], 0)
        for copy in np.ndindex(2, 5)
    }
    for _ in range(2 * tables.horizon):
        action = draw.integers(4, size=(2, 5))
        before, acted = practice.x.clone(), practice.act(torch.from_numpy(action))
        for copy in np.ndindex(2, 5):
            level, state, age = place[copy]
            np.testing.assert_array_equal(before[copy], tables.observation[level, state])
            at = level, state, action[copy]
            state, ends = tables.next_state[at], tables.end[at]
            assert acted.reward[copy] == tables.reward[at]
            assert acted.end[copy] == ends
            assert acted.cut[copy] == (age + 1 == tables.horizon and not ends)
            np.testing.assert_array_equal(acted.last[copy], tables.observation[level, state])
            place[copy] = level, state, age + 1
            if ends or acted.cut[copy]:
                unit = units[copy[0]][practice.starts.place[copy]]
                place[copy] = arena.level[unit], arena.start[unit], 0
        np.testing.assert_array_equal(acted.x, practice.x)


def test_a_study_tells_what_an_unseen_level_costs() -> None:
    found = gg.Study(
        some(20), methods=["bc", "random", "expert"], splits="folds:2", seeds=2, steps=300, batch=8,
        model="mlp(32)",
    ).run()  # fmt: skip
    gaps = found.gaps.groupby("method")[["unseen", "reference"]].mean()
    assert gaps.loc["expert"].min() == 1
    assert gaps.loc["random"].max() < gaps.loc["bc"].min()
    assert gaps.loc["bc", "reference"] > gaps.loc["bc", "unseen"]


def test_more_starts_than_cells_are_walked_from_again() -> None:
    few, many = some(2), some(2, starts=60)
    per_level = many.arena.start.reshape(2, 60)
    np.testing.assert_array_equal(per_level[:, :10], few.arena.start.reshape(2, 10))
    for level in range(2):
        _, times = np.unique(per_level[level], return_counts=True)
        assert np.ptp(times) <= 1
        assert len(times) == many.arena.tables.real[level].sum() - 1  # all cells but the goal
    assert len(many) == 120


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(UsageError, match="odd"):
        gg.load_suite("mazes", size=8)
    with pytest.raises(UsageError, match="no factor column 'colour'"):
        some().regroup("colour")
    with pytest.raises(UsageError, match="scored by success"):
        gg.Study(some(), metric="return")


def test_a_step_has_as_many_transitions_however_many_environments_there_are() -> None:
    """Sixteen of many levels, a single part of the two-by-two of instructions, four distances."""
    levels = some(40)
    parts = gg.load_suite("instructions", levels=20).regroup("part")
    column = "column:part=new level,new instruction,both"
    for problem, splits, environments in (
        (levels, "auto", 16), (levels, "folds:8", 16), (some(4), "leave-one-out", 3),
        (parts, column, 1),
    ):  # fmt: skip
        made = gg.Study(problem, methods=["bc"], splits=splits)
        assert made.batch == round(128 / environments)
    assert gg.Study(levels, methods=["bc"], batch=3).batch == 3
