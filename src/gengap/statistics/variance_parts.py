"""What a mean difference varies with: environments, seeds, their interaction, examples.

A method's unseen score minus another's (or reference minus unseen), in environment ``e`` under seed
``s`` on example ``i``, is modelled as

    d_esi = mu + c_e + a_s + b_es + u_ei + v_esi,

all parts random with their own variance. With ``K`` environments, ``S`` seeds and ``n`` test
examples per environment and seed, drawn from a pool of ``N`` per environment (``N = n`` where all
seeds score the same examples, and without end where each scores fresh ones), the mean has variance

    V = [ V_c + V_b / S + V_u / min(n S, N) + V_v / (n S) ] / K  +  V_a / S.

Seeds alone cannot beat ``V_c / K``, and environments alone cannot beat ``V_a / S``. The bracket
shows in the spread of the environments' means, with ``K - 1`` degrees of freedom, ``V_a`` in that
of the seeds' with ``S - 1``.

*Estimates.* Half the mean squared difference between cell means has expectation

    same seed, other environment:   D1 = V_c + V_b + w
    same environment, other seed:   D2 = V_a + V_b + w - g
    both other:                     D3 = V_c + V_a + V_b + w

with ``w`` the example noise of a cell mean and ``g`` what two seeds of an environment share of it,
both known from the examples. Hence ``V_c = D3 - D2 - g``, ``V_a = D3 - D1`` and
``V_b = D1 + D2 - D3 - (w - g)``, truncated at 0. On complete tables these are the estimates of the
two-way analysis of variance; cells may be missing.

It helps to see which of environments, seeds and examples limits a study. It hurts where the number
of environments is small: the spread of four environments is known to a factor of three at best.

Source: G. G. Koch, A general approach to the estimation of variance components, Technometrics 9
(1967), 93-118.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from gengap.base.errors import UsageError
from gengap.statistics.cells import read_columns, summarise

ONE_SEED = (
    "One seed: its noise is part of the spread between environments, and what more seeds would "
    "bring cannot be told."
)

FEW_SEEDS = 5


@dataclass(frozen=True)
class VarianceParts:
    """Variances of the parts of a difference, and the study they were measured in.

    Attributes:
        environment: between environments, ``V_c``.
        seed: between seeds, the same in all environments, ``V_a``.
        interaction: between seeds, each environment its own, ``V_b``.
        example: between test examples, the same under all seeds, ``V_u``.
        residual: the rest, ``V_v``.
        environments: ``K`` of the study.
        seeds: ``S`` of the study.
        examples: ``n``, test examples per environment and seed, the harmonic mean.
        pool: ``N``, distinct test examples per environment that seeds draw from; may be infinite.
        difference: the mean difference measured.
        note: what a reader must know, or empty.
    """

    environment: float
    seed: float
    interaction: float
    example: float
    residual: float
    environments: int
    seeds: int
    examples: float
    pool: float
    difference: float
    note: str = ""

    def within(self, seeds: float, examples: float) -> float:
        """Variance of an environment's mean about what environment and seeds have of their own.

        ``V_b / S + V_u / min(n S, N) + V_v / (n S)``. The pool grows with the examples per
        environment and seed.
        """
        distinct = min(examples * seeds, self.pool * examples / self.examples)
        return (self.interaction + self.residual / examples) / seeds + self.example / distinct

    def between(self, seeds: float, examples: float) -> float:
        """Expected mean square of environments by seeds, without a part that seeds share.

        The seeds' means over ``K`` environments have the variance ``V_a + between / K``.
        """
        distinct = min(examples * seeds, self.pool * examples / self.examples)
        own = 1 / examples - 1 / distinct if seeds > 1 else 0.0
        apart = self.example * own * seeds / max(seeds - 1, 1)
        return self.interaction + self.residual / examples + apart


def variance_parts(
    difference: ArrayLike,
    environment: ArrayLike,
    seed: ArrayLike,
    example: ArrayLike,
    pool: float | None = None,
) -> VarianceParts:
    """Estimate the variance parts from a long table, one entry per test example and seed.

    Args:
        difference: ``(n,)`` differences of two scores of the same example.
        environment: ``(n,)`` int environment codes.
        seed: ``(n,)`` int seeds.
        example: ``(n,)`` int row ids; within a seed each example appears at most once.
        pool: distinct examples per environment that the seeds' test parts are drawn from; None
            takes those seen, or no end where no two seeds scored the same example.

    Raises:
        UsageError: one environment, differences that do not vary, unusable columns (see
            :func:`gengap.statistics.cells.summarise`).
    """
    cells = summarise(difference, environment, seed, example)
    values, columns = read_columns(difference, environment, seed, example)
    if len(cells.means) < 2:
        raise UsageError(
            "Planning needs differences in at least 2 environments; there is 1, and how much "
            "environments differ cannot be seen in it."
        )
    if np.ptp(values) == 0:
        raise UsageError(
            f"All {len(values)} differences equal {values[0]:g}; nothing varies, so there is "
            "nothing to plan from."
        )
    e, s, i = (np.unique(column, return_inverse=True)[1] for column in columns)
    K, S = cells.shape
    sums = np.bincount(e * S + s, values, minlength=K * S).reshape(K, S)
    means = sums[cells.counts > 0] / cells.counts[cells.counts > 0]
    example_variance, residual, shared = _example_parts(values, e * S + s, i, cells.counts)
    where_e, where_s = np.nonzero(cells.counts)
    own_seed, own_environment, apart = _half_squares(means, where_e, where_s)
    if math.isnan(own_seed):
        raise UsageError(
            "No seed scored two environments, so seeds and environments cannot be told apart; "
            "use the same seeds in every environment."
        )
    # The harmonic mean, as noise goes by 1/n; rounded so that equal cells give a whole number.
    n = round(float(len(means) / np.sum(1 / cells.counts[cells.counts > 0])), 6)
    noise = (example_variance + residual) / n
    common = example_variance * shared
    if math.isnan(own_environment + apart):
        # One seed: only environments can be compared, and the interaction counts as theirs.
        parts = own_seed - noise, 0.0, 0.0
    else:
        # The module's three expectations, solved for the three variances.
        inside = own_seed + own_environment - apart - noise + common
        parts = apart - own_environment - common, apart - own_seed, inside
    environments, seeds, interaction = (max(part, 0.0) for part in parts)
    seen = float(cells.distinct.mean()) if shared > 0 else math.inf
    return VarianceParts(
        environments, seeds, interaction, example_variance, residual, K, S, n,
        seen if pool is None else max(pool, n), float(cells.means.mean()), _note(K, S),
    )  # fmt: skip


def _example_parts(
    values: np.ndarray, cell: np.ndarray, example: np.ndarray, counts: np.ndarray
) -> tuple[float, float, float]:
    """``V_u``, ``V_v``, and the weight of ``V_u`` in the covariance of two seeds' cell means.

    Where no example is scored twice the two cannot be told apart, and all counts as ``V_u``.
    """
    sizes = np.bincount(cell, minlength=counts.size)
    used = sizes[cell] > 1
    if not used.any():
        return 0.0, 0.0, 0.0
    cell_means = np.bincount(cell, values, minlength=counts.size) / np.maximum(sizes, 1)
    r = np.where(used, values - cell_means[cell], 0.0)
    total = float(r @ r) / float(np.sum(np.maximum(sizes - 1, 0)))
    z = 1.0 / sizes[cell]
    present = (counts > 0).sum(axis=1)
    pairs = float(np.sum(present * (present - 1)))
    shared = float(np.sum(np.bincount(example, z) ** 2) - np.sum(z**2))
    if pairs == 0 or shared <= 1e-12:
        return total, 0.0, 0.0
    # A deviation from the cell's mean is short of the example's part by 1 in n, like a variance.
    product = float(np.sum(np.bincount(example, r * z) ** 2) - np.sum((r * z) ** 2))
    inflate = float(np.sum(sizes)) / float(np.sum(np.maximum(sizes - 1, 0)))
    common = min(max(product / shared * inflate, 0.0), total)
    return common, total - common, shared / pairs


def _half_squares(
    means: np.ndarray, environment: np.ndarray, seed: np.ndarray
) -> tuple[float, float, float]:
    """``D1``, ``D2``, ``D3`` of the module; NaN where there is no such pair of cells."""
    same_seed, seed_pairs = _within(means, seed)
    same_environment, environment_pairs = _within(means, environment)
    total, pairs = _within(means, np.zeros(len(means), np.int64))
    apart, apart_pairs = (
        total - same_seed - same_environment,
        pairs - seed_pairs - environment_pairs,
    )
    sums = (same_seed, seed_pairs), (same_environment, environment_pairs), (apart, apart_pairs)
    first, second, third = (value / count if count else math.nan for value, count in sums)
    return first, second, third


def _within(means: np.ndarray, group: np.ndarray) -> tuple[float, int]:
    """Sum over pairs within groups of half the squared difference, and the number of pairs."""
    counts = np.bincount(group)
    centred = means - means.mean()
    # Over the pairs of n numbers, sum (x_i - x_j)^2 is n sum x^2 - (sum x)^2.
    sums = counts * np.bincount(group, centred**2) - np.bincount(group, centred) ** 2
    return float(sums.sum()) / 2, int(np.sum(counts * (counts - 1)) // 2)


def _note(environments: int, seeds: int) -> str:
    remarks = [ONE_SEED] * (seeds == 1)
    if 1 < seeds < FEW_SEEDS:
        remarks.append(f"The noise between seeds rests on {seeds} of them.")
    if environments < 10:
        f = environments - 1
        most = math.sqrt(f / special.chdtri(f, 0.975))
        remarks.append(
            f"The spread between environments rests on {environments} of them: it may be up to "
            f"{most:.2g} times as large (limit of its 95% interval)."
        )
    return " ".join(remarks)
