"""Which columns have moved? One test per column, corrected for their number.

A *number* is tested by Kolmogorov and Smirnov's largest distance between two distribution
functions, ``D = max_t |F_n(t) - G_m(t)|``, with its exact distribution while ``n m`` is at most a
million and the asymptotic one beyond. Ties make the p-value too large, never too small, so a number
with at most 10 distinct values is tested as a category.

A *category* is tested by chi-square on the 2 x L table of counts. Where an expected count is below
5, its distribution comes from draws with the same margins (multivariate hypergeometric), which
makes ``p = (1 + b) / (1 + B)`` exact.

*Free text* is tested word by word (:mod:`gengap.questions.shift.word_shares`).

*Missing numbers* are a column of their own: whether the share that is missing has moved.

Holm's correction keeps the chance of any false finding, whatever the dependence between columns, so
the smallest adjusted p-value tests whether *anything* moved.

It helps as the first look: it names columns. It is blind to shifts that leave every column's own
distribution as it was (two numbers that are no longer correlated), and with many rows it finds
shifts too small to matter: read the change beside the p-value.

Sources: J. L. Hodges, The significance probability of the Smirnov two-sample test, Arkiv för
Matematik 3 (1958), 469-486; S. Rabanser, S. Günnemann & Z. C. Lipton, Failing loudly: an empirical
study of methods for detecting dataset shift, NeurIPS 2019, arXiv:1810.11953, where such tests
on a classifier's outputs did best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from gengap.base.errors import UsageError, listing
from gengap.base.seeds import generator
from gengap.environments.words import words_of
from gengap.questions.shift.word_shares import word_shares
from gengap.statistics.multiple import holm

EXACT_UP_TO = 1_000_000  # n m, beyond which the asymptotic distribution is exact enough
FEW_VALUES = 10
FEWEST_EXPECTED = 5
DRAWS = 9_999
BLOCK = 4_000_000  # counts drawn at a time

Kind = Literal["number", "category", "words", "missing"]


@dataclass(frozen=True)
class Change:
    """What moved in a column: its median, or the share of a value or of missing cells.

    ``of`` is ``"median"``, ``"missing"``, the value whose share rose most, or the word of free text
    whose share of rows moved most.
    """

    of: str
    before: float
    after: float


@dataclass(frozen=True)
class ColumnTest:
    """One column of the reference against the same column of the new rows.

    Attributes:
        name: the column.
        kind: tested as a number, as a category, by its words, or for how many are missing.
        statistic: Kolmogorov and Smirnov's distance, or chi-square; of words how far the share of
            rows that hold one has moved.
        p_value: of this column alone; NaN where one side has no value.
        adjusted_p: Holm's, for all columns together.
        change: what moved most.
    """

    name: str
    kind: Kind
    statistic: float
    p_value: float
    adjusted_p: float
    change: Change


def column_tests(reference: Any, new: Any, seed: int = 0) -> tuple[ColumnTest, ...]:
    """Test every column, in the order of the columns.

    Args:
        reference: ``(n, d)`` numbers or a DataFrame; NaN is missing.
        new: ``(m, d)`` with the same columns.
        seed: of the draws behind chi-square with small counts.

    Raises:
        UsageError: no rows, no columns, or columns that differ.
    """
    before, after = _frame(reference), _frame(new)
    if missing := [name for name in before.columns if name not in after.columns]:
        raise UsageError(f"The new rows have no column {listing(map(repr, missing))}; add it.")
    if 0 in before.shape or len(after) == 0:
        raise UsageError("There is nothing to test; give at least one row each and one column.")
    tests: list[tuple[str, Kind, float, float, Change]] = []
    texts = words_of(before)
    for name in before.columns:
        if str(name) in texts:
            tests += _tests_of_text(str(name), before[name], after[name], seed)
            continue
        tests += _tests_of(str(name), before[name], after[name], seed)
    adjusted = holm([p for _, _, _, p, _ in tests])
    return tuple(
        ColumnTest(name, kind, statistic, p, float(corrected), change)
        for (name, kind, statistic, p, change), corrected in zip(tests, adjusted, strict=True)
    )


def any_column(tests: tuple[ColumnTest, ...]) -> float:
    """The p-value of "no column has moved": the smallest adjusted one; 1 where none is defined."""
    defined = [test.adjusted_p for test in tests if not math.isnan(test.adjusted_p)]
    return min(defined, default=1.0)


def kolmogorov_smirnov(reference: ArrayLike, new: ArrayLike) -> tuple[float, float]:
    """Largest distance between the two distribution functions, and its two-sided p-value.

    Args:
        reference: ``(n,)`` numbers; NaN is left out.
        new: ``(m,)`` numbers.

    Returns:
        NaN and NaN where one side has no number.
    """
    x, y = (np.asarray(values, dtype=np.float64).ravel() for values in (reference, new))
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    if not len(x) or not len(y):
        return math.nan, math.nan
    method = "exact" if len(x) * len(y) <= EXACT_UP_TO else "asymp"
    found = stats.ks_2samp(x, y, method=method)
    return float(found.statistic), min(float(found.pvalue), 1.0)


def category_test(reference: ArrayLike, new: ArrayLike, seed: int = 0) -> tuple[float, float]:
    """Chi-square of the two sets' counts, and its p-value.

    Args:
        reference: ``(n,)`` labels of any type; missing ones count as a value.
        new: ``(m,)`` labels.
        seed: of the draws where an expected count is below 5.

    Example:
        >>> category_test(["a"] * 30 + ["b"] * 10, ["a"] * 10 + ["b"] * 30)[0]
        20.0
    """
    _, before, after = _counts(reference, new)
    n, m, total = int(before.sum()), int(after.sum()), before + after
    if len(total) == 1:
        return 0.0, 1.0
    observed = float(_chi_square(after, total, n, m))
    if total.min() * min(n, m) / (n + m) >= FEWEST_EXPECTED:
        return observed, float(stats.chi2.sf(observed, len(total) - 1))
    rng, extreme, left = generator(seed, "category counts"), 0, DRAWS
    while left:
        size = min(left, max(1, BLOCK // len(total)))
        drawn = rng.multivariate_hypergeometric(total, m, size=size, method="marginals")
        extreme += int(np.sum(_chi_square(drawn, total, n, m) >= observed * (1 - 1e-9)))
        left -= size
    return observed, (1 + extreme) / (1 + DRAWS)


def _chi_square(after: np.ndarray, total: np.ndarray, n: int, m: int) -> np.ndarray:
    """Of tables whose second row is ``after (..., L)``: both rows miss what is expected alike."""
    missed = after - total * (m / (n + m))
    return np.asarray(np.sum(missed**2 / total, axis=-1) * (n + m) ** 2 / (n * m))


def _counts(reference: ArrayLike, new: ArrayLike) -> tuple[Any, np.ndarray, np.ndarray]:
    """Levels, and how often each occurs on either side; missing is the level NaN."""
    before, after = (pd.Series(values, dtype=object).to_numpy() for values in (reference, new))
    if len(before) == 0 or len(after) == 0:
        raise UsageError("A category needs at least one row on each side.")
    codes, levels = pd.factorize(np.concatenate([before, after]), use_na_sentinel=False)
    count = [np.bincount(part, minlength=len(levels)) for part in np.split(codes, [len(before)])]
    return levels, count[0], count[1]


def _tests_of(
    name: str, before: pd.Series, after: pd.Series, seed: int
) -> list[tuple[str, Kind, float, float, Change]]:
    if not _is_number(before) or not _is_number(after):
        return [(name, "category", *category_test(before, after, seed), _moved(before, after))]
    x, y = (values.to_numpy(dtype=np.float64, na_value=np.nan) for values in (before, after))
    lost_x, lost_y = np.isnan(x), np.isnan(y)
    tests: list[tuple[str, Kind, float, float, Change]] = []
    if lost_x.any() or lost_y.any():
        change = Change("missing", float(lost_x.mean()), float(lost_y.mean()))
        tests = [(name, "missing", *category_test(lost_x, lost_y, seed), change)]
    x, y = x[~lost_x], y[~lost_y]
    if not len(x) or not len(y):
        return tests
    if len(np.unique(np.concatenate([x, y]))) <= FEW_VALUES:
        return [(name, "category", *category_test(x, y, seed), _moved(x, y)), *tests]
    change = Change("median", float(np.median(x)), float(np.median(y)))
    return [(name, "number", *kolmogorov_smirnov(x, y), change), *tests]


def _tests_of_text(
    name: str, before: pd.Series, after: pd.Series, seed: int
) -> list[tuple[str, Kind, float, float, Change]]:
    found = word_shares(before, after)
    change = Change(found.word, found.before, found.after)
    words: tuple[str, Kind, float, float, Change] = (
        name, "words", abs(found.after - found.before), found.p_value, change
    )  # fmt: skip
    lost = before.isna().to_numpy(), after.isna().to_numpy()
    if not (lost[0].any() or lost[1].any()):
        return [words]
    gone = Change("missing", float(lost[0].mean()), float(lost[1].mean()))
    return [words, (name, "missing", *category_test(*lost, seed), gone)]


def _moved(reference: ArrayLike, new: ArrayLike) -> Change:
    """The value whose share rose most."""
    levels, before, after = _counts(reference, new)
    before, after = before / before.sum(), after / after.sum()
    k = int(np.argmax(after - before))
    label = f"{levels[k]:g}" if isinstance(levels[k], float) else str(levels[k])
    return Change(label, float(before[k]), float(after[k]))


def _is_number(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    return numeric and not pd.api.types.is_bool_dtype(column.dtype)


def _frame(rows: Any) -> pd.DataFrame:
    if isinstance(rows, pd.DataFrame):
        return rows
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("Give rows of numbers, or a DataFrame for other columns.") from None
    if array.ndim != 2:
        raise UsageError(f"Rows have shape {array.shape}; give a table (rows, columns).")
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])
