"""Choices never look at the environment they are graded on."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.detectors.registry import detector_info
from gengap.questions.detection.selection import candidates, choose_by_others


def test_by_hand() -> None:
    # The second is best on average, but without its 0.9 the first is.
    found = choose_by_others([[0.6, 0.6, 0.6], [0.5, 0.5, 0.9]])
    assert found.chosen.tolist() == [1, 1, 0]
    assert found.values.tolist() == [0.5, 0.5, 0.6]
    assert found.looks == 4


def test_an_environments_own_values_do_not_change_its_choice() -> None:
    values = np.random.default_rng(0).random((6, 5))
    before = choose_by_others(values).chosen
    values[:, 2] = np.random.default_rng(1).random(6)
    assert choose_by_others(values).chosen[2] == before[2]


def test_choosing_among_noise_is_worth_nothing() -> None:
    values = np.random.default_rng(2).normal(size=(30, 400))
    assert values.mean(1).max() > 0.08  # the best in hindsight looks better than it is
    assert abs(choose_by_others(values).values.mean()) < 0.15


def test_candidates_begin_with_the_defaults_and_stay_in_range() -> None:
    knn = detector_info("knn").detector
    drawn = candidates(knn, 5)
    assert drawn[0] == knn()
    assert drawn == candidates(knn, 5)
    assert len({d.hyperparameters["k"] for d in drawn}) > 1
    declared = knn.fields()["k"].metadata
    assert all(declared["low"] <= d.hyperparameters["k"] <= declared["high"] for d in drawn)
    assert len(candidates(detector_info("msp").detector, 5)) == 1


def test_one_environment_leaves_no_others() -> None:
    with pytest.raises(UsageError, match="2 or more"):
        choose_by_others([[1.0]])
