"""Claims about local structures, on few commands and steps."""

from __future__ import annotations

import numpy as np

from gengap.claims import compounds, structures


def test_new_structures_are_counted_against_what_the_run_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr(compounds, "COUNT", 600)
    monkeypatch.setattr(compounds, "STEPS", 2)
    monkeypatch.setattr(compounds, "MODEL", "rnn(width=4)")
    right, new, length = structures._asked(0, str(tmp_path / "records.db"))
    assert right.shape == new.shape == length.shape
    assert not right.any()  # nothing is learnt in two steps
    assert new.mean() > 1


def test_a_rule_that_tells_all_failures_is_worth_a_half(monkeypatch):
    right, new = np.array([True, True, False, False]), np.array([0, 1, 2, 3])
    monkeypatch.setattr(structures, "_asked", lambda *_: (right, new, np.array([3, 1, 3, 1])))
    assert structures.structures_tell(0, "") == 0.5
    assert structures.over_length(0, "") == 0.5
