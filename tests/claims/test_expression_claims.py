"""Claims about expressions as instructions, of answers made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from gengap.claims import expressions


def test_numbers_by_hand(monkeypatch):
    rows = [
        ("known", "a*", 0.1, 1.0), ("known", "ab", 0.1, 0.8), ("new", "b", 0.1, 1.0),
        ("new", "b*a", 0.2, 0.8), ("new", "(a|b)*", 0.9, 0.3), ("larger", "aaaaab", 0.1, 0.6),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["part", "expression", "matched", "right"])
    monkeypatch.setattr(expressions, "_answered", lambda draw, store: table)
    assert expressions.new_instructions_lose(0, "") == pytest.approx(0.9 - 0.7)
    assert expressions.imprecise_is_harder(0, "") == pytest.approx(0.9 - 0.3)
    # 0.2 above guessing of new ones, 0.1 of larger: a half is lost.
    assert expressions.beyond_collapses(0, "") == pytest.approx(0, abs=1e-9)


def test_answers_are_of_one_study(tmp_path, monkeypatch):
    for name, value in {"INSTRUCTIONS": 20, "STEPS": 2, "BATCH": 4}.items():
        monkeypatch.setattr(expressions, name, value)
    table = expressions._answered(0, str(tmp_path / "r.db"))
    assert set(table.part) == {"known", "new", "larger"}
    assert set(table.right) <= {0.0, 1.0}
    assert table.right.mean() < 0.7
