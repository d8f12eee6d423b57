r"""Segments of rows in which a value is high: short rules on binned columns, found, then confirmed.

A rule is a conjunction of one to three conditions on columns, each a range of a column's codes.
The search is a beam: from the best rules so far, every condition that shortens them is tried, and
judged by

.. math:: z = \frac{\sum_{i \in R} v_i}{s \sqrt{n_R (1 - n_R / n)}},

the standardised sum of the centred values in the rule (the quality of subgroup discovery: W.
Kloesgen, Explora, in: Advances in Knowledge Discovery and Data Mining (1996), 249-271). A longer
rule is kept only where it beats the shorter one clearly. Once the best is found its rows are taken
out and the rest is searched again, or its shadows would be found: candidates share no rows.
Thousands of rules are looked at, so the largest ``z`` says nothing by itself; what is found is
confirmed on other rows, with as many tests as candidates taken there
(:func:`gengap.statistics.multiple.holm`).

*Confirmation.* The excess is the mean in the rule minus the mean of the other rows of the same
stratum (an environment under a seed), strata weighed by ``m (1 - m)`` for a share ``m`` in the
rule: least squares with a constant for each stratum. Its variance has two parts. Rows: robust, rows
that belong together summed first. Runs: all rows of a seed share trained models, which are worse in
some places by chance. How much an excess differs between seeds, as a multiple of what rows alone
would give, is drawn towards 1 with the weight of ``PRIOR_DEGREES``; that of the candidate or the
average of all, whichever is larger, inflates the variance where it exceeds 1, by a part with as few
degrees of freedom as there are seeds. With one seed nothing shows it, and the interval is of these
trained models alone. On simulated studies without segments any candidate is confirmed in 3 to 5% of
them, however noisy training is (``tests/statistics/test_segments.py``)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gengap.statistics.intervals import Interval, p_value, satterthwaite, student
from gengap.statistics.multiple import holm, step_levels

PRIOR_DEGREES = 1.0
CLEARLY = 1.15  # how many times the shorter rule's z a longer one must reach
FEWEST_CLUSTERS = 10  # in a rule, to confirm it


@dataclass(frozen=True)
class Coded:
    """Columns as codes.

    Attributes:
        codes: ``(d, n)`` uint8; of an ordered column from small to large, a missing value last.
        ordered: ``(d,)`` whether ranges of codes are conditions, or single codes alone.
        levels: ``(d,)`` number of codes without that of missing values.
        missing: ``(d,)`` whether the code ``levels`` stands for missing values.
    """

    codes: np.ndarray
    ordered: np.ndarray
    levels: np.ndarray
    missing: np.ndarray

    def take(self, rows: np.ndarray) -> Coded:
        """Some rows alone, by number."""
        return replace(self, codes=np.take(self.codes, rows, axis=1))

    def rows(self, rule: Rule) -> np.ndarray:
        """``(n,)`` mask of the rows that a rule holds for."""
        found = np.ones(self.codes.shape[1], bool)
        for c in rule:
            own = self.codes[c.column]
            found &= (own >= c.first) & (own <= c.last)
        return found


@dataclass(frozen=True, order=True)
class Condition:
    """A column's code lies from ``first`` to ``last``."""

    column: int
    first: int
    last: int


Rule = tuple[Condition, ...]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        rules: the candidates as they were found, each of the rows that none before it holds.
        z: ``(k,)`` their standardised sums.
        looked_at: number of rules tried.
    """

    rules: tuple[Rule, ...]
    z: np.ndarray
    looked_at: int


def search(
    coded: Coded,
    values: np.ndarray,
    *,
    fewest: int = 30,
    depth: int = 3,
    beam: int = 16,
    most: int = 5,
    least: float = 3.0,
) -> Search:
    """Rules in which values are high.

    Args:
        coded: the columns of ``n`` rows.
        values: ``(n,)``.
        fewest: rows in a rule, and outside it.
        depth: conditions in a rule.
        beam: rules that are made longer at each depth.
        most: candidates given back.
        least: their smallest ``z``.
    """
    found: list[Rule] = []
    z: list[float] = []
    looked_at = 0
    while len(found) < most and len(values) >= 2 * fewest:
        rule, own, tried = _best(coded, values - values.mean(), fewest, depth, beam)
        looked_at += tried
        if own < least:
            break
        found.append(rule)
        z.append(own)
        rest = np.flatnonzero(~coded.rows(rule))
        coded, values = coded.take(rest), values[rest]
    return Search(tuple(found), np.array(z), looked_at)


def _best(
    coded: Coded, values: np.ndarray, fewest: int, depth: int, beam: int
) -> tuple[Rule, float, int]:
    """The rule with the largest ``z``, its ``z``, and how many were tried."""
    spread = float(np.sqrt(np.mean(values**2)))
    if spread == 0:
        return (), 0.0, 0
    tried: dict[Rule, float] = {}
    best: tuple[float, Rule] = (0.0, ())
    parents = [best]
    for _ in range(depth):
        found: dict[Rule, float] = {}
        for parent, rule in parents:
            for longer, z in _longer(coded, values, rule, spread, fewest):
                if longer not in tried:
                    tried[longer] = z
                    if z > CLEARLY * max(parent, 0.0):
                        found[longer] = z
        parents = sorted(((z, r) for r, z in found.items()), key=lambda e: (-e[0], e[1]))[:beam]
        if parents and parents[0][0] > CLEARLY * best[0]:
            best = parents[0]
    return best[1], best[0], len(tried)


def _longer(
    coded: Coded, values: np.ndarray, rule: Rule, spread: float, fewest: int
) -> Iterator[tuple[Rule, float]]:
    """Rules with one condition more, or a narrower one, and their ``z``."""
    n = len(values)
    rows = np.flatnonzero(coded.rows(rule)) if rule else None
    own = values if rows is None else values[rows]
    held = {c.column: c for c in rule}
    for j in range(len(coded.codes)):
        codes = coded.codes[j] if rows is None else coded.codes[j][rows]
        width = int(coded.levels[j]) + 1
        count = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=width))])
        total = np.concatenate([[0], np.cumsum(np.bincount(codes, own, minlength=width))])
        inside = count[-1]
        for first, last in _ranges(coded, j, held.get(j)):
            size = count[last + 1] - count[first]
            if size < fewest or size == inside or size > n - fewest:
                continue
            z = (total[last + 1] - total[first]) / (spread * math.sqrt(size * (1 - size / n)))
            others = [c for c in rule if c.column != j]
            yield tuple(sorted([*others, Condition(j, first, last)])), float(z)


def _ranges(coded: Coded, j: int, held: Condition | None) -> Iterator[tuple[int, int]]:
    """Ranges of a column's codes that are conditions, inside one that is held already."""
    most = int(coded.levels[j])
    if held is None:
        first, last = 0, most - 1
        if coded.missing[j]:
            yield most, most
    elif held.first == most or not coded.ordered[j]:
        return
    else:
        first, last = held.first, held.last
    if coded.ordered[j]:
        for k in range(first, last):
            yield first, k
            yield k + 1, last
    else:
        for k in range(first, last + 1):
            yield k, k


