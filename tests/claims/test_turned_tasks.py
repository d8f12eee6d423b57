"""Tasks of claims about fine-tuning, before anything is trained."""

from __future__ import annotations

import numpy as np

from gengap.claims.turned_tasks import MODEL, OLD, TARGET, task
from gengap.environments.suites.digits import digits
from gengap.study.study import Study


def test_a_task_is_every_digit_turned() -> None:
    images, y = digits()
    np.testing.assert_array_equal(task(OLD).X[:, 0], images)
    # A quarter turn counter-clockwise moves the right column to the top row.
    np.testing.assert_allclose(task(TARGET).X[:, 0, 0], images[:, :, -1], atol=1e-5)
    np.testing.assert_array_equal(task(TARGET).y, y)


def test_what_one_task_tests_no_task_trains_on() -> None:
    tested = [
        Study(task(angle), ["erm"], model=MODEL, seeds=[3]).plan.example_set(3, "test").example
        for angle in (OLD, TARGET)
    ]
    np.testing.assert_array_equal(*tested)
