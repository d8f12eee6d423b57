"""How much a ranking depends on choices and chance: the rule, the scale, the environments.

One score table can crown several winners. Four questions are put to it:

- *rule*: the ranking by each of :data:`~gengap.statistics.rankings.RANKING_RULES`, and Kendall's
  tau-b between them;
- *scale*: the ranking by the mean of raw scores, of scores rescaled to 0..1 or to mean 0 and
  standard deviation 1 within each environment, and of Borda points;
- *environments*: who wins when any one environment is left out;
- *chance*: environments are drawn with replacement, and within each its seeds, the same for all
  methods because runs with one seed share their split. ``win_share`` is the share of resamples that
  a method wins (a ``k``-way tie counts ``1/k``), and percentiles bound its rank.

The rank limits are a description, not a test: where methods are tied or nearly so the bootstrap of
ranks is not consistent and its limits are too narrow (M. Xie, K. Singh & C.-H. Zhang, Confidence
intervals for population ranks in the presence of ties and near ties, Journal of the American
Statistical Association 104 (2009), 775-788). With few environments they are too narrow as well.

Sources: P. Colombo et al., What are the best systems?, arXiv:2202.03799 (2022); F. Matteucci,
V. Arzamasov & K. Boehm, A benchmark of categorical encoders for binary classification,
arXiv:2307.09191 (2023), where the way of aggregating changes which encoder wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError, listing
from gengap.base.seeds import generator
from gengap.statistics.intervals import check_level
from gengap.statistics.rankings import RANKING_RULES, Ranking, rank
from gengap.statistics.votes import (
    Votes,
    count_votes,
    linked,
    score_table,
    seed_means,
    shared_ranks,
)

KEMENY_RESAMPLED_TO = 8
"""Most methods for which Kemeny's order is found again in every resample."""

BLOCK = 1 << 21
"""Scores held at once while resampling."""


@dataclass(frozen=True, eq=False, repr=False)
class Stability:
    """What a ranking depends on. Per-method arrays are in the order of ``names``.

    Attributes:
        names: ``(M,)`` of the methods.
        environments: ``(E,)`` of the environments.
        rankings: the ranking by each rule.
        scales: the ranking by the mean on each scale: raw, min-max, z-score, borda.
        tau: ``(K, K)`` Kendall's tau-b between the rules, in the order of ``rankings``.
        left_out: per rule ``(E, M)`` ranks without each environment; NaN where none is possible.
        win_share: per rule ``(M,)`` share of resamples that each method wins.
        rank_low: per rule ``(M,)`` lower percentile of the rank over resamples.
        rank_high: per rule ``(M,)`` upper percentile.
        level: share of resamples between the two.
        replicates: resamples drawn; ``unlinked`` of them could not be ranked and do not count.
    """

    names: tuple[str, ...]
    environments: tuple[str, ...]
    rankings: dict[str, Ranking]
    scales: dict[str, Ranking]
    tau: np.ndarray
    left_out: dict[str, np.ndarray]
    win_share: dict[str, np.ndarray]
    rank_low: dict[str, np.ndarray]
    rank_high: dict[str, np.ndarray]
    level: float
    replicates: int
    unlinked: int

    @property
    def winner_depends_on_rule(self) -> bool:
        """Whether no method is first, or tied for it, by every rule."""
        return not common_winners(self.rankings)

    @property
    def winner_depends_on_scale(self) -> bool:
        """Whether no method is first, or tied for it, on every scale."""
        return not common_winners(self.scales)


def common_winners(rankings: Mapping[str, Ranking]) -> set[int]:
    """The methods that are first, or tied for it, in every ranking."""
    return set.intersection(*(set(ranking.winners) for ranking in rankings.values()))