@dataclass(frozen=True)
class Confirmation:
    """Candidates on rows that did not suggest them, an entry for each.

    Attributes:
        excess: mean in the rule minus mean of the other rows of its strata, without the rows of
            candidates before it; limits at the level at which Holm's procedure judged it.
        p_value: adjusted for the number of candidates (Holm).
        confirmed: whether the excess is positive, and the adjusted p-value below 1 minus the level.
    """

    excess: tuple[Interval, ...]
    p_value: np.ndarray
    confirmed: np.ndarray


def confirm(
    masks: Sequence[np.ndarray],
    values: np.ndarray,
    stratum: np.ndarray,
    seed: np.ndarray,
    cluster: np.ndarray,
    level: float = 0.95,
) -> Confirmation:
    """Test candidates.

    Args:
        masks: ``(n,)`` bool for each, which rows are in it.
        values: ``(n,)`` values.
        stratum: ``(n,)`` codes from 0; excesses are within strata.
        seed: ``(n,)`` codes from 0 of the runs' seeds.
        cluster: ``(n,)`` codes from 0 of rows that belong together.
        level: 1 minus the chance that any candidate without an excess is confirmed.
    """
    plain, rest = [], np.arange(len(values))
    for mask in masks:
        own = mask[rest]
        plain.append(_contrast(own, values[rest], stratum[rest], seed[rest], cluster[rest]))
        rest = rest[~own]
    parts = _with_training(plain, len(np.unique(seed)))
    p = np.array([p_value(c.estimate, c.variance, c.degrees) for c in parts])
    adjusted = holm(p) if len(p) else p
    levels = step_levels(p, 1 - level) if len(p) else []
    limits = tuple(
        student(c.estimate, c.variance, c.degrees, own)
        for c, own in zip(parts, levels, strict=True)
    )
    above = np.array([c.estimate > 0 for c in parts], bool)
    return Confirmation(limits, adjusted, above & (adjusted < 1 - level))


@dataclass(frozen=True)
class _Contrast:
    estimate: float
    variance: float
    degrees: float
    ratio: float  # of the variance between seeds to that of rows, NaN where none is known


def _contrast(
    mask: np.ndarray, values: np.ndarray, stratum: np.ndarray, seed: np.ndarray, cluster: np.ndarray
) -> _Contrast:
    sizes = np.maximum(np.bincount(stratum), 1)
    share = np.bincount(stratum, mask) / sizes
    regressor = mask - share[stratum]
    power = float(regressor @ regressor)
    inside = len(np.unique(cluster[mask]))
    if power < 1e-9 or inside < FEWEST_CLUSTERS:
        return _Contrast(math.nan, math.nan, 1, math.nan)
    estimate = float(regressor @ values) / power
    centred = values - (np.bincount(stratum, values) / sizes)[stratum]
    influence = regressor * (centred - estimate * regressor) / power
    variance = float(np.sum(np.bincount(cluster, influence) ** 2)) * inside / (inside - 1)
    by_seed = np.bincount(seed, influence)
    seeds = len(np.unique(seed))
    ratio = math.nan
    if seeds > 1 and variance > 0:
        ratio = float(np.sum(by_seed**2)) * seeds / (seeds - 1) / variance
    return _Contrast(estimate, variance, inside - 1, ratio)


def _with_training(parts: Sequence[_Contrast], seeds: int) -> list[_Contrast]:
    """The same, their variances raised by what training adds."""
    ratios = np.array([part.ratio for part in parts])
    if seeds < 2 or np.isnan(ratios).all():
        return list(parts)
    degrees = seeds - 1
    average = float(np.nanmean(ratios))
    raised = []
    for part in parts:
        ratio = np.fmax(part.ratio, average)
        ratio = (PRIOR_DEGREES + degrees * ratio) / (PRIOR_DEGREES + degrees)
        extra = max(float(ratio) - 1, 0.0)
        shares = np.array([1.0, extra]) * part.variance
        freedom = np.array([part.degrees, degrees + PRIOR_DEGREES])
        own = satterthwaite(shares, freedom) if part.variance > 0 else part.degrees
        raised.append(replace(part, variance=float(shares.sum()), degrees=own))
    return raised
