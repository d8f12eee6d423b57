"""Has a batch of rows, as a whole, left the training environments?

A guard judges rows one by one. A batch of rows that are each only a little strange is told here: it
is compared with the guard's calibration rows of each training environment, by the strangeness that
the guard gives. Two tests look at different ends of it, Wilcoxon's rank sum at all rows and a count
of the strangest at the few:

    P(R >= r) for R rows above the k-th largest of n calibration rows,  k = floor(alpha (n + 1)),

where under exchangeability ``R`` of ``m`` is beta-binomial with ``k`` and ``n + 1 - k``. Half of
the level goes to each. A batch that is like *some* training environment, or like all of them
together, has not left them, so the largest p-value counts: if the batch came from one of these, its
own p-value is valid, and the largest is no smaller. Strange is one-sided: a batch that is nearer to
the middle than training rows are is no alarm.

Rows may also move together where each is still usual: all older than anywhere, though as old people
go there is nothing to them. So each column is compared as well (:mod:`gengap.delivery.profile`),
and the two looks share the level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gengap.delivery.profile import Moved
from gengap.guard.calibration import joined

FEWEST = 5  # rows of a batch, and calibration rows of an environment
LEVEL = 0.01


@dataclass(frozen=True)
class Leaving:
    """Whether a batch has left the training environments.

    Attributes:
        p_value: that it has not, both looks allowed for; NaN where there are too few rows to tell.
        strange: that of strangeness, of the environment that the batch is most like.
        nearest: the name of that environment; empty for all together.
        moved: the column that moved most; None where columns were not compared.
        left: whether the p-value is at most :data:`LEVEL`.
    """

    p_value: float
    strange: float
    nearest: str
    moved: Moved | None
    left: bool


def leaving(
    strange: np.ndarray,
    known: np.ndarray,
    homes: np.ndarray,
    names: tuple[str, ...],
    false_alarms: float,
    column: Moved | None = None,
) -> Leaving:
    """Compare a batch with the calibration rows of each environment, and of all.

    Args:
        strange: ``(m,)`` strangeness of the batch's rows; infinite where a row cannot be read.
        known: ``(n,)`` that of calibration rows.
        homes: ``(n,)`` their environments, positions in ``names``.
        names: of the environments.
        false_alarms: the guard's rate, at which the strangest rows are counted.
        column: the column of the batch that moved most.
    """
    if len(strange) < FEWEST:
        return Leaving(math.nan, math.nan, "", None, False)
    groups = {"": known}
    for code, name in enumerate(names):
        if (own := known[homes == code]).size >= FEWEST:
            groups[name] = own
    found = {name: against(strange, own, false_alarms) for name, own in groups.items()}
    nearest = max(found, key=lambda name: found[name])
    p = found[nearest] if column is None else min(1.0, 2 * min(found[nearest], column.p_value))
    return Leaving(p, found[nearest], nearest, column, p <= LEVEL)


def against(strange: np.ndarray, known: np.ndarray, false_alarms: float) -> float:
    """p-value of a batch ``(m,)`` that it is no stranger than known rows ``(n,)``."""
    m, n = len(strange), len(known)
    k = max(math.floor(false_alarms * (n + 1)), 1)
    above = int((strange > np.sort(known)[-k]).sum())
    tail = float(stats.betabinom.sf(above - 1, m, k, n + 1 - k))
    ranks = float(stats.mannwhitneyu(strange, known, alternative="greater").pvalue)
    return min(1.0, 2 * min(tail, ranks))


def strangeness(scores: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """One number a row ``(n,)`` of a guard's score and how far a row lies beyond what was seen."""
    return joined(scores, beyond)
