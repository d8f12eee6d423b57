"""How far a row lies beyond what the guard has seen, beside whatever detector is chosen.

A detector may be blind to what a look at the columns shows: knn compares directions, msp asks a
model that only grows surer far away. So four things are checked on the rows as they are given:

- *range*: how far the number of a column lies outside the smallest and largest seen, in units of
  the distance between the two (of a column that never varied, of its size);
- *distance*: the Mahalanobis distance ``sqrt(z' P z / d)`` of the standardised numbers ``z``, with
  ``P`` the inverse of Ledoit and Wolf's covariance, which sees values that do not go together;
- *categories* that have not been seen, in columns whose categories recur;
- *missing* values in columns that never missed any.

Limits for range and distance are what rows left out of the fit exceed rarely (each in a tenth of
the false-alarm rate, so that the detector keeps most of it), and the columns in which left-out rows
bring new categories more often than that are not asked for them. The larger of range and distance
over their limits is how far a row is *beyond*: 1 is the edge. A missing value counts as 2 at least
and a new category as 3, so that what a normal row may do now and then hides nothing that is gross.
A row beyond the edge counts as stranger than all within it, whatever the detector says, and is
calibrated with it as one score (:mod:`gengap.guard.calibration`), so that the false-alarm rate is
kept by both together.

The column that made a row strange is the first with a new category or a missing value, else the one
furthest outside its range, else the one without which the distance would fall most: with
``u = P z`` leaving out column ``j`` takes ``u_j² / P_jj`` off the squared distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gengap.base.seeds import generator
from gengap.models.columns import MISSING, UNSEEN, Columns

FOLDS = 5
TENTH = 0.1  # of the false-alarm rate that range, and distance, may take
LEAST = 0.1  # of its range that a number may lie outside it
FARTHEST = 1e30
ABSENT = 2.0  # what a missing value counts; a new category counts one more
TELLING = 4.0  # fall of the squared distance that is worth naming a column for


class Kind:
    """What places a row where it is."""

    DISTANCE, RANGE, NEW = range(3)


class Position(NamedTuple):
    """Where rows ``(n,)`` lie.

    ``beyond`` is how far, 1 being the edge; ``kind`` is what says so, and ``fault`` the number of
    the column at fault, -1 where none stands out.
    """

    beyond: np.ndarray
    kind: np.ndarray
    fault: np.ndarray


@dataclass(frozen=True, eq=False)
class Reach:
    """What the guard has seen of each column.

    Attributes:
        columns: of the rows.
        closed: ``(c,)`` bool, which columns of categories are asked for new ones.
        whole: ``(d,)`` bool, which columns of numbers never missed a value.
        low: ``(d,)`` smallest numbers seen.
        high: ``(d,)`` largest numbers seen.
        unit: ``(d,)`` what excess over these is divided by.
        mean: ``(d,)`` of the numbers.
        spread: ``(d,)`` standard deviations, 1 where there is none.
        precision: ``(d, d)`` inverse of the standardised numbers' covariance.
        limits: of range and distance.
    """

    columns: Columns
    closed: np.ndarray
    whole: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unit: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    precision: np.ndarray
    limits: np.ndarray

    def __call__(self, X: Any) -> Position:
        """How far rows lie beyond what was seen, and by which column's fault."""
        numbers, codes = self.columns.numbers(X), self.columns.codes(X)
        excess, distance, parts = self.measured(numbers)
        new = self.novelties(numbers, codes)
        share = np.stack([excess.max(1, initial=0.0), distance], 1) / self.limits
        further = np.minimum(share.max(1), FARTHEST)
        told = ABSENT + (new[:, self.columns.categorical] & (codes == UNSEEN)).any(1)
        told = np.where(new.any(1), told + further / (1 + further), 0.0)
        kind = np.where(share[:, 0] > 1, Kind.RANGE, Kind.DISTANCE)
        numeric = np.array([*self.columns.numeric, -1])
        outside, apart = (
            numeric[values.argmax(1)] if values.shape[1] else np.full(len(numbers), -1)
            for values in (excess, parts)
        )
        apart = np.where(parts.max(1, initial=0.0) > TELLING, apart, -1)
        fault = np.where(kind == Kind.RANGE, outside, apart)
        return Position(
            np.maximum(further, told),
            np.where(new.any(1), Kind.NEW, kind),
            np.where(new.any(1), new.argmax(1), fault),
        )

    def measured(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Excess ``(n, d)`` over ranges, distance ``(n,)``, and each column's part ``(n, d)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            outside = np.maximum(numbers - self.high, self.low - numbers) / self.unit
            z = np.clip(np.nan_to_num((numbers - self.mean) / self.spread), -1e9, 1e9)
        pulled = z @ self.precision
        squared = np.maximum((pulled * z).sum(1), 0.0)
        distance = np.sqrt(squared / max(z.shape[1], 1))
        return np.nan_to_num(outside).clip(0), distance, pulled**2 / np.diag(self.precision)

    def novelties(self, numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Which columns ``(n, all columns)`` bring a new category, or miss what they never did."""
        new = np.zeros((len(numbers), len(self.columns.names)), bool)
        new[:, self.columns.numeric] = np.isnan(numbers) & self.whole
        new[:, self.columns.categorical] = (codes == UNSEEN) & self.closed | (codes == MISSING)
        return new


def reach_of(X: Any, false_alarms: float, seed: int) -> Reach:
    """What rows show of each column, with limits from rows left out of the fit in turn.

    Args:
        X: table, array or tensor of ``n`` normal examples.
        false_alarms: share of normal examples that may be rejected.
        seed: of the folds.
    """
    columns = Columns.of(X)
    numbers, codes = columns.numbers(X), columns.codes(X)
    n, c = len(numbers), codes.shape[1]
    fold = generator(seed, "guard", "reach").permutation(n) % FOLDS
    shares, unseen = np.zeros((n, 2)), np.zeros((n, c), bool)
    absent = columns.absent(X)
    for k in range(FOLDS if n >= 2 * FOLDS else 0):
        rest, out = fold != k, fold == k
        excess, distance, _ = _seen(columns, numbers[rest]).measured(numbers[out])
        shares[out] = np.stack([excess.max(1, initial=0.0), distance], 1)
        for j in range(c):
            unseen[out, j] = ~np.isin(codes[out, j], codes[rest, j]) & ~absent[out, j]
    rare = TENTH * false_alarms
    limits = np.quantile(shares, 1 - rare, axis=0, method="higher")
    recurring = np.array([bool(columns.categories[k]) for k in columns.categorical], bool)
    brought = np.where(recurring, unseen.mean(0), np.inf)
    order = np.argsort(brought, kind="stable")
    closed = np.zeros(c, bool)
    closed[order] = np.cumsum(brought[order]) <= max(rare, 1 / n)
    return _seen(
        columns,
        numbers,
        closed=closed,
        limits=np.maximum(limits, [LEAST, 1e-6]),
    )


def _seen(
    columns: Columns,
    numbers: np.ndarray,
    closed: np.ndarray | None = None,
    limits: np.ndarray | None = None,
) -> Reach:
    """The ranges, and the precision of what varies, of numbers ``(n, d)``."""
    from sklearn.covariance import ledoit_wolf

    known = np.where(np.isnan(numbers), np.nanmean(numbers, 0, keepdims=True), numbers)
    known = np.nan_to_num(known)
    low, high, mean = known.min(0), known.max(0), known.mean(0)
    spread = known.std(0)
    spread = np.where(spread > 1e-9 * np.abs(known).max(0), spread, 0.0)
    varied = high > low
    usual = np.abs(high)
    if not columns.table and varied.any():  # the values of an array share their unit
        usual = np.full_like(usual, np.median((high - low)[varied]))
    unit = np.where(varied, high - low, np.where(usual > 0, usual, 1.0))
    spread = np.where(spread > 0, spread, unit)
    d = known.shape[1]
    covariance = ledoit_wolf((known - mean) / spread)[0] if d else np.zeros((0, 0))
    ridge = 1e-6 * max(np.trace(covariance) / max(d, 1), 1e-6) * np.eye(d)
    return Reach(
        columns=columns,
        closed=np.zeros(len(columns.categorical), bool) if closed is None else closed,
        whole=~np.isnan(numbers).any(0),
        low=low,
        high=high,
        unit=unit,
        mean=mean,
        spread=spread,
        precision=np.linalg.pinv(covariance + ridge, hermitian=True),
        limits=np.ones(2) if limits is None else limits,
    )
