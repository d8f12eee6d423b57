"""The table of runs and examples against predictions that were put into the store."""

from __future__ import annotations

import numpy as np
import pytest
from gengap.study.matrix import correctness

import record_builders as builders
from gengap.base.errors import UsageError
from gengap.records import ExampleSet, Store


@pytest.fixture
def store():
    with Store(":memory:") as store:
        store.add_problem(builders.PROBLEM)
        yield store


def filled(store: Store, seeds=(0, 1)) -> dict[tuple[int, str], ExampleSet]:
    """Runs of some seeds, each with its own test and validation examples."""
    sets = {}
    for seed in seeds:
        rows = np.random.default_rng(seed).permutation(120)
        for place, part in enumerate(("test", "validation")):
            own = np.sort(rows[60 * place : 60 * place + 60]).astype(np.int32)
            sets[seed, part] = ExampleSet(own, (own // 40).astype(np.int16), own % 2)
            store.add_examples(builders.PROBLEM.fingerprint, seed, part, sets[seed, part])
    store.add([builders.finished(seed) for seed in seeds])
    return sets


@pytest.mark.parametrize("part", ["test", "validation", None])
def test_each_entry_is_the_prediction_at_the_last_checkpoint(store, part):
    sets = filled(store)
    matrix = correctness(store, part=part)
    expected = np.full((2, 120), -1)
    for (seed, name), examples in sets.items():
        if part in (None, name):
            codes, _ = builders.predictions(seed, name, builders.STEPS[-1])
            expected[seed, examples.example] = codes
    seeds = [run.run.seed for run in matrix.runs]
    np.testing.assert_array_equal(matrix.predicted, expected[seeds][:, matrix.example])
    assert set(matrix.example) == set(np.flatnonzero((expected >= 0).any(axis=0)))
    np.testing.assert_array_equal(matrix.environment, matrix.example // 40)
    np.testing.assert_array_equal(matrix.target, matrix.example % 2)


def test_scores_are_one_zero_and_nan(store):
    filled(store)
    matrix = correctness(store)
    for row, codes in zip(matrix.scores, matrix.predicted, strict=True):
        assert np.isnan(row[codes < 0]).all()
        np.testing.assert_array_equal(row[codes >= 0], (codes == matrix.target)[codes >= 0])


def test_unseen_marks_scored_examples_of_environments_held_out(store):
    filled(store)
    matrix = correctness(store)
    expected = (matrix.environment == 0) & (matrix.predicted >= 0)
    np.testing.assert_array_equal(matrix.unseen, expected)
    assert 0 < matrix.unseen.sum() < (matrix.predicted >= 0).sum()


def test_only_runs_of_the_roles_asked_for(store):
    filled(store)
    store.add([builders.finished(0, role="reference", split="reference")])
    assert len(correctness(store).runs) == 2
    both = correctness(store, roles=("unseen", "reference"))
    assert sorted(both.labels) == [
        "irm, leave out north, seed 0, trial 3",
        "irm, leave out north, seed 1, trial 3",
        "irm, reference, seed 0, trial 3",
    ]


def test_what_cannot_be_read(store):
    with pytest.raises(UsageError, match="has no runs of 'wards'"):
        correctness(store)
    with pytest.raises(UsageError, match="no problem 'other'"):
        correctness(store, "other")
    changed = {**vars(builders.PROBLEM), "fingerprint": "e" * 64, "task": "regression"}
    store.add_problem(type(builders.PROBLEM)(**changed))
    with pytest.raises(UsageError, match="several problems"):
        correctness(store)
    with pytest.raises(UsageError, match="regression"):
        correctness(store, "e" * 64)
    with Store(":memory:") as empty, pytest.raises(UsageError, match="holds no problem"):
        correctness(empty)
