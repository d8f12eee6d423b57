"""Claims about questions of two facts, on few facts and steps."""

from __future__ import annotations

import pytest

from gengap.claims import two_facts
from gengap.environments.suites import load_suite


def test_the_commonest_answer_by_hand():
    problem = load_suite("compared-facts:entities=30,attributes=2,repeats=2")
    words = [
        problem.vocabulary.text(problem.target[row])
        for row, code in enumerate(problem.environment)
        if problem.names[code] == "new"
    ]
    most = max(words.count(word) for word in ("less", "equal", "more"))
    assert two_facts.commonest(problem) == pytest.approx(most / len(words))


def test_what_is_not_learnt_carries_nothing_over(tmp_path, monkeypatch):
    monkeypatch.setattr(two_facts, "STEPS", 1)
    monkeypatch.setattr(two_facts, "WRITTEN", "two-hop-facts:steps=true,entities=20,repeats=2")
    monkeypatch.setattr(two_facts, "FOLLOWED", "two-hop-facts:entities=20,repeats=2")
    assert abs(two_facts.steps_carry_over(0, str(tmp_path / "r.db"))) < 0.3
