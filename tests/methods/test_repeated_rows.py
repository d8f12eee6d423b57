"""Two sets: which rows come how often, counted, and the same through a feed of pairs."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from gengap.environments.suites import load_suite
from gengap.methods.erm import ERM
from gengap.methods.two_sets import TwoSets
from gengap.sequences.drawing import draw_pairs
from gengap.training.tasks import Task, draw_batches

RUN = SimpleNamespace(seed=0, split="s", left_out="")


def drawn(few, chance, rows, steps, batch):
    order = TwoSets(few=few, chance=chance).order(pd.DataFrame())
    task = Task(RUN, (rows,), order=order)
    found, environment = draw_batches(task, steps, slots=1, batch=batch)
    assert found.shape == (steps, 1, batch)
    assert (environment == 0).all()
    return found.ravel()


def test_a_few_rows_come_again_and_again_and_the_others_in_their_turn():
    rows = np.arange(100, 300)
    found = drawn(0.05, 0.25, rows, 200, 20)
    counts = Counter(found.tolist())
    times = sorted((counts[row] for row in rows.tolist()), reverse=True)
    few, others = times[:10], times[10:]
    # 4,000 examples, a quarter of them of ten rows; laps are whole but for the last.
    assert max(few) - min(few) <= 1
    assert max(others) - min(others) <= 1
    assert sum(few) == pytest.approx(1000, abs=4 * np.sqrt(4000 * 0.25 * 0.75))
    assert min(few) > 4 * max(others)


def test_both_sets_are_in_every_part_of_the_training():
    found = drawn(0.1, 0.5, np.arange(100), 400, 10)
    few = {row for row, count in Counter(found.tolist()).items() if count > 100}
    assert len(few) == 10
    own = np.isin(found.reshape(8, 500), list(few)).mean(1)
    assert np.abs(own - 0.5).max() < 0.1


def test_with_a_chance_of_one_the_few_are_all_there_is():
    found = drawn(0.1, 1.0, np.arange(50), 10, 20)
    assert Counter(Counter(found.tolist()).values()) == {40: 5}


def test_a_single_row_is_a_set_of_its_own():
    assert drawn(0.5, 0.25, np.array([7]), 3, 2).tolist() == [7] * 6


def test_pairs_of_each_width_have_their_few():
    problem = load_suite("reverse:longest=12,each=20")
    rows = np.arange(len(problem))
    order = TwoSets(few=0.1, chance=1.0).order(problem.factors)
    task = Task(RUN, (rows,), order=order)
    at = np.repeat(np.unique(problem.widths), 30)
    found, _ = draw_pairs(task, problem.widths, at, 1, 4)
    assert (problem.widths[found] == at[:, None, None]).all()
    for width in np.unique(at):
        own = (problem.widths == width).sum()
        assert len(np.unique(found[at == width])) == round(0.1 * own)


def test_other_methods_walk_in_laps():
    rows = np.arange(30)
    task = Task(RUN, (rows,), order=ERM().order(pd.DataFrame()))
    found, _ = draw_batches(task, 6, slots=1, batch=10)
    assert np.array_equal(np.sort(found.ravel()), np.sort(np.tile(rows, 2)))
    assert np.array_equal(np.sort(found[:3].ravel()), rows)
