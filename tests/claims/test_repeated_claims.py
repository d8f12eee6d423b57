"""Claims about repeated examples, on a small table and few steps."""

from __future__ import annotations

from gengap.claims import repeated


def test_a_single_use_takes_each_pair_at_most_once():
    pairs = repeated.NUMBERS**2
    trained = int(0.9 * pairs * 3 / 5)
    assert repeated.STEPS * repeated.BATCH <= trained < (repeated.STEPS + 10) * repeated.BATCH


def test_numbers_are_of_the_same_three_trainings(tmp_path, monkeypatch):
    for name, value in {"P": 3, "NUMBERS": 12, "BATCH": 4, "STEPS": 10}.items():
        monkeypatch.setattr(repeated, name, value)
    store = str(tmp_path / "records.db")
    once, again, both = scores = repeated._scores(0, store)
    assert repeated.repeated_beats_once(0, store) == again - once
    assert repeated.both_beat_either(0, store) == both - max(once, again)
    assert all(0 <= score <= 1 for score in scores)
