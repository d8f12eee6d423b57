"""The degree curriculum: which inputs come when, counted by their signs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from gengap.environments.suites import load_suite
from gengap.methods.degree_curriculum import DegreeCurriculum
from gengap.study.study import Study
from gengap.training.tables import Tables
from gengap.training.tasks import Task, draw_batches

RUN = SimpleNamespace(seed=0, split="s", left_out="")


def test_supports_grow_one_sign_at_a_time():
    found = DegreeCurriculum(until=0.5).support(np.linspace(0, 0.99, 100), 6)
    assert found.tolist() == [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10 + [5] * 10 + [6] * 50


def test_inputs_are_of_their_steps_support_and_all_of_it_alike():
    data = load_suite("boolean:bits=6")
    flipped = (np.asarray(data.X)[:, 0] < 0).sum(1)
    assert (data.factors["hamming_weight"] == flipped).all()
    order = DegreeCurriculum(until=0.5).order(data.factors)
    task = Task(RUN, (np.arange(64),), order=order)
    rows, _ = draw_batches(task, 120, slots=1, batch=50)
    for stage in range(5):
        own = rows[12 * stage : 12 * stage + 12].ravel()
        support = np.flatnonzero(flipped <= stage + 1)
        assert flipped[own].max() <= stage + 1
        if stage < 3:
            assert set(own.tolist()) == set(support.tolist())
        share = (flipped[own] == stage + 1).mean()
        assert share == pytest.approx((flipped[support] == stage + 1).mean(), abs=0.1)
    assert set(rows[60:].ravel().tolist()) == set(range(64))


def test_without_a_light_row_the_lightest_come_first():
    order = DegreeCurriculum(until=1.0).order(pd.DataFrame({"hamming_weight": [0, 3, 5, 3, 4]}))
    found = order(np.random.default_rng(0), np.array([1, 2, 3, 4]), np.array([0.0, 0.5]), 20)
    assert set(found[0].tolist()) == {1, 3}
    assert set(found[1].tolist()) == {1, 3}


def test_data_without_weights_are_told_what_is_missing():
    data = load_suite("boolean:bits=6")
    plain = Tables.from_arrays(data.X, data.y, np.arange(64) % 2, task="regression")
    study = Study(plain, ["degree-curriculum", "erm"], seeds=1, model="linear")
    assert [entry.name for entry in study.plan.entries] == ["erm"]
    assert "hamming_weight" in study.skipped["degree-curriculum"]
