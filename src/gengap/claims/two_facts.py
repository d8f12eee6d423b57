"""Questions that take two facts, asked of facts that were only told.

- *Steps* (X. Yao et al., Unveiling the mechanisms of explicit CoT training, arXiv 2502.04667):
  trained with the step written out, following one fact by another carries over to new facts, where
  training on answers alone does not.
- *Steps removed* (Y. Deng et al., From explicit CoT to implicit CoT, arXiv 2405.14838): where steps
  are taken away bit by bit in training, a network answers directly what it does not learn from
  answers alone. There with products of long numbers, here with facts followed by facts.
- *Following against comparing* (B. Wang et al., Grokked transformers are implicit reasoners, arXiv
  2405.15071): without steps, comparing two facts carries over to new ones, following does not.
  There after hundreds of thousands of steps, long after all is fitted; here after a thousand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.sequences.problem import Sequences
from gengap.sequences.tasks.facts import NEW
from gengap.study.study import Study

YAO = Paper(
    "Unveiling the mechanisms of explicit CoT training: how chain-of-thought enhances reasoning "
    "generalization",
    "Yao, Ren, Liao, Li, Liu",
    2025,
    "https://arxiv.org/abs/2502.04667",
)
DENG = Paper(
    "From explicit CoT to implicit CoT: learning to internalize CoT step by step",
    "Deng, Choi, Shieber",
    2024,
    "https://arxiv.org/abs/2405.14838",
)
WANG = Paper(
    "Grokked transformers are implicit reasoners: a mechanistic journey to the edge of "
    "generalization",
    "Wang, Yue, Su, Sun",
    2024,
    "https://arxiv.org/abs/2405.15071",
)
STEPS, BATCH, RATE = 1000, 32, 3e-3
FOLLOWED, WRITTEN, COMPARED = "two-hop-facts", "two-hop-facts:steps=true", "compared-facts"
REMOVED = "two-hop-facts:steps=true,asked=answer"


def steps_carry_over(draw: int, store: str) -> float:
    """Exact match on new facts, the step and the answer minus the answer alone."""
    written, alone = (_of(draw, store, suite) for suite in (WRITTEN, FOLLOWED))
    return float(written.score_unseen - alone.score_unseen)


def removal_helps(draw: int, store: str) -> float:
    """Exact match of answers alone on known facts and their questions, steps removed minus none."""
    removed = _of(draw, store, REMOVED, "step-removal")
    never = _of(draw, store, FOLLOWED)
    return float(removed.score_in_distribution - never.score_in_distribution)


def comparing_carries_over(draw: int, store: str) -> float:
    """Exact match on new facts above the commonest answer, compared minus followed."""
    compared, followed = (
        _of(draw, store, name).score_unseen - commonest(load_suite(name, seed=draw))
        for name in (COMPARED, FOLLOWED)
    )
    return float(compared - followed)


def commonest(problem: Sequences) -> float:
    """The share of questions of new facts whose answer is the commonest of them."""
    rows = np.flatnonzero(problem.environment == problem.names.index(NEW))
    own = problem.target.only(rows)
    answers = own.values[own.starts]
    return float(np.unique(answers, return_counts=True)[1].max() / len(rows))


def _of(draw: int, store: str, suite: str, method: str = "scheduled") -> Any:
    """The row of a study of a draw of the facts."""
    study = Study(
        load_suite(suite, seed=draw), [{method: {"learning_rate": RATE}}], model="decoder",
        splits=f"hold-out:{NEW}", seeds=[draw], steps=STEPS, batch=BATCH, jobs=1, threads=1,
        store=store, keep_models="none", plain_training=False,
    )  # fmt: skip
    return study.run().methods.iloc[0]


_SETTING = "a fifth of the facts new; a transformer of two layers of 64, 1,000 steps"
CLAIMS = (
    Claim(
        "steps-reach-new-facts",
        YAO,
        120,
        "With its step written out, following one fact by another carries over to new facts",
        "exact match on questions of new facts, step and answer minus answer alone",
        f"50 entities, 6 relations, {_SETTING}",
        steps_carry_over,
        5,
    ),
    Claim(
        "removed-steps-stay",
        DENG,
        587,
        "Steps removed bit by bit in training let a network answer directly what it else does not",
        "exact match of answers alone, known facts and questions, steps removed minus never there",
        f"50 entities, 6 relations, {_SETTING}",
        removal_helps,
        5,
    ),
    Claim(
        "comparing-reaches-new-facts",
        WANG,
        45,
        "Without steps, comparing carries over to new facts where following does not",
        "exact match on questions of new facts above the commonest answer, compared minus followed",
        f"40 entities with 3 attributes, or 50 with 6 relations, {_SETTING}",
        comparing_carries_over,
        5,
    ),
)
