"""Procedure cloning: a search whose rule is written down, and one that is learnt."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from toys import toy

import gengap as gg
from gengap.methods.procedure_cloning import ProcedureCloning, middle, searched
from gengap.models.networks import MLP, Network

# Places of a patch's nine cells: the middle, and those above, left, right and below.
CENTRE, BESIDE = 4, (1, 3, 5, 7)
WALL, GOAL, COME = 0, 9, 18  # where a patch's planes begin


def by_rule() -> Network:
    """A step that comes to the goal, and to what is free beside what was come to."""
    rule = torch.zeros(27, 1)
    rule[[COME + k for k in BESIDE]] = 1
    rule[GOAL + CENTRE], rule[WALL + CENTRE] = 1, -9
    p = {"step/weight0": rule, "step/bias0": torch.zeros(1, 1), "step/weight1": torch.ones(1, 1),
         "step/bias1": torch.full((1, 1), -0.5)}  # fmt: skip
    return Network(MLP((1,)), {name: value[None] for name, value in p.items()}, (2, 9, 9))


def pictures(levels: gg.Levels) -> tuple[Tensor, Tensor]:
    """All that is seen in some levels, and the searches behind it."""
    real = levels.arena.tables.real
    search = torch.from_numpy(levels.arena.tables.search[real]).long()
    seen = torch.from_numpy(levels.arena.tables.observation[real]).float()
    return seen[None], torch.where(search == 255, -1, search)


def plain_search(walls: np.ndarray, goal: tuple[int, int]) -> np.ndarray:
    found, front, step = np.full(walls.shape, -1), {goal}, 0
    while front:
        for cell in front:
            found[cell] = step
        near = {(r + a, c + b) for r, c in front for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))}
        free = {cell for cell in near if min(cell) >= 0 and max(cell) < len(walls)}
        front = {cell for cell in free if not walls[cell] and found[cell] < 0}
        step += 1
    return found


def test_levels_know_the_search_that_a_plain_one_finds() -> None:
    levels = gg.load_suite("mazes", levels=4, size=7, picture=True)
    assert levels.shape == (2, 9, 9)
    seen, search = pictures(levels)
    for picture, wanted in zip(seen[0, ::9].numpy(), search[::9].numpy(), strict=True):
        ((row, column),) = np.argwhere(picture[1])
        found = plain_search(picture[0], (row, column))
        np.testing.assert_array_equal(found, wanted)
    logs = levels.logs
    begins = np.flatnonzero(np.diff(logs.unit, prepend=-1))
    at_start = middle(torch.from_numpy(logs.search[logs.before[begins]]))
    assert at_start.tolist() == levels.factors["distance"].tolist()


def test_a_search_by_the_rule_is_the_expert_s() -> None:
    seen, wanted = pictures(gg.load_suite("mazes", levels=4, size=7, picture=True))
    found = searched(by_rule(), seen)[0]
    until = middle(wanted)[:, None, None]  # it ends when it has come to the agent
    assert torch.equal(middle(found), middle(wanted))
    assert torch.equal(found, torch.where(wanted > until, -1, wanted))


def test_what_is_searched_in_one_maze_is_found_in_another() -> None:
    """Ten mazes are enough for the rule; cloning alone does not come near."""
    levels = gg.load_suite("mazes", levels=20, size=7, picture=True)
    methods = ["bc", {"procedure-cloning": {"learning_rate": 0.01}}]
    study = gg.Study(
        levels, methods, splits="halves", seeds=1, steps=300, checkpoints="300", batch=16,
        selection="last-step", plain_training=False, jobs=1, threads=1,
    )  # fmt: skip
    unseen = study.run().methods.set_index("method").score_unseen
    assert unseen["procedure-cloning"] > 0.95
    assert unseen["bc"] < 0.8


def test_inputs_that_are_no_pictures_are_lines() -> None:
    built = toy([ProcedureCloning()])
    assert built.network.parameters["step/weight0"].shape == (1, 18, 32)
    assert torch.isfinite(built.method.output(built.network, built.batches[0].x).logits).all()