def stability(
    scores: ArrayLike,
    names: Sequence[str] | None = None,
    environments: Sequence[str] | None = None,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Stability:
    """Rank methods by every rule and see what the order depends on.

    Args:
        scores: ``(M, E)`` or ``(M, E, S)``; larger is better, NaN = missing.
        names: ``(M,)`` of the methods; numbers by default.
        environments: ``(E,)`` names; numbers by default.
        replicates: bootstrap resamples, at least 20.
        level: share of resamples between ``rank_low`` and ``rank_high``.
        seed: of the resampling.

    Raises:
        UsageError: an unusable table, names that do not fit, methods that no chain of shared
            environments links.

    Example:
        >>> found = stability([[0.9, 0.2, 0.2], [0.5, 0.3, 0.3]], ["a", "b"])
        >>> found.winner_depends_on_rule
        True
    """
    check_level(level)
    if replicates < 20:
        raise UsageError(f"replicates is {replicates}; give at least 20.")
    table = score_table(scores)
    methods = _labels(names, table.shape[0], "methods")
    places = _labels(environments, table.shape[1], "environments")
    rankings = {rule: rank(table, rule, seed=seed) for rule in RANKING_RULES}
    left_out = _rule_ranks(count_votes(_without_each(table)))
    resampled = _resample(np.asarray(scores, dtype=np.float64), replicates, seed)
    limits = {rule: _rank_limits(ranks, level) for rule, ranks in resampled.items()}
    return Stability(
        names=methods,
        environments=places,
        rankings=rankings,
        scales=_scales(table),
        tau=kendall_tau(np.stack([ranking.ranks for ranking in rankings.values()])),
        left_out=left_out,
        win_share={rule: _win_share(ranks) for rule, ranks in resampled.items()},
        rank_low={rule: low for rule, (low, _) in limits.items()},
        rank_high={rule: high for rule, (_, high) in limits.items()},
        level=level,
        replicates=replicates,
        unlinked=int(np.isnan(resampled["mean"]).any(axis=1).sum()),
    )


def kendall_tau(ranks: ArrayLike) -> np.ndarray:
    """Kendall's tau-b ``(K, K)`` between rankings ``(K, M)``; NaN for one that ties everything."""
    table = np.asarray(ranks, dtype=np.float64)
    above = np.sign(table[:, :, None] - table[:, None, :]).reshape(len(table), -1)
    agreement = above @ above.T
    strict = np.diag(agreement)
    scale = np.sqrt(np.outer(strict, strict))
    return np.where(scale > 0, agreement / np.where(scale > 0, scale, 1), np.nan)


def _resample(scores: np.ndarray, replicates: int, seed: int) -> dict[str, np.ndarray]:
    """Per rule the ranks ``(R, M)`` over resampled environments and seeds."""
    parts = [_rule_ranks(count_votes(table)) for table in _tables(scores, replicates, seed)]
    return {rule: np.concatenate([part[rule] for part in parts]) for rule in parts[0]}


def _tables(scores: np.ndarray, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Resampled score tables ``(r, M, E)``, in blocks of bounded size."""
    by_environment = np.moveaxis(scores[..., None] if scores.ndim == 2 else scores, 0, -1)
    E, S, _ = by_environment.shape
    rng = generator(seed, "ranking stability")
    drawn = rng.integers(E, size=(replicates, E))
    seeds = rng.integers(S, size=(replicates, E, S))
    size = max(1, BLOCK // scores.size)
    for start in range(0, replicates, size):
        part = slice(start, start + size)
        picked = by_environment[drawn[part, :, None], seeds[part]]
        yield np.swapaxes(seed_means(np.moveaxis(picked, 2, -1)), 1, 2)


def _rule_ranks(votes: Votes) -> dict[str, np.ndarray]:
    """Per rule the ranks ``(..., M)``, NaN where methods are not linked."""
    M = votes.wins.shape[-1]
    apart = ~linked(votes.wins + np.swapaxes(votes.wins, -1, -2))
    ranks = {}
    for rule, score in RANKING_RULES.items():
        if rule != "kemeny" or M <= KEMENY_RESAMPLED_TO:
            ranks[rule] = shared_ranks(score(votes))
            ranks[rule][apart] = np.nan
    return ranks


def _without_each(table: np.ndarray) -> np.ndarray:
    """``(E, M, E)``: the table with each environment blanked in turn."""
    E = table.shape[1]
    return np.where(np.eye(E, dtype=bool)[:, None, :], np.nan, table)


def _scales(table: np.ndarray) -> dict[str, Ranking]:
    """The ranking by the mean of scores rescaled within each environment."""
    table = table[:, ~np.isnan(table).all(axis=0)]
    low, high = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
    deviation = np.nanstd(table, axis=0)
    number = np.sum(~np.isnan(table), axis=0)
    points = (number - shared_ranks(table, axis=0)) / np.maximum(number - 1, 1)
    rescaled = {
        "raw": table,
        "min-max": (table - low) / np.where(high > low, high - low, 1),
        "z-score": (table - np.nanmean(table, axis=0)) / np.where(high > low, deviation, 1),
        "borda": points,
    }
    return {scale: rank(values, "mean") for scale, values in rescaled.items()}


def _win_share(ranks: np.ndarray) -> np.ndarray:
    """Share of resamples ``(R, M)`` that each method wins, among those that could be ranked."""
    kept = _ranked(ranks)
    if len(kept) == 0:
        return np.full(ranks.shape[1], np.nan)
    first = kept == kept.min(axis=1, keepdims=True)
    return np.asarray((first / first.sum(axis=1, keepdims=True)).mean(axis=0))


def _rank_limits(ranks: np.ndarray, level: float) -> np.ndarray:
    """``(2, M)`` percentiles of the rank over resamples ``(R, M)``."""
    kept = _ranked(ranks)
    if len(kept) == 0:
        return np.full((2, ranks.shape[1]), np.nan)
    return np.quantile(kept, [(1 - level) / 2, (1 + level) / 2], axis=0)


def _ranked(ranks: np.ndarray) -> np.ndarray:
    """The resamples in which methods were linked."""
    return ranks[~np.isnan(ranks).any(axis=1)]


def _labels(given: Sequence[str] | None, number: int, what: str) -> tuple[str, ...]:
    if given is None:
        return tuple(str(k) for k in range(number))
    if len(given) != number or len(set(given)) != number:
        raise UsageError(f"{number} {what} need as many distinct names, not {listing(given)}.")
    return tuple(str(name) for name in given)
