"""Monitors of batches: the rate over all looks, environments, the plan's end, files."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.questions.shift.batches import TESTS, BatchMonitor
from gengap.statistics.two_sample import energy_test


def test_the_false_alarm_rate_holds_over_all_looks():
    rng = np.random.default_rng(0)
    spent = every = 0
    for _ in range(200):
        monitor = BatchMonitor(rng.normal(size=(40, 2)), looks=5, test="columns", false_alarms=0.2)
        looks = [monitor.update(rng.normal(size=(30, 2))) for _ in range(5)]
        spent += looks[-1].alarm
        every += min(look.p_value for look in looks) <= 0.2
    assert spent / 200 <= 0.2 + 2 * math.sqrt(0.2 * 0.8 / 200)
    assert every / 200 > 0.3  # what testing each batch at 20% would do


@pytest.mark.parametrize("test", list(TESTS))
def test_each_test_finds_a_shift_and_keeps_the_alarm(test):
    rng = np.random.default_rng(1)
    monitor = BatchMonitor(rng.normal(size=(60, 3)), looks=4, test=test)
    quiet, shifted, after = (
        monitor.update(rng.normal(size=(50, 3)) + shift) for shift in (0, 1.5, 0)
    )
    assert not quiet.alarm
    assert "No alarm after look 1 of 4" in quiet.sentence
    assert shifted.alarm
    assert shifted.bound == 0.0125
    assert after.alarm
    assert after.sentence.startswith("Alarm since look 2")
    assert (after.looks, after.examples) == (3, 150)


def test_the_smallest_p_value_is_below_the_bound():
    monitor = BatchMonitor(np.zeros((5, 1)), looks=20)
    assert monitor.permutations == 799
    assert 1 / (1 + monitor.permutations) == pytest.approx(monitor.bound / 2)


def test_the_largest_p_value_over_environments_counts():
    rng = np.random.default_rng(2)
    rows, where = rng.normal(size=(120, 2)), np.repeat(["A", "B", "C"], 40)
    rows[:, 0] += np.repeat([0.0, 2.0, 4.0], 40)
    batch = rng.normal(size=(40, 2)) + np.array([2.0, 0.0])
    look = BatchMonitor(rows, where, looks=1, test="energy").update(batch)
    assert not look.alarm
    assert look.nearest == "B"
    alone = energy_test(rows[where == "B"], batch, permutations=4_000, seed=1).p_value
    assert look.p_value == pytest.approx(alone, abs=0.15)
    far = BatchMonitor(rows, where, looks=1, test="energy").update(batch + np.array([0.0, 4.0]))
    assert far.alarm
    assert "every" not in far.sentence
    assert "left the training environments" in far.sentence


def test_a_saved_monitor_goes_on_with_its_reference_only(tmp_path):
    rng = np.random.default_rng(3)
    reference, first, second = (rng.normal(size=(30, 2)) for _ in range(3))
    monitor = BatchMonitor(reference, looks=3, seed=5)
    monitor.update(first)
    monitor.save(tmp_path / "m.json")
    again = BatchMonitor.load(tmp_path / "m.json", reference)
    assert again.update(second) == monitor.update(second)
    with pytest.raises(UsageError, match="another reference"):
        BatchMonitor.load(tmp_path / "m.json", reference + 1)
    (tmp_path / "m.json").write_text('{"monitor": "batches", "format": 1}')
    with pytest.raises(UsageError, match="not a whole monitor file"):
        BatchMonitor.load(tmp_path / "m.json", reference)


def test_the_plan_has_an_end():
    monitor = BatchMonitor(np.arange(10.0)[:, None], looks=1, test="columns")
    monitor.update(np.arange(5.0)[:, None])
    with pytest.raises(UsageError, match="All 1 planned looks"):
        monitor.update(np.arange(5.0)[:, None])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"looks": 0}, "looks must be"),
        ({"looks": 2, "test": "t"}, "no test 't'"),
        ({"looks": 2, "false_alarms": 1.0}, "false_alarms is 1.0"),
        ({"looks": 10_000}, "use ShiftMonitor"),
        ({"looks": 2, "environment": ["A"]}, "3 labels"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(UsageError, match=said):
        BatchMonitor(np.zeros((3, 1)), **options)


def test_a_bad_batch_uses_no_look():
    monitor = BatchMonitor(np.arange(10.0)[:, None], looks=1, test="energy")
    for batch in (np.zeros((5, 2)), np.zeros(5), [["a"], ["b"]]):
        with pytest.raises(UsageError):
            monitor.update(batch)
    assert monitor.update(np.arange(5.0)[:, None]).looks == 1
