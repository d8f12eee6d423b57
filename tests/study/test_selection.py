"""Selection rules on candidates made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gengap.base.errors import UsageError
from gengap.study.rules import RULES, Candidate, choose, looks, rule_named

# Each column has its maximum in another row, and none where the defaults end (trial 0, step 30).
TABLE = [
    Candidate("p", 0, 10, validation=0.70, left_out=0.55, crafted=0.1, unseen=0.40),
    Candidate("p", 0, 30, validation=0.80, left_out=0.50, crafted=0.2, unseen=0.45),
    Candidate("q", 1, 10, validation=0.60, left_out=0.65, crafted=0.3, unseen=0.50),
    Candidate("q", 1, 30, validation=0.90, left_out=0.60, crafted=0.4, unseen=0.30),
    Candidate("r", 2, 10, validation=0.50, left_out=0.40, crafted=0.5, unseen=0.70),
    Candidate("r", 2, 30, validation=0.85, left_out=0.45, crafted=0.6, unseen=0.60),
]
EXPECTED = {
    "validation": ("q", 30),
    "leave-one-environment-out": ("q", 10),
    "crafted-validation": ("r", 30),
    "last-step": ("p", 30),
    "oracle": ("r", 10),
}


def test_every_rule_is_covered_here():
    assert set(EXPECTED) == set(RULES)
    assert [name for name, rule in RULES.items() if rule.peeks] == ["oracle"]


@pytest.mark.parametrize("name", EXPECTED)
def test_each_rule_keeps_its_own_best(name):
    for order in (TABLE, TABLE[::-1]):
        kept = choose(RULES[name], order)
        assert (kept.key, kept.step) == EXPECTED[name]


@pytest.mark.parametrize(
    "name", ["validation", "leave-one-environment-out", "crafted-validation", "oracle"]
)
def test_ties_go_to_the_earlier_trial_then_the_later_step(name):
    even = [replace(c, validation=0.5, left_out=0.5, crafted=0.5, unseen=0.5) for c in TABLE]
    for order in (even, even[::-1]):
        kept = choose(RULES[name], order)
        assert (kept.trial, kept.step) == (0, 30)
    later = [c for c in even if c.trial > 0]
    assert (choose(RULES[name], later).trial, choose(RULES[name], later).step) == (1, 30)


def test_a_rule_without_its_records_keeps_nothing():
    rule = RULES["leave-one-environment-out"]
    assert choose(rule, [replace(c, left_out=float("nan")) for c in TABLE]) is None
    assert choose(RULES["validation"], []) is None
    assert choose(RULES["last-step"], TABLE[2:]) is None


@pytest.mark.parametrize("name", EXPECTED)
def test_a_single_candidate_needs_no_choice(name):
    only = Candidate("s", 0, 0, validation=0.4)
    assert choose(RULES[name], [only]) is only
    assert looks(RULES[name], [only]) == 0


def test_a_run_that_diverged_is_not_kept():
    diverged = replace(TABLE[0], validation=float("-inf"))
    assert choose(RULES["validation"], [diverged, TABLE[4]]) is TABLE[4]


def test_only_the_oracle_looks_once_per_candidate():
    assert {name: looks(rule, TABLE) for name, rule in RULES.items()} == {
        "validation": 0, "leave-one-environment-out": 0, "crafted-validation": 0, "last-step": 0,
        "oracle": 6,
    }  # fmt: skip


def test_an_unknown_rule_is_refused():
    with pytest.raises(UsageError, match="did you mean 'oracle'"):
        rule_named("oracel")
