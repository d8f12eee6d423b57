"""Claims about compounds, on few commands and steps."""

from __future__ import annotations

import math

from gengap.claims import compounds


def test_both_numbers_are_of_the_same_studies(tmp_path, monkeypatch):
    monkeypatch.setattr(compounds, "COUNT", 600)
    monkeypatch.setattr(compounds, "STEPS", 2)
    monkeypatch.setattr(compounds, "MODEL", "rnn(width=4)")
    store = str(tmp_path / "records.db")
    falls = compounds.accuracy_falls(0, store)
    assert falls == 0  # nothing is learnt in two steps
    assert math.isfinite(compounds.unseen_costs_more(0, store))
