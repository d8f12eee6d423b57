"""Instructions never given before: what the number and the reach of known ones are worth.

- *Number* (D. Zhang, J. Wang, F. Charton, Instruction diversity drives generalization to unseen
  tasks, arXiv 2402.10891): trained to rewrite strings, a network follows new rules once it was
  trained on enough different ones, even on few strings of each.
- *Reach* (D. Zhang, J. Wang, F. Charton, Only-IF: revealing the decisive effect of instruction
  diversity on generalization, arXiv 2410.04717): rules of a limited domain, however many, do not
  carry over to others; as many rules across domains do.

Here a rule replaces two letters of twelve by two others in strings of four, ``ab>cd:eabf``, and a
transformer of two layers answers at slots; a domain are the first eight letters. There are as many
strings in all, so many rules have few of each. New are rules for two letters in a row that no rule
of the training replaces. That strings of 16 letters and 6,000 of them are enough to follow some new
rules had been seen on draw 100.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.sequences.suites.rewriting import NEW

DIVERSITY = Paper(
    "Instruction diversity drives generalization to unseen tasks",
    "Zhang, Wang, Charton",
    2024,
    "https://arxiv.org/abs/2402.10891",
)
REACH = Paper(
    "Only-IF: revealing the decisive effect of instruction diversity on generalization",
    "Zhang, Wang, Charton",
    2024,
    "https://arxiv.org/abs/2410.04717",
)
LETTERS, DOMAIN, LENGTH, NEW_RULES = 12, 8, 4, 40
FEW, MANY, STRINGS = 6, 60, 6000
MODEL, STEPS, BATCH, RATE = "transformer(positions=learned)", 1200, 32, 3e-3


def number_helps(draw: int, store: str) -> float:
    """Exact match on new rules, many known rules minus few."""
    return following(draw, store, MANY) - following(draw, store, FEW)


def reach_helps(draw: int, store: str) -> float:
    """Exact match on new rules, known rules of all letters minus as many of a part of them."""
    return following(draw, store, MANY) - following(draw, store, MANY, DOMAIN)


def within_fails(draw: int, store: str) -> float:
    """What many rules of all letters gain on few, minus twice what as many of a part gain."""
    few, across, within = (
        following(draw, store, *own) for own in ((FEW,), (MANY,), (MANY, DOMAIN))
    )
    return (across - few) - 2 * (within - few)


@lru_cache(maxsize=64)
def following(draw: int, store: str, rules: int, domain: int = LETTERS) -> float:
    """Exact match on strings of new rules, mean of two seeds."""
    problem = load_suite(
        "rewriting", seed=draw, rules=rules, count=STRINGS, new=NEW_RULES, asked=1000, width=2,
        letters=LETTERS, domain=domain, length=LENGTH,
    )  # fmt: skip
    study = lone_study(
        problem, [{"scheduled": {"learning_rate": RATE}}], model=MODEL, splits="column:part",
        seeds=[2 * draw, 2 * draw + 1], steps=STEPS, batch=BATCH,
    )  # fmt: skip
    new, (runs,) = problem.environment == problem.names.index(NEW), lone_runs(study, store)
    return float(np.mean([run.said[new[run.rows]].mean() for run in runs]))


_SETTING = (
    f"two letters of {LETTERS} replaced in strings of {LENGTH}, {STRINGS:,} strings in all; a "
    f"transformer of two layers of 64, {STEPS:,} steps of {BATCH}"
)
CLAIMS = (
    Claim(
        "more-instructions-followed",
        DIVERSITY,
        246,
        "New instructions are followed after many different ones with few examples each, not after "
        "few with many",
        f"exact match on new rules, {MANY} known rules minus {FEW}",
        _SETTING,
        number_helps,
        5,
    ),
    Claim(
        "across-beats-within",
        REACH,
        23,
        "As many instructions are worth more across domains than within one",
        f"exact match on new rules, {MANY} known rules of all letters minus {MANY} of the first "
        f"{DOMAIN}",
        _SETTING,
        reach_helps,
        5,
    ),
    Claim(
        "within-is-not-enough",
        REACH,
        23,
        "Diversifying within a limited domain fails where diversifying across domains works",
        f"exact match on new rules that {MANY} known rules of all letters gain on {FEW}, minus "
        f"twice what {MANY} of the first {DOMAIN} letters gain",
        _SETTING,
        within_fails,
        5,
    ),
)
