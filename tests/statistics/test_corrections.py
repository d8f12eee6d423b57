"""Who is right, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.corrections import corrections


def test_counts_by_hand():
    #                   both wrong | first only | second only | both right
    targets = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    first = np.array([1, 2, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0])
    second = np.array([2, 1, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0])
    joint = np.array([0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 2])
    found = corrections(first, second, joint, targets)
    assert found.both_wrong_yet_right == 2
    assert found.both_right_yet_wrong == 1
    assert found.right == ((2, 2), (1, 2))
    assert found.wrong == ((2, 1), (1, 1))
    assert found.examples == 12
    # The joint one is right on 7, the first on 5, the second on 6.
    assert found.gain == pytest.approx(1 / 12)


def test_lengths_must_agree():
    with pytest.raises(UsageError, match="must be as many as each other, at least one"):
        corrections(np.zeros(3), np.zeros(3), np.zeros(2), np.zeros(3))
    with pytest.raises(UsageError, match="at least one"):
        corrections(*[np.zeros(0)] * 4)
