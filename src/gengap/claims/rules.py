"""Rules that the data hardly tell apart: which one is learnt differs from seed to seed.

T. Qin, N. Saphra and D. Alvarez-Melis, Sometimes I am a tree: data drives unstable hierarchical
generalization (arXiv 2412.04619): of data that tell little of the rule, networks learn the rule of
order, of data that tell much, that of structure, and in between it is one or the other by chance of
the seed. There the data are more or less diverse sentences that are repeated beside questions; here
a share of the questions themselves tells the rules apart. Plain recurrent networks form the first
word of questions; right is the rule of structure, of sentences where the two differ. The share in
between, six sentences of 3,000, was settled on draw 100, where half a percent was enough for every
seed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.sequences.suites.question_formation import NEW

PAPER = Paper(
    "Sometimes I am a tree: data drives unstable hierarchical generalization",
    "Qin, Saphra, Alvarez-Melis",
    2024,
    "https://arxiv.org/abs/2412.04619",
)
LITTLE, BETWEEN, MUCH = 0.0, 0.002, 0.1
SEEDS, STEPS, BATCH = 6, 800, 32
SETTINGS = {"learning_rate": 3e-3}


def between_differs(draw: int, store: str) -> float:
    """Standard deviation over seeds of the share by structure, between minus at either end."""
    little, between, much = (
        np.std(by_structure(draw, store, share), ddof=1) for share in (LITTLE, BETWEEN, MUCH)
    )
    return float(between - max(little, much))


def more_tells(draw: int, store: str) -> float:
    """Share by structure, where much tells it minus where nothing does."""
    much, little = (np.mean(by_structure(draw, store, share)) for share in (MUCH, LITTLE))
    return float(much - little)


@lru_cache(maxsize=64)
def by_structure(draw: int, store: str, telling: float) -> tuple[float, ...]:
    """Share of sentences in which the rules differ that are answered by structure, of each seed."""
    problem = load_suite("question-formation", seed=draw, telling=telling)
    study = lone_study(
        problem, [{"scheduled": SETTINGS}], model="rnn", splits="column:part",
        seeds=[SEEDS * draw + k for k in range(SEEDS)], steps=STEPS, batch=BATCH,
    )  # fmt: skip
    new, (runs,) = problem.environment == problem.names.index(NEW), lone_runs(study, store)
    return tuple(float(run.said[new[run.rows]].mean()) for run in runs)


_SETTING = (
    f"sentences of a small grammar, questions' first words; plain recurrent networks of 64, "
    f"{STEPS:,} steps of {BATCH}, {SEEDS} seeds"
)
CLAIMS = (
    Claim(
        "rules-differ-by-seed",
        PAPER,
        730,
        "Where data tell two rules apart a little, which one is learnt differs from seed to seed, "
        "more than where they tell nothing or much",
        "standard deviation over seeds of the share answered by structure, "
        f"{BETWEEN:.1%} of the sentences telling minus the larger of none and {MUCH:.0%}",
        _SETTING,
        between_differs,
        5,
    ),
    Claim(
        "data-choose-the-rule",
        PAPER,
        730,
        "Data that tell the rules apart lead to the rule of structure, data that do not to that of "
        "order",
        f"share answered by structure, {MUCH:.0%} of the sentences telling minus none",
        _SETTING,
        more_tells,
        5,
    ),
)
