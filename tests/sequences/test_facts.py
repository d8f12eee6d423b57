"""Questions of two facts against the facts that the same problem tells."""

from __future__ import annotations

import pytest

from gengap.base.errors import UsageError
from gengap.environments.suites import load_suite


def pairs(problem):
    words = problem.vocabulary
    for row, code in enumerate(problem.environment):
        source, target = (
            words.text(side[row]).split() for side in (problem.source, problem.target)
        )
        yield problem.names[code], source, target


def told(problem):
    return {tuple(s): t[0] for part, s, t in pairs(problem) if part == "facts"}


@pytest.mark.parametrize("steps", [False, True])
def test_one_fact_follows_the_other(steps):
    problem = load_suite(f"two-hop-facts:steps={steps}", seed=2)
    facts, used = told(problem), {"known": set(), "new": set()}
    assert len(facts) == 50 * 6
    for row, (part, source, target) in enumerate(pairs(problem)):
        if part == "facts":
            continue
        head, first, second = source
        bridge = facts[head, first]
        answer = facts[bridge, second]
        assert target == ([bridge, answer] if steps else [answer])
        assert not steps or problem.steps_written[row] == 1
        used[part] |= {(head, first), (bridge, second)}
    assert used["known"]
    assert used["new"]
    assert not used["known"] & used["new"]


@pytest.mark.parametrize("steps", [False, True])
def test_values_are_compared(steps):
    problem = load_suite(f"compared-facts:steps={steps}", seed=2)
    facts, used, questions = told(problem), {"known": set(), "new": set()}, 0
    for part, source, target in pairs(problem):
        if part == "facts":
            continue
        questions += 1
        a, one, other = source
        values = [facts[a, one], facts[a, other]]
        x, y = (int(value[1:]) for value in values)
        answer = "less" if x < y else "more" if x > y else "equal"
        assert target == ([*values, answer] if steps else [answer])
        used[part] |= {(a, one), (a, other)}
    assert questions > 1000
    assert not used["known"] & used["new"]


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("two-hop-facts:share=1", "between 0 and 1"),
        ("compared-facts:asked=answer", "give steps=true too"),
        ("two-hop-facts:entities=2,relations=2,share=0.01", "fewer than five questions"),
    ],
)
def test_facts_that_cannot_be_made(suite, said):
    with pytest.raises(UsageError, match=said):
        load_suite(suite)
