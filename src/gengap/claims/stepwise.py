"""Steps of one's own before an answer, where pieces are known and their composition is not.

- *Stepwise or at once* (M. Khona et al., Towards an understanding of stepwise inference in
  transformers: a synthetic graph navigation model, arXiv 2402.07757): asked whether a graph of
  layers has a way between two nodes, a network that first writes a way answers better than one that
  answers at once, for it may put together pieces of the ways it was trained on.
- *Steps dropped* (D. Su et al., Dualformer, arXiv 2410.09918): where parts of what is written on
  the way are dropped at random in training, answers are better than with all of it and than with
  none. There traces of a planner in mazes, of kinds that are dropped one after another; here the
  nodes of ways, each like any other.

The graph is the same throughout, and questions are new. Size of the graph, rate and steps were
settled by what is learnt of known questions on draw 100, which is not among those of the claims.
"""

from __future__ import annotations

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_scores, lone_study
from gengap.environments.suites import load_suite
from gengap.sequences.tasks.navigation import NEW

PAPER = Paper(
    "Towards an understanding of stepwise inference in transformers: a synthetic graph navigation "
    "model",
    "Khona et al.",
    2024,
    "https://arxiv.org/abs/2402.07757",
)
SU = Paper(
    "Dualformer: controllable fast and slow thinking by learning with randomized reasoning traces",
    "Su et al.",
    2025,
    "https://arxiv.org/abs/2410.09918",
)
STEPS, BATCH, RATE = 1000, 48, 3e-3
SUITE = "navigation"


def walking_answers(draw: int, store: str) -> float:
    """Right answers to new questions, after a way of its own minus at once."""
    walked, at_once = (answered(draw, store, steps)[NEW] for steps in (True, False))
    return walked - at_once


def dropping_answers(draw: int, store: str) -> float:
    """Right answers to new questions, steps dropped minus the better of all of them and none."""
    dropped = answered(draw, store, True, "trace-dropping")[NEW]
    return dropped - max(answered(draw, store, steps)[NEW] for steps in (True, False))


def answered(draw: int, store: str, steps: bool, method: str = "scheduled") -> dict[str, float]:
    """Share of right answers to known questions and to new ones."""
    study = lone_study(
        load_suite(SUITE, seed=draw, steps=steps), [{method: {"learning_rate": RATE}}],
        model="decoder", splits=f"hold-out:{NEW}", seeds=[draw], steps=STEPS, batch=BATCH,
    )  # fmt: skip
    return lone_scores(study, store)


_SETTING = (
    "a graph of six layers of ten nodes, three in ten questions of nodes more than a layer apart "
    f"new; a transformer of two layers of 64, {STEPS:,} steps"
)
CLAIMS = (
    Claim(
        "ways-before-answers",
        PAPER,
        305,
        "Walking through a graph step by step answers better than at once where pieces of ways are "
        "known and ways are not",
        "share of new questions answered right, after a way of its own minus at once",
        _SETTING,
        walking_answers,
        5,
    ),
    Claim(
        "dropped-steps-answer",
        SU,
        477,
        "Steps dropped at random in training answer better than all of them and than none",
        "share of new questions answered right, steps of ways dropped minus the better of all and "
        "none",
        _SETTING,
        dropping_answers,
        5,
    ),
)
