"""Claims about feature collapse, on few sentences and steps."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.claims import collapse


def test_collapse_and_answers_are_those_of_one_network(tmp_path, monkeypatch):
    for name, value in {"WORDS": 6, "STEPS": 2, "BATCH": 8}.items():
        monkeypatch.setattr(collapse, name, value)
    collapse._measured.cache_clear()
    store = str(tmp_path / "r.db")
    found = {norm: collapse._measured(0, store, norm, 1.0, 5) for norm in collapse.NORMS}
    for right, alike in found.values():
        assert 0 <= right <= 1
        # Untrained features have nothing to do with concepts.
        assert abs(alike) < 0.25
    monkeypatch.setattr(collapse, "EACH", (5, 5))
    gained = np.subtract(found["layer"], found["none"]).min()
    assert collapse.norm_needed(0, store) == pytest.approx(gained)
    collapse._measured.cache_clear()
