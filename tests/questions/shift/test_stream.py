"""Monitors of scores: false alarms over whole streams, delays, environments, files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.questions.shift.betting import bet, sequential_p_values
from gengap.questions.shift.stream import ShiftMonitor


def alarms(streams: int, length: int, shift: float, alpha: float, calibration: int = 60) -> float:
    rng = np.random.default_rng(0)
    raised = 0
    for seed in range(streams):
        monitor = ShiftMonitor(rng.normal(size=calibration), false_alarms=alpha, seed=seed)
        raised += monitor.update(rng.normal(size=length) + shift).alarm
    return raised / streams


def test_false_alarms_over_a_thousand_streams():
    share = alarms(1_000, 150, 0.0, alpha=0.1)
    assert 0.02 < share <= 0.1


def test_a_shift_of_the_mean_is_found():
    assert alarms(50, 150, 1.0, alpha=0.05) >= 0.95
    # The direction matters: scores that fall are not stranger.
    assert alarms(50, 150, -1.0, alpha=0.05) <= 0.05


@pytest.mark.slow
def test_long_streams_against_ranks_among_the_calibration_scores_alone():
    rng = np.random.default_rng(0)
    ours = naive = 0
    for seed in range(200):
        calibration, stream = np.sort(rng.normal(size=200)), rng.normal(size=5_000)
        ours += ShiftMonitor(calibration, seed=seed).update(stream).alarm
        above = 200 - np.searchsorted(calibration, stream, "right")
        naive += bet((above + 1 - rng.random(5_000)) / 201)[0].max() >= math.log(20)
    assert ours / 200 <= 0.05
    assert naive / 200 > 0.1


def test_the_p_value_is_one_over_the_largest_capital():
    rng = np.random.default_rng(1)
    calibration, stream = rng.normal(size=30), rng.normal(size=40) + 1
    look = ShiftMonitor(calibration).update(stream)
    # Without ties the random numbers scale the own rank alone; any will do within a factor.
    low, high = (
        bet(sequential_p_values(np.sort(calibration), stream, np.full(40, u)))[0].max()
        for u in (1.0, 1e-9)
    )
    assert math.exp(-high) <= look.p_value <= math.exp(-low)


def test_batches_change_nothing_and_the_alarm_stays():
    rng = np.random.default_rng(2)
    scores, stream = rng.normal(size=100), rng.normal(size=700)
    stream[300:340] += 3
    whole, parts = ShiftMonitor(scores), ShiftMonitor(scores)
    last = whole.update(stream)
    looks = [parts.update(part) for part in np.split(stream, [1, 17, 200, 310, 512])]
    assert looks[-1].p_value == pytest.approx(last.p_value, rel=1e-9)
    assert looks[-1].answer == last.answer
    assert [look.alarm for look in looks] == [False, False, False, True, True, True]
    assert (looks[-1].looks, looks[-1].examples) == (6, 700)
    assert "Alarm since example 3" in last.answer
    assert parts.update([]).examples == 700


def environments() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    where = np.repeat(["A", "B", "C"], 150)
    return rng.normal(size=450) + np.repeat([0.0, 1.0, 2.0], 150), where


@pytest.mark.parametrize(("mean", "name"), [(0.0, "A"), (1.0, "B"), (2.0, "C")])
def test_a_stream_from_one_training_environment_raises_no_alarm(mean, name):
    scores, where = environments()
    rng = np.random.default_rng(4)
    looks = [
        ShiftMonitor(scores, where, seed=seed).update(rng.normal(size=200) + mean)
        for seed in range(20)
    ]
    assert sum(look.alarm for look in looks) <= 3  # 1 expected; 4 or more has chance 0.016
    assert all(look.nearest in (name, *"BC") for look in looks)


def test_the_pool_is_left_by_a_strange_training_environment_and_none_by_all():
    scores, where = environments()
    rng = np.random.default_rng(5)
    strange, stranger = rng.normal(size=200) + 2, rng.normal(size=200) + 4
    assert ShiftMonitor(scores).update(strange).alarm
    look = ShiftMonitor(scores, where).update(stranger)
    assert look.alarm
    assert look.nearest == "C"
    assert "left the training environments" in look.answer


def test_a_saved_monitor_goes_on(tmp_path):
    scores, where = environments()
    rng = np.random.default_rng(6)
    first, second = rng.normal(size=90) + 2, rng.normal(size=300) + 2.5
    monitor = ShiftMonitor(scores, where, false_alarms=0.01, seed=7)
    monitor.update(first)
    monitor.save(tmp_path / "monitor.json")
    again = ShiftMonitor.load(tmp_path / "monitor.json")
    assert again.update(second) == monitor.update(second)
    assert again.evidence == monitor.evidence
    pooled = ShiftMonitor(scores)
    pooled.save(tmp_path / "pooled.json")
    assert ShiftMonitor.load(tmp_path / "pooled.json").update(first) == pooled.update(first)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a saved monitor"),
        ("[1]", "not a saved monitor"),
        ('{"monitor": "batches", "format": 1}', "not a saved monitor of scores"),
        ('{"monitor": "scores", "format": 9}', "has format 9"),
        ('{"monitor": "scores", "format": 1}', "not a whole monitor file"),
    ],
)
def test_unusable_files_are_named(tmp_path, text, said):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(UsageError, match=said):
        ShiftMonitor.load(tmp_path / "m.json")


def test_damaged_and_missing_files_are_named(tmp_path):
    with pytest.raises(UsageError, match="Cannot read"):
        ShiftMonitor.load(tmp_path / "none.json")
    ShiftMonitor([1.0, 2.0]).save(tmp_path / "m.json")
    state = json.loads((tmp_path / "m.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps({**state, "peaks": {}}))
    with pytest.raises(UsageError, match="not a whole monitor file"):
        ShiftMonitor.load(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1), ("seed", 2**63), ("seed", 1.5), ("seed", "a"), ("seed", True), ("seed", None),
        ("looks", -1), ("looks", 1.5), ("looks", "2"),
        ("alarm_at", -1), ("alarm_at", 4), ("alarm_at", "no"),
        ("stream", [1.0, math.nan, 2.0]), ("stream", [[1.0], [2.0]]), ("stream", ["a"]),
        ("stream", []), ("peaks", {"": math.nan}), ("awake", {"": [1.0, math.nan, 0.0]}),
        ("awake", {"": None}), ("false_alarms", 2), ("calibration", {}),
    ],
)  # fmt: skip
def test_a_state_no_monitor_can_be_in_is_refused(tmp_path, key, value):
    path = tmp_path / "m.json"
    monitor = ShiftMonitor([1.0, 2.0])
    monitor.update([1.0, 2.0, 3.0])
    monitor.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UsageError, match="not a whole monitor file"):
        ShiftMonitor.load(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([],), "no calibration scores"),
        (([1.0, math.nan],), "finite"),
        ((["a"],), "list of numbers"),
        (([1.0, 2.0], ["A"]), "2 labels"),
        (([1.0, 2.0], ["A", ""]), "label is empty"),
    ],
)
def test_bad_input_is_named(arguments, said):
    with pytest.raises(UsageError, match=said):
        ShiftMonitor(*arguments)


def test_bad_rates_and_batches_are_named_and_change_nothing():
    with pytest.raises(UsageError, match="false_alarms is 0"):
        ShiftMonitor([1.0], false_alarms=0)
    monitor = ShiftMonitor([1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match="finite"):
        monitor.update([1.0, math.inf])
    assert monitor.update([1.0]).looks == 1
