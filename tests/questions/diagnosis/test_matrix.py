"""The table of runs and examples against predictions that were put into the store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.environments.parts import TEST, VALIDATION, parts
from gengap.questions.diagnosis.matrix import correctness
from gengap.records.run import Problem
from gengap.records.store import Store
from gengap.records.study import Units
from gengap.study.result import read_result
from study_builders import recorded

PROBLEM = Problem("f" * 64, "wards", "classification", ("north", "south", "west"), ("ill", "well"),
                  120, 0.25)  # fmt: skip
UNITS = Units(np.repeat([0, 1, 2], 40), np.arange(120) % 2)
STEPS, SEEDS = (10, 20), (0, 1)
FOLDS = {seed: parts(UNITS.environment, UNITS.target, 2, seed) for seed in SEEDS}
SCORED = {"test": (TEST,), "validation": (VALIDATION,), None: (TEST, VALIDATION)}


def codes(run) -> dict[int, np.ndarray]:
    """Class codes of every example that differ with run and step."""
    return {
        step: np.random.default_rng([run.seed, run.trial, len(run.split), step]).integers(0, 2, 120)
        for step in STEPS
    }


@pytest.fixture
def store():
    with Store(":memory:") as store:
        yield store


def filled(store: Store, selection: str = "last-step"):
    return recorded(
        store, PROBLEM, UNITS, codes, methods=("irm",), seeds=SEEDS, trials=2, selection=selection
    )


def kept(result, split: str, seed: int, selection: str) -> tuple[int, np.ndarray]:
    """Trial and predictions that a rule keeps, from the predictions that were put in."""
    runs = [
        run
        for run, cell in result.plan.runs["irm"]
        if (cell.role, cell.name, run.seed) == ("unseen", split, seed)
    ]
    if selection == "last-step":
        return 0, codes(runs[0])[STEPS[-1]]

    def validation(predicted):
        """Each environment that the run trains on weighs equally."""
        own = FOLDS[seed] == VALIDATION
        right = predicted == UNITS.target
        names = [k for k, name in enumerate(PROBLEM.environments) if name != split]
        return np.mean([right[own & (UNITS.environment == k)].mean() for k in names])

    ranked = [
        (validation(predicted), -run.trial, step, predicted)
        for run in runs
        for step, predicted in codes(run).items()
    ]
    _, trial, _, predicted = max(ranked, key=lambda entry: entry[:3])
    return -trial, predicted


@pytest.mark.parametrize("selection", ["last-step", "validation"])
@pytest.mark.parametrize("part", ["test", "validation", None])
def test_each_entry_is_the_prediction_at_the_step_that_the_rule_keeps(store, part, selection):
    result = filled(store, selection)
    matrix = correctness(result, part=part)
    assert [(run.split, run.seed) for run in matrix.runs] == [
        (name, seed) for name in PROBLEM.environments for seed in SEEDS
    ]
    scored = {seed: np.isin(FOLDS[seed], SCORED[part]) for seed in SEEDS}
    expected = np.full((len(matrix.runs), 120), -1)
    for row, run in enumerate(matrix.runs):
        trial, predicted = kept(result, run.split, run.seed, selection)
        assert run.trial == trial
        expected[row] = np.where(scored[run.seed], predicted, -1)
    np.testing.assert_array_equal(matrix.predicted, expected[:, matrix.example])
    assert set(matrix.example) == set(np.flatnonzero(scored[0] | scored[1]))
    np.testing.assert_array_equal(matrix.environment, matrix.example // 40)
    np.testing.assert_array_equal(matrix.target, matrix.example % 2)


def test_the_rules_keep_different_runs(store):
    """Otherwise the test above could not tell them apart."""
    result = filled(store)
    places = [(name, seed) for name in PROBLEM.environments for seed in SEEDS]
    first, second = (
        [kept(result, *place, rule)[1] for place in places] for rule in ("last-step", "validation")
    )
    assert any((a != b).any() for a, b in zip(first, second, strict=True))


def test_scores_are_one_zero_and_nan(store):
    matrix = correctness(filled(store))
    for row, predicted in zip(matrix.scores, matrix.predicted, strict=True):
        assert np.isnan(row[predicted < 0]).all()
        right = (predicted == matrix.target)[predicted >= 0]
        np.testing.assert_array_equal(row[predicted >= 0], right)


def test_unseen_marks_scored_examples_of_environments_held_out(store):
    matrix = correctness(filled(store))
    out = np.array([PROBLEM.environments.index(run.split) for run in matrix.runs])
    expected = (matrix.environment == out[:, None]) & (matrix.predicted >= 0)
    np.testing.assert_array_equal(matrix.unseen, expected)
    assert 0 < matrix.unseen.sum() < (matrix.predicted >= 0).sum()


def test_references_are_left_out_and_a_later_trial_is_not(store):
    matrix = correctness(filled(store, "validation"))
    trials = [run.trial for run in matrix.runs]
    assert set(trials) == {0, 1}
    assert {run.role for run in matrix.runs} == {"unseen"}
    assert [(run.split, run.seed) for run in matrix.runs] == [
        (name, seed) for name in PROBLEM.environments for seed in SEEDS
    ]


def test_what_cannot_be_read(store):
    with pytest.raises(UsageError, match="holds no study yet"):
        read_result(store)
    values = replace(PROBLEM, fingerprint="e" * 64, name="doses", task="regression", classes=())
    units = Units(UNITS.environment, np.linspace(0, 1, 120))
    predict = lambda run: {1: np.zeros(120, np.float32)}  # noqa: E731
    result = recorded(store, values, units, predict, seeds=SEEDS)
    with pytest.raises(UsageError, match="'doses' is no classification"):
        correctness(result)
    with pytest.raises(UsageError, match=r"^Store .* has no study 'other'"):
        read_result(store, "other")
