"""Claims about instructions, on few rules, strings and steps."""

from __future__ import annotations

import pytest

from gengap.claims import instructions


def test_numbers_are_of_three_trainings(monkeypatch):
    said = {(6, 12): 0.1, (60, 12): 0.5, (60, 8): 0.2}
    monkeypatch.setattr(
        instructions, "following", lambda draw, store, rules, domain=12: said[rules, domain]
    )
    assert instructions.number_helps(0, "") == pytest.approx(0.4)
    assert instructions.reach_helps(0, "") == pytest.approx(0.3)
    assert instructions.within_fails(0, "") == pytest.approx(0.4 - 2 * 0.1)


def test_untrained_networks_follow_no_new_rule(tmp_path, monkeypatch):
    for name, value in {"STRINGS": 60, "STEPS": 1, "BATCH": 4, "NEW_RULES": 10}.items():
        monkeypatch.setattr(instructions, name, value)
    monkeypatch.setattr(instructions, "MODEL", "transformer(width=8,layers=1)")
    assert instructions.following(99, str(tmp_path / "r.db"), 6) < 0.2
