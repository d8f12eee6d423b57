"""Iterated layers: do more iterations than in training answer what is harder than in training?

J. Geiping et al., Scaling up test-time compute with latent reasoning (arXiv 2502.05171): a language
model of 3.5 billion weights, whose middle layers are iterated a number of times drawn anew at every
step, reasons better the more often they are iterated when asked, and the more so the harder the
question. Here a single layer of attention follows arrows from node to node, trained where up to
two lead to the end and asked where three or four do. Three iterations, the mean of those drawn in
training, are one to read where to begin and one for each arrow.

Nodes, iterations, rate and steps were settled on draw 100, which is not among those of the claims:
of ten and of sixteen nodes too little was learnt of short ways, and of eight, with four iterations
in training, more of them added nothing either.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.models.networks import Network
from gengap.sequences.networks.looped import Looped
from gengap.sequences.scoring import Scorer

PAPER = Paper(
    "Scaling up test-time compute with latent reasoning: a recurrent depth approach",
    "Geiping et al.",
    2025,
    "https://arxiv.org/abs/2502.05171",
)
LOOPS, MORE = 3, 12
HARDEST, LONGEST = 2, 4  # arrows on the way, in training and asked
STEPS, BATCH, RATE, EACH, ASKED = 1500, 24, 3e-3, 3000, 500
EASY, HARD = range(HARDEST + 1), range(HARDEST + 1, LONGEST + 1)


def more_answer_harder(draw: int, store: str) -> float:
    """Exact match where more arrows lead to the end than in training, 16 iterations minus 4."""
    right = by_iterations(draw, store)
    return float(np.mean([right[MORE][k] - right[LOOPS][k] for k in HARD]))


def more_the_harder(draw: int, store: str) -> float:
    """The same minus that where as many arrows lead to the end as in training."""
    right = by_iterations(draw, store)
    easy, hard = (
        np.mean([right[MORE][k] - right[LOOPS][k] for k in hops]) for hops in (EASY, HARD)
    )
    return float(hard - easy)


@lru_cache(maxsize=8)
def by_iterations(
    draw: int, store: str, iterations: tuple[int, ...] = (LOOPS, MORE)
) -> dict[int, dict[int, float]]:
    """Exact match for each number of iterations and of arrows, of one trained network."""
    network = _trained(draw, store)
    model = network.architecture
    assert isinstance(model, Looped)
    # Graphs that no training has: those of another seed.
    problem = load_suite("chains", seed=1000 + draw, longest=LONGEST, each=ASKED)
    scorer = Scorer(problem, np.ones((1, len(problem.vocabulary)), bool))
    hops, found = problem.factors["hops"].to_numpy(), {}
    for number in iterations:
        asked = Network(model.iterating(number), network.parameters, network.shape)
        (scores,) = scorer.scores(asked, [np.arange(len(problem))])
        found[number] = {k: float(scores[hops == k].mean()) for k in (*EASY, *HARD)}
    return found


def _trained(draw: int, store: str) -> Network:
    """A network trained on the easier graphs of a draw."""
    study = lone_study(
        load_suite("chains", seed=draw, longest=LONGEST, each=EACH),
        [{"scheduled": {"learning_rate": RATE}}], model=f"looped(positions=none,loops={LOOPS})",
        splits=f"extrapolate:hops>{HARDEST}", seeds=[draw], steps=STEPS, batch=BATCH,
        keep_models="all",
    )  # fmt: skip
    ((run,),) = lone_runs(study, store)
    assert run.network is not None
    run.network.architecture.train(False)
    return run.network


_SETTING = (
    f"{LOOPS} iterations on average in training, {MORE} or {LOOPS} when asked; trained where up to "
    f"{HARDEST} arrows lead to the end, eight nodes on three paths, one layer of 64, {STEPS:,} "
    "steps"
)
CLAIMS = (
    Claim(
        "more-iterations-answer-harder",
        PAPER,
        379,
        "Iterated more often than in training, layers answer what is harder than in training",
        f"exact match where {HARDEST + 1} or {LONGEST} arrows lead to the end, {MORE} iterations "
        f"minus {LOOPS}",
        _SETTING,
        more_answer_harder,
        5,
    ),
    Claim(
        "more-iterations-the-harder",
        PAPER,
        379,
        "More iterations add the more the harder the question",
        f"what {MORE} iterations add to exact match over {LOOPS}, where more arrows lead to the "
        "end than in training minus where not",
        _SETTING,
        more_the_harder,
        5,
    ),
)
