"""What published claims about detectors come to: comparisons of numbers ``(S, D)`` paired by seed.

Rows are seeds, columns detectors. The seed is the unit of every interval: Student's ``t`` over the
``S`` numbers of a statistic, or over the differences of two in the same seed. A claim that a
statistic is positive then *holds* where its interval lies above 0, *does not hold* where it lies
below, and is undecided where it contains 0 (:mod:`gengap.claims.claim`).

Two statistics need care:

    the best of several     is partly lucky where it was chosen; a choice is made on the other
                            seeds and graded on the one left (M. Stone, Cross-validatory choice and
                            assessment of statistical predictions, JRSS B 36 (1974), 111-147)
    rankings                differ between samples even where nothing changed; the agreement of a
                            ranking with itself on other examples is what to compare with

With a share ``p`` of inliers drawn at random hidden among the strangers, every detector's area
becomes ``(1 - p) A + p / 2`` and its false positives ``(1 - p) F + 0.95 p``: both rank detectors as
before but for noise. Only inliers unlike the others, or a smaller contrast, can change the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gengap.base.errors import UsageError, suggest
from gengap.base.seeds import generator
from gengap.questions.detection.selection import choose_by_others
from gengap.statistics.bootstrap import student_interval
from gengap.statistics.intervals import Interval
from gengap.statistics.multiple import holm
from gengap.statistics.paired import t_test
from gengap.statistics.separation.metrics import auroc


@dataclass(frozen=True)
class Compared:
    """A detector beside a reference.

    Attributes:
        name: the detector.
        value: its mean over seeds.
        difference: the same minus the reference's, paired by seed.
        p_value: of no difference, adjusted for all detectors compared (Holm); NaN for the
            reference and for detectors that never differ from it.
    """

    name: str
    value: Interval
    difference: Interval
    p_value: float


@dataclass(frozen=True)
class Contaminated:
    """A ranking of detectors where a share of the strangers are inliers, in one seed.

    Attributes:
        share: of hidden inliers.
        agreement: Kendall's tau with the ranking by clean strangers on other examples.
        area: mean AUROC over detectors.
    """

    share: float
    agreement: float
    area: float


def compare_with(
    reference: str, names: Sequence[str], values: ArrayLike, level: float = 0.95
) -> list[Compared]:
    """Every detector beside a reference, in the order of ``names``.

    Args:
        reference: one of the names.
        names: ``D`` detectors.
        values: ``(S, D)`` a number per seed and detector.
        level: confidence level of each interval, not adjusted for their number.

    Raises:
        UsageError: the reference is none of the detectors, or the table has another width.
    """
    table = _table(values)
    if reference not in names:
        raise UsageError(f"There is no detector {reference!r}{suggest(reference, names)}.")
    if len(names) != table.shape[1]:
        raise UsageError(f"{len(names)} detectors are named, but {table.shape[1]} have numbers.")
    differences = table - table[:, [names.index(reference)]]
    tests = [t_test(column, level) for column in differences.T]
    p = [test.p_value if column.any() else np.nan
         for test, column in zip(tests, differences.T, strict=True)]  # fmt: skip
    return [
        Compared(name, student_interval(column, level), test, float(adjusted))
        for name, column, test, adjusted in zip(names, table.T, tests, holm(p), strict=True)
    ]


def sensitivity(covariate: ArrayLike, semantic: ArrayLike, level: float = 0.95) -> Interval:
    """How much better detectors find a covariate than a semantic shift, averaged over them.

    Args:
        covariate: ``(S, D)`` AUROC for shifted examples of known classes.
        semantic: ``(S, D)`` AUROC for new classes; or both less a baseline's AUROC.
        level: confidence level.
    """
    a, b = _pair(covariate, semantic)
    return student_interval((a - b).mean(1), level)


def hide_inliers(
    known: ArrayLike,
    strangers: ArrayLike,
    hidden: ArrayLike,
    shares: Sequence[float],
    seed: int = 0,
) -> list[Contaminated]:
    """Rankings of detectors by AUROC with shares of the strangers replaced by inliers.

    Half of the inliers and strangers make the clean ranking, the others the contaminated ones, so
    at a share of 0 the agreement is that of two clean rankings.

    Args:
        known: ``(D, n)`` scores of inliers.
        strangers: ``(D, m)`` scores of strangers.
        hidden: ``(D, k)`` scores of the inliers to hide, none of which is in ``known``.
        shares: of hidden inliers, from 0 to 1.
        seed: decides the halves and which are hidden.

    Raises:
        UsageError: fewer than 2 detectors, or too few inliers to hide.
    """
    x, y, h = _table(known), _table(strangers), _table(hidden)
    if len(x) < 2:
        raise UsageError("A ranking needs at least 2 detectors; give the scores of more.")
    rng = generator(seed, "hidden inliers")
    x, y, h = (rows[:, rng.permutation(rows.shape[1])] for rows in (x, y, h))
    n, m = x.shape[1] // 2, y.shape[1] // 2
    if h.shape[1] < max(shares) * m:
        raise UsageError(
            f"There are {h.shape[1]} inliers to hide, but a share of {max(shares)} of {m} "
            "strangers takes more; give fewer strangers or a smaller share."
        )
    clean = auroc(x[:, :n], y[:, :m])
    found = []
    for share in shares:
        count = round(share * m)
        mixed = np.concatenate([y[:, m : 2 * m - count], h[:, :count]], axis=1)
        areas = np.asarray(auroc(x[:, n:], mixed))
        tau = stats.kendalltau(clean, areas).statistic
        found.append(Contaminated(share, float(tau), float(areas.mean())))
    return found


def stopping_gain(areas: ArrayLike, level: float = 0.95) -> Interval:
    """What stopping at the best checkpoint gains over the last, chosen on the other seeds.

    Args:
        areas: ``(S, T)`` AUROC per seed and checkpoint, the last at the end; at least 2 seeds.
        level: confidence level.
    """
    table = _table(areas)
    return student_interval(choose_by_others(table.T).values - table[:, -1], level)


def rank_correlation(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Interval:
    """Spearman's correlation over detectors of two numbers ``(S, D)`` each, averaged over seeds."""
    pairs = zip(*_pair(first, second), strict=True)
    return student_interval([stats.spearmanr(a, b).statistic for a, b in pairs], level)


def loss_of_choosing_by(other: ArrayLike, wanted: ArrayLike, level: float = 0.95) -> Interval:
    """What choosing a detector by another number loses in the number that is wanted.

    Both choices are made on the other seeds and graded on the one left.

    Args:
        other: ``(S, D)`` what the choice looks at, such as AUROC for strangers; larger is better.
        wanted: ``(S, D)`` what it is for, such as AUROC for the model's errors.
        level: confidence level.
    """
    a, b = _pair(other, wanted)
    by_wanted, by_other = choose_by_others(b.T), choose_by_others(a.T)
    return student_interval(by_wanted.values - b[np.arange(len(b)), by_other.chosen], level)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = _table(first), _table(second)
    if a.shape != b.shape:
        raise UsageError(f"Two tables of one shape are compared; got {a.shape} and {b.shape}.")
    return a, b


def _table(values: ArrayLike) -> np.ndarray:
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise UsageError(f"Finite numbers in a table of rows and columns are needed; got shape "
                         f"{table.shape}.")  # fmt: skip
    return table
