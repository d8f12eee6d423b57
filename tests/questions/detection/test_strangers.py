"""Held-out classes: who is known, who is a stranger, and that all have their turn."""

from __future__ import annotations

import numpy as np
import pytest

from detection_problems import shifted, values
from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import load_suite
from gengap.questions.detection.strangers import class_groups, hold_out_classes


def test_rows_are_divided_and_classes_coded_anew() -> None:
    e = shifted(0.0)
    held = hold_out_classes(e, ["1"])
    assert held.known.classes == ("0", "2")
    assert np.array_equal(np.sort(np.r_[held.known_rows, held.stranger_rows]), np.arange(len(e)))
    assert (e.y[held.stranger_rows] == 1).all()
    assert set(held.stranger_classes) == {"1"}
    labels = np.array(held.known.classes)[held.known.y]
    np.testing.assert_array_equal(labels, np.array(e.classes)[e.y[held.known_rows]])
    np.testing.assert_array_equal(held.known.X, np.asarray(e.X)[held.known_rows])


def test_every_class_has_its_turn() -> None:
    groups = class_groups(load_suite("digits-writers", n=20), 10)
    assert all(len(group) <= 2 for group in groups)
    assert sorted(set(np.concatenate(groups[:5]))) == [str(k) for k in range(10)]
    assert class_groups(values(), 3) == []
    two = Environments.from_arrays(np.eye(8), [0, 1] * 4, [0, 0, 0, 0, 1, 1, 1, 1])
    assert class_groups(two, 3) == []


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="no class '7'"):
        hold_out_classes(shifted(0.0), ["7"])
    with pytest.raises(UsageError, match="only 1 of 3"):
        hold_out_classes(shifted(0.0), ["0", "1"])


def test_environments_of_one_class_leave_too_little() -> None:
    each = np.repeat(np.arange(3), 30)
    e = Environments.from_arrays(np.random.default_rng(0).normal(size=(90, 2)), each, each)
    held = hold_out_classes(e, ["0"])
    assert held.known.names == ("1", "2")
    small = e.select(np.r_[0:60, 60:65])
    with pytest.raises(UsageError, match="too few examples are left"):
        hold_out_classes(small, ["0"])
