"""Fitting, and generalising later: how much later, and from how many pairs on.

A. Power et al., Grokking (arXiv 2201.02177): networks generalise tables long after having fitted
them, and the later the less of a table they are trained on. V. Varma et al., Explaining grokking
through circuit efficiency (arXiv 2309.02390): there is a critical size of training set; a network
that generalises and goes on with fewer pairs forgets again (ungrokking), and near that size one
comes to generalise in part (semi-grokking). Here every step sees all pairs, as in
:mod:`gengap.claims.table_runs`; the number of pairs kept is a share of 480, drawn at random.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.table_runs import SETTINGS, TableRun, table_runs
from gengap.questions.diagnosis.training import grokking_delay

GROKKING = Paper(
    "Grokking: generalization beyond overfitting on small algorithmic datasets",
    "Power, Burda, Edwards, Babuschkin, Misra",
    2022,
    "https://arxiv.org/abs/2201.02177",
)
EFFICIENCY = Paper(
    "Explaining grokking through circuit efficiency",
    "Varma, Shah, Kenton, Kramár, Kumar",
    2023,
    "https://arxiv.org/abs/2309.02390",
)
PAIRS, STEPS = (336, 384, 432, 480), 2500
# Narrowed runs: all of the pairs for a quarter of the steps, when each has generalised.
ALL, LATER, AFTER, FEW, ENOUGH = 480, 2000, 0.25, 0.2, 0.6
# Sizes near the critical one, and when their scores are taken for settled.
NEAR, LONG, SETTLED = (300, 312, 324), 3000, 0.1


def long_after(draw: int, store: str) -> float:
    """Twofold steps from having fitted 336 pairs to generalising, beyond the first two."""
    fits, generalises = _moments(_trained(draw, store, PAIRS[0]))
    return float(np.log2(generalises / fits) - 1)


def later_of_less(draw: int, store: str) -> float:
    """How steeply the delay falls with the number of pairs, both as logarithms."""
    moments = [_moments(_trained(draw, store, pairs)) for pairs in PAIRS]
    delays = [max(generalises - fits, 1) for fits, generalises in moments]
    return -float(np.polyfit(np.log(PAIRS), np.log(delays), 1)[0])


def ungrokking(draw: int, store: str) -> float:
    """Share right elsewhere lost by going on with a fifth of the pairs, minus a half."""
    return _lost(_narrowed(draw, store)[0]) - 0.5


def enough_stays(draw: int, store: str) -> float:
    """0.05 minus what is lost by going on with three fifths."""
    return 0.05 - _lost(_narrowed(draw, store)[1])


def in_part(draw: int, store: str) -> float:
    """How far the most middling score near the critical size lies within 0.1 to 0.9, settled."""
    return max(_middling(_near(draw, store, pairs)) for pairs in NEAR)


@lru_cache(maxsize=64)
def _trained(draw: int, store: str, pairs: int) -> TableRun:
    (found,) = table_runs(draw, store, pairs, STEPS, [{"squared-error": SETTINGS}])
    return found


@lru_cache(maxsize=64)
def _near(draw: int, store: str, pairs: int) -> TableRun:
    (found,) = table_runs(draw, store, pairs, LONG, [{"squared-error": SETTINGS}])
    return found


@lru_cache(maxsize=16)
def _narrowed(draw: int, store: str) -> list[TableRun]:
    methods = [{"narrowing": {**SETTINGS, "kept": kept, "after": AFTER}} for kept in (FEW, ENOUGH)]
    return table_runs(draw, store, ALL, LATER, methods)


def _moments(run: TableRun) -> tuple[int, int]:
    """Steps at which a run fits and generalises; the last step where it does not."""
    found = grokking_delay(run.steps.tolist(), run.train.tolist(), run.elsewhere.tolist())
    last = int(run.steps[-1])
    return found.fits or last, found.generalises or last


def _lost(run: TableRun) -> float:
    """Share right elsewhere when pairs are taken away, minus in the end."""
    before = run.elsewhere[run.steps <= AFTER * run.steps[-1]][-1]
    return float(before - run.elsewhere[-1])


def _middling(run: TableRun) -> float:
    """Smallest distance of the last score to 0.1, to 0.9, and of its change since half the steps
    to what is taken for settled; negative beyond."""
    half = run.elsewhere[run.steps <= run.steps[-1] / 2][-1]
    last = run.elsewhere[-1]
    return float(min(last - 0.1, 0.9 - last, SETTLED - abs(last - half)))


_TABLE = "sums modulo 31, a perceptron of 64 squares, squared error, decay 1"
CLAIMS = (
    Claim(
        "generalises-long-after",
        GROKKING,
        118,
        "Networks generalise long after they have fitted what they are trained on",
        "twofold steps from fitting 336 pairs (95%) to being right elsewhere (95%), minus 1",
        f"{_TABLE}, 2,500 steps",
        long_after,
        5,
    ),
    Claim(
        "smaller-shares-later",
        GROKKING,
        118,
        "The smaller the share of a table that is trained on, the more steps it takes to "
        "generalise",
        "minus the slope of log delay along log pairs, 336 to 480; none by the last step counts as "
        "then",
        f"{_TABLE}, 2,500 steps",
        later_of_less,
        5,
    ),
    Claim(
        "ungrokking",
        EFFICIENCY,
        97,
        "A network that generalises forgets to when it goes on with fewer pairs than a critical "
        "size",
        "share of other pairs right, before minus after 1,500 steps with a fifth of 480, minus 0.5",
        f"{_TABLE}, 500 steps with all pairs before",
        ungrokking,
        5,
    ),
    Claim(
        "above-critical-stays",
        EFFICIENCY,
        97,
        "Above the critical size it does not",
        "0.05 minus what is lost by 1,500 steps with three fifths of 480",
        f"{_TABLE}, 500 steps with all pairs before",
        enough_stays,
        5,
    ),
    Claim(
        "semi-grokking",
        EFFICIENCY,
        97,
        "Near the critical size a network comes to generalise in part and stays so",
        "distance of a score elsewhere to 0.1, to 0.9, and of its change over the last 1,500 steps "
        "to 0.1, the smallest; the largest of 300, 312 and 324 pairs",
        f"{_TABLE}, 3,000 steps",
        in_part,
        5,
    ),
)
