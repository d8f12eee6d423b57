"""A threshold for refusing, with the error rate among answers guaranteed.

Wanted: answer as many inputs as possible with an error rate among answers of at most ``r``, and be
right about that with confidence ``1 - delta`` over the calibration examples. With ``k`` errors
among ``n`` answers the exact binomial bound of the rate is the ``b`` that solves

    P(Binomial(n, b) <= k) = delta,      b = the 1 - delta quantile of Beta(k + 1, n - k).

Thresholds are tried from strict to loose, each bound at the full ``delta``, until the first that
exceeds ``r``: no correction for their number is needed, as a wrong one is only reached through
tests of which the first wrong one fails with chance ``1 - delta``. There are two such sequences at
``delta / 2``, one from the strictest threshold and one from the middle, as a model that is
confidently wrong fails the first test of all. The looser result is taken.

Thresholds given beforehand make this exact whatever the errors. Without them they are order
statistics of the calibration examples themselves, from the rank that passes with a few errors.
Given an order statistic, examples strictly below it are independent draws of what would be
answered; which test is the first wrong one then varies with the sample, and the proof needs scores
without ties and a chance of error that rises with strangeness.

Geifman and El-Yaniv search by bisection with ``delta / log2 n`` each. Where bisection looks depends
on what it saw, for which that division is no proof. In seven simulated settings of 300 to 5000
examples the two sequences answered more, and exceeded ``r`` within what ``delta`` allows.

It helps where production is like calibration. It says nothing about an environment that differs:
calibrate on environments held out of training, and read the bound as one for their mixture.

Sources: Y. Geifman & R. El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017,
arXiv:1705.08500; sequences: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan & L. Lei,
Learn then test: calibrating predictive algorithms to achieve risk control, arXiv:2110.01052 (2021);
the bound: C. J. Clopper & E. S. Pearson, The use of confidence or fiducial limits illustrated in
the case of the binomial, Biometrika 26 (1934), 404-413.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics import checks

CANDIDATES = 100
"""About how many order statistics are tried."""


@dataclass(frozen=True)
class SelectiveThreshold:
    """Answer inputs with strangeness strictly below ``threshold``.

    Attributes:
        threshold: infinite to answer all that is finitely strange, ``-inf`` to answer nothing.
        coverage: share of the calibration examples answered.
        risk: their error rate; NaN where nothing is answered.
        bound: upper confidence bound of the error rate among answers; NaN likewise.
        note: why nothing is answered, or empty.
    """

    threshold: float
    coverage: float
    risk: float
    bound: float
    note: str = ""


def guaranteed_threshold(
    wrong: ArrayLike,
    strangeness: ArrayLike,
    risk: float,
    *,
    delta: float = 0.05,
    thresholds: ArrayLike | None = None,
) -> SelectiveThreshold:
    """A loose threshold whose error rate is at most ``risk`` with confidence ``1 - delta``.

    Args:
        wrong: ``(n,)`` 0 or 1 per calibration example, which no training or tuning has seen.
        strangeness: ``(n,)`` detector's score, the largest refused first.
        risk: the error rate allowed among answers, in (0, 1).
        delta: the chance allowed of exceeding it, over calibration sets.
        thresholds: to try, chosen without these examples, e.g. quantiles of the score on others;
            without, about 100 order statistics.

    Raises:
        UsageError: losses other than 0 and 1, unequal lengths, numbers out of range.

    Example:
        >>> guaranteed_threshold([0] * 100, range(100), risk=0.06).coverage
        1.0
    """
    errors = checks.numbers(wrong, "wrong")
    stranger = checks.numbers(strangeness, "strangeness", len(errors), infinite=True)
    if not np.isin(errors, (0, 1)).all():
        raise UsageError("wrong must hold 0 for right answers and 1 for wrong ones, nothing else.")
    checks.share(risk, "risk")
    checks.share(delta, "delta")
    order = np.argsort(stranger, kind="stable")
    ascending, mistakes = stranger[order], np.append(0, np.cumsum(errors[order]))
    # Fewer answers than this do not pass even without an error.
    least = math.ceil(math.log(delta / 2) / math.log1p(-risk))
    if thresholds is None:
        tried = _order_statistics(ascending, least)
    else:
        tried = np.unique(checks.numbers(thresholds, "thresholds", infinite=True))
    answered = np.searchsorted(ascending, tried)
    bounds = risk_bound(mistakes[answered], answered, delta / 2)
    best = _last_of_sequences(bounds <= risk)
    if best is None:
        note = (
            f"No threshold holds an error rate of {risk:g} with confidence {1 - delta:g}: even "
            f"without an error that takes {least} answers."
        )
        return SelectiveThreshold(-math.inf, 0.0, math.nan, math.nan, note)
    k = int(answered[best])
    return SelectiveThreshold(
        float(tried[best]), k / len(errors), float(mistakes[k] / k), float(bounds[best])
    )


def risk_bound(errors: ArrayLike, answers: ArrayLike, delta: float) -> np.ndarray:
    """Upper bound of an error rate that holds with confidence ``1 - delta``; 1 for no answers.

    Args:
        errors: ``(...)`` numbers of errors.
        answers: ``(...)`` numbers of independent answers.
        delta: the chance that the bound fails.
    """
    k, n = np.asarray(errors, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    all_wrong = k >= n
    bound = special.betaincinv(k + 1, np.where(all_wrong, 1.0, n - k), 1 - delta)
    return np.where(all_wrong, 1.0, bound)


def _order_statistics(ascending: np.ndarray, least: int) -> np.ndarray:
    """Thresholds from those below which enough examples lie to pass with a few errors, to all."""
    n = len(ascending)
    first = min(2 * least, max(least, n // 2))
    tried = np.unique(ascending[first : n : max(1, n // CANDIDATES)])
    # Below a tie there are fewer examples than its rank.
    return np.append(tried[np.searchsorted(ascending, tried) >= least], np.inf)


def _last_of_sequences(passed: np.ndarray) -> int | None:
    """The loosest threshold reached without a failure, from the first or from the middle."""
    ends = [
        start + int(np.argmin(np.append(passed[start:], False))) - 1
        for start in (0, len(passed) // 2)
        if passed[start]
    ]
    return max(ends, default=None)
