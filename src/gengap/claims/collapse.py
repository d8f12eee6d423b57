"""Words that play the same role: the same features, and right answers about the rare ones.

T. Laurent, J. von Brecht and X. Bresson, Feature collapse (arXiv 2305.16162): where sentences
follow templates of concepts, words of a concept come to have the same features, the more so the
better a network generalises; and where some words are rarer than others, it takes a normalisation
such as LayerNorm for both. Here three concepts of forty words, as frequent as the inverse of their
rank or all alike, forty templates of seven places, and a linear answer to features of 32 numbers
that are normalised or not, by gradient descent. Right answers are of new sentences in which all
words come as often. Rate and decay were looked at on draw 100, where 24 sentences of each class
left nothing wrong; so what the norm is needed for is asked of six.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from string import ascii_lowercase

import numpy as np
from scipy.stats import spearmanr

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.models.networks import Network
from gengap.sequences.networks.word_features import Norm, WordFeatures
from gengap.sequences.problem import Sequences
from gengap.sequences.suites.templates import EVEN
from gengap.statistics.feature_collapse import feature_collapse

PAPER = Paper(
    "Feature collapse", "Laurent, von Brecht, Bresson", 2023, "https://arxiv.org/abs/2305.16162"
)
KINDS, WORDS, STEPS, BATCH = 3, 40, 1000, 64
SETTINGS = {"learning_rate": 0.3, "weight_decay": 1e-3}
NORMS: tuple[Norm, ...] = ("none", "layer")
SKEWS, EACH = (0.0, 1.0), (10, 40)


def hand_in_hand(draw: int, store: str) -> float:
    """Rank correlation of collapse and share right over eight trainings."""
    settings = product(NORMS, SKEWS, EACH)
    right, collapse = zip(*(_measured(draw, store, *own) for own in settings), strict=True)
    return float(spearmanr(right, collapse).statistic)


def norm_needed(draw: int, store: str) -> float:
    """What normalised features gain where words are rare, share right or collapse, the smaller."""
    without, normalised = (
        np.array(_measured(draw, store, norm, SKEWS[-1], EACH[0])) for norm in NORMS
    )
    return float((normalised - without).min())


@lru_cache(maxsize=128)
def _measured(draw: int, store: str, norm: Norm, skew: float, each: int) -> tuple[float, float]:
    """Share right of sentences of even words, and collapse of words within their concepts."""
    # A run trains on three fifths of the usual sentences.
    problem = load_suite("concepts", seed=draw, each=each, skew=skew, kinds=KINDS, words=WORDS)
    study = lone_study(
        problem, [{"sgd": SETTINGS}], model=WordFeatures(norm=norm).name,
        splits=f"hold-out:{EVEN}", seeds=[draw], steps=STEPS, batch=BATCH, keep_models="all",
    )  # fmt: skip
    ((run,),) = lone_runs(study, store)
    assert run.network is not None
    even = problem.environment[run.rows] == problem.names.index(EVEN)
    return float(run.said[even].mean()), _collapse(problem, run.network, norm)


def _collapse(problem: Sequences, network: Network, norm: Norm) -> float:
    """Of the words of each concept, which their first letter tells."""
    names = [f"{ascii_lowercase[kind]}{own + 1}" for kind in range(KINDS) for own in range(WORDS)]
    features = WordFeatures(norm=norm).words(network.parameters)[0].detach().numpy()
    own = features[problem.vocabulary.codes(names)]
    return feature_collapse(own, np.array([name[0] for name in names]))


_SETTING = (
    f"{KINDS} concepts of {WORDS} words, forty templates; features of 32 numbers with a linear "
    f"answer, {STEPS:,} steps of gradient descent"
)
CLAIMS = (
    Claim(
        "collapse-with-generalization",
        PAPER,
        289,
        "The more alike the features of words that play one role, the better a network generalises",
        "rank correlation of collapse and share right of sentences whose words come as often, over "
        "eight trainings: with LayerNorm or without, words rare or not, sentences few or many",
        _SETTING,
        hand_in_hand,
        5,
    ),
    Claim(
        "collapse-needs-norm",
        PAPER,
        289,
        "Where words are rare, it takes LayerNorm for features to collapse and to generalise",
        "with LayerNorm minus without, the smaller of share right and of collapse",
        f"{_SETTING}; words as often as the inverse of their rank",
        norm_needed,
        5,
    ),
)
