"""Which pairs are drawn, checked pair by pair."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gengap.environments.suites import load_suite
from gengap.sequences.drawing import draw_pairs, step_widths
from gengap.sequences.pairs import padded
from gengap.study.chunks import Trainer
from gengap.study.study import Study


def drawn(steps=60, slots=3, batch=2):
    problem = load_suite("reverse:longest=12,each=10")
    study = Study(problem, ["erm"], model="rnn(width=8)", seeds=1, splits="extrapolate:length>8")
    trainer = Trainer(study.plan, study._work)
    run = next(run for run, _ in study.plan.runs["erm"] if run.role == "unseen")
    task, widths = trainer.task(run), padded(problem.lengths)
    at = step_widths(widths, problem.apart(task.train_rows), steps)
    return problem, task, widths, at, *draw_pairs(task, widths, at, slots, batch)


def test_a_step_has_pairs_of_one_width_of_the_environments_it_names():
    _, task, widths, at, rows, environment = drawn()
    assert (widths[rows] == at[:, None, None]).all()
    for step in range(len(at)):
        for slot, own in enumerate(environment[step]):
            assert np.isin(rows[step, slot], task.train[own]).all()
        # Of a width that three environments have, each is there before any twice.
        most = Counter(environment[step].tolist()).most_common(1)[0][1]
        assert most == (1 if at[step] == 16 else most)


def test_widths_come_as_often_as_pairs_have_them():
    _, task, widths, at, _, _ = drawn(steps=4000)
    trained = widths[widths <= widths[task.train_rows].max()]
    for width in np.unique(trained):
        assert abs((at == width).mean() - (trained == width).mean()) < 0.04


def test_all_pairs_of_an_environment_come_before_any_again():
    _, task, _, _, rows, environment = drawn(steps=300)
    own = rows[environment == 0].ravel()
    count = len(task.train[0])
    assert sorted(own[:count].tolist()) == sorted(task.train[0].tolist())


def test_a_run_without_a_width_is_given_the_nearest_below():
    problem, task, widths, _, _, _ = drawn()
    rows, _ = draw_pairs(task, widths, np.array([40, 24, 8]), 2, 2)
    longest = widths[task.train_rows].max()
    assert (widths[rows[0]] == longest).all()
    assert (widths[rows[2]] == 8).all()
    assert problem.lengths[rows].max() <= 16
