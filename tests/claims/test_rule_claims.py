"""Claims about rules, by hand and on few sentences and steps."""

from __future__ import annotations

import pytest

from gengap.claims import rules


def test_numbers_by_hand(monkeypatch):
    said = {rules.LITTLE: (0.0, 0.2), rules.BETWEEN: (0.0, 1.0), rules.MUCH: (0.9, 1.0)}
    monkeypatch.setattr(rules, "by_structure", lambda draw, store, share: said[share])
    assert rules.between_differs(0, "") == pytest.approx((1 - 0.2) / 2**0.5)
    assert rules.more_tells(0, "") == pytest.approx(0.95 - 0.1)


def test_each_seed_has_a_share(tmp_path, monkeypatch):
    for name, value in {"SEEDS": 2, "STEPS": 1, "BATCH": 2}.items():
        monkeypatch.setattr(rules, name, value)
    suite = rules.load_suite
    monkeypatch.setattr(
        rules, "load_suite", lambda name, **said: suite(name, count=40, asked=20, **said)
    )
    found = rules.by_structure(98, str(tmp_path / "r.db"), 0.1)
    assert len(found) == 2
    assert all(0 <= share <= 1 for share in found)
