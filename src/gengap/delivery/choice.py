"""What is delivered: which method, with which hyperparameters, after how many steps.

A selection rule keeps a trial and a step for each split and seed of a study. What is trained on all
environments has no split of its own, so the rule is given the means over the study's splits and
seeds: what it would keep on average. It looks at nothing that it did not look at in the study.

Taking the *best* of several methods is one more choice, by the score where they were unseen. How
well that choice does is measured by making it without each environment in turn
(:mod:`gengap.delivery.expectation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.base.errors import UsageError
from gengap.study.baselines import learners
from gengap.study.keeping import best_method
from gengap.study.plan import Entry
from gengap.study.result import Result
from gengap.study.rules import Candidate, choose
from gengap.study.scores import Scores
from gengap.study.trained import last_step

BEST = "best"


@dataclass(frozen=True)
class Choice:
    """What to train on all environments.

    Attributes:
        method: name of the study's entry.
        trial: its setting of hyperparameters; 0 are the defaults.
        step: training steps; 0 for an estimator.
        hyperparameters: of that trial.
        rule: the selection rule that kept them; empty where nothing was measured.
        candidates: how many trials and steps it chose from.
        methods: how many methods the best was chosen from; 1 where it was named.
    """

    method: str
    trial: int
    step: int
    hyperparameters: Mapping[str, Any]
    rule: str = ""
    candidates: int = 1
    methods: int = 1


def choice_of(result: Result, method: str) -> Choice:
    """What a study's selection rule keeps for all environments.

    Args:
        method: a method of the study, or ``"best"``.

    Raises:
        UsageError: no such method, or a rule that looks at unseen environments or has nothing to
            go by.
    """
    rule = result.rule
    if rule.peeks:
        raise UsageError(
            f"The selection rule {rule.name} looks at the unseen environments, so what it keeps "
            "says nothing of a new one; run the study with --selection validation."
        )
    best = method == BEST and BEST not in result.scores
    name = best_method(result, remedies=True) if best else method
    result.paired_under(name)
    candidates = _averaged(result.scores[name])
    kept = choose(rule, candidates)
    if kept is None or kept.diverged:
        raise UsageError(
            f"The rule {rule.name} keeps no run of {name} over all splits; choose another method."
        )
    return Choice(
        name,
        kept.trial,
        kept.step,
        result.plan.entry(name).trials[kept.trial],
        rule.name,
        len(candidates),
        len(learners(result.scores)) if best else 1,
    )


def default_choice(entry: Entry) -> Choice:
    """The default hyperparameters after the last step, where nothing was measured."""
    return Choice(entry.name, 0, last_step(entry), entry.trials[0])


def _averaged(scores: Scores) -> list[Candidate]:
    """Every trial at every checkpoint, its criteria averaged over splits and seeds."""
    found: dict[tuple[int, int], list[Candidate]] = {}
    for cell in scores.plan.unseen:
        for seed in scores.plan.seeds:
            for candidate in scores.candidates(cell, seed):
                found.setdefault((candidate.trial, candidate.step), []).append(candidate)
    return [
        Candidate(
            own[0].key,
            trial,
            step,
            validation=float(np.mean([c.validation for c in own])),
            left_out=float(np.mean([c.left_out for c in own])),
            crafted=float(np.mean([c.crafted for c in own])),
        )
        for (trial, step), own in sorted(found.items())
    ]
