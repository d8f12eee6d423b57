"""What the calibration of comparisons simulates is what the command does."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from benchmarks.calibration.compare import _study, told_apart
from benchmarks.calibration.generators import SHAPES, scores

from gengap.base.seeds import generator
from gengap.questions.comparison import ScoreTable
from gengap.questions.comparison.summary import compare_scores


@pytest.mark.parametrize("crossed", [True, False])
def test_any_verdict_of_the_command_is_one_of_holms_first_step(crossed):
    tables = scores(generator(0, "same"), (12, 3, 6, 4), shift=(2.2,), common=0.3)
    pairs = list(combinations(range(3), 2))
    told = told_apart(tables, pairs, crossed=crossed)
    names = (tuple("abc"), tuple("uvwxyz"), tuple("1234"))
    seen = set()
    for k, table in enumerate(tables):
        given = ScoreTable(table, *names, paired=True, crossed=crossed)
        found = compare_scores(given, replicates=100)
        verdicts = [row["verdict"] for row in found.pairs]
        any_told = any(verdict != "no clear difference" for verdict in verdicts)
        assert any_told == (told[:, k] != 0).any()
        assert all(
            verdicts[p] == ("first is better" if sign > 0 else "second is better")
            for p, sign in enumerate(told[:, k])
            if sign
        )
        seen.add(any_told)
    assert seen == {True, False}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_mean_0_and_variance_1(shape):
    drawn = SHAPES[shape](generator(1, shape), (400_000,))
    assert drawn.mean() == pytest.approx(0, abs=5 / np.sqrt(len(drawn)))
    assert drawn.var() == pytest.approx(1, abs=0.1)


def test_a_seed_does_the_same_in_all_environments_and_scales_are_of_methods():
    drawn = scores(
        generator(2, "parts"), (200, 2, 5, 4), own=0, common=1, rest=0, shift=(1.0,), scales=(2, 0)
    )
    own = drawn[:, 0] - drawn[:, 1]  # what environments do to all cancels
    np.testing.assert_allclose(own, np.broadcast_to(own[:, :1], own.shape), atol=1e-12)
    assert own.mean() == pytest.approx(1.0, abs=5 * 2 / np.sqrt(800))
    assert own[:, 0].std() == pytest.approx(2.0, rel=0.15)


def test_methods_of_the_whole_procedure_are_right_equally_often():
    table = _study(generator(3, "study"), 2, 0.0, "normal")
    # Five seeds test every example once, so without training noise their means agree.
    by_five = [values.reshape(6, 5).mean(1) for values in table.values()]
    np.testing.assert_allclose(by_five, by_five[0][0])
    assert len({tuple(values) for values in table.values()}) == 3
