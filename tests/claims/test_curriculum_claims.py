"""The claim about the curriculum, on few signs and steps."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.claims import curriculum


def test_errors_are_those_of_inputs_kept_apart_within_the_seen_part(tmp_path, monkeypatch):
    for name, value in {"BITS": 6, "DEGREES": (3,), "STEPS": 3, "WIDTHS": (4,)}.items():
        monkeypatch.setattr(curriculum, name, value)
    store = str(tmp_path / "r.db")
    plain, taught = curriculum._errors(0, store, 3)
    # Hardly trained, a network says about 0 of signs.
    assert plain == pytest.approx(1, abs=0.5)
    assert taught == pytest.approx(1, abs=0.5)
    assert curriculum.curriculum_helps(0, store) == pytest.approx(np.log2(plain / taught))
