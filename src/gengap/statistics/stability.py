"""How much a ranking depends on choices and chance: the rule, the scale, the environments.

One score table can crown several winners. Three questions are put to it:

- *rule*: the ranking by each of :data:`~gengap.statistics.rankings.RANKING_RULES`, and Kendall's
  tau-b between them;
- *scale*: the ranking by the mean of raw scores, of scores rescaled to 0..1 or to mean 0 and
  standard deviation 1 within each environment, and of Borda points;
- *environments*: who wins when any one environment is left out.

What chance does to the order is another question: :mod:`gengap.statistics.best`.

Sources: P. Colombo et al., What are the best systems?, arXiv:2202.03799 (2022); F. Matteucci,
V. Arzamasov & K. Boehm, A benchmark of categorical encoders for binary classification,
arXiv:2307.09191 (2023), where the way of aggregating changes which encoder wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError, listing
from gengap.statistics.rankings import RANKING_RULES, Ranking, rank
from gengap.statistics.votes import (
    Votes,
    count_votes,
    linked,
    score_table,
    shared_ranks,
)

KEMENY_REPEATED_TO = 8
"""Most methods for which Kemeny's order is found again without each environment."""


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
    """

    names: tuple[str, ...]
    environments: tuple[str, ...]
    rankings: dict[str, Ranking]
    scales: dict[str, Ranking]
    tau: np.ndarray
    left_out: dict[str, np.ndarray]

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
    seed: int = 0,
) -> Stability:
    """Rank methods by every rule and see what the order depends on.

    Args:
        scores: ``(M, E)`` or ``(M, E, S)``; larger is better, NaN = missing.
        names: ``(M,)`` of the methods; numbers by default.
        environments: ``(E,)`` names; numbers by default.
        seed: of Kemeny's local search, see :func:`~gengap.statistics.rankings.rank`.

    Raises:
        UsageError: an unusable table, names that do not fit, methods that no chain of shared
            environments links.

    Example:
        >>> found = stability([[0.9, 0.2, 0.2], [0.5, 0.3, 0.3]], ["a", "b"])
        >>> found.winner_depends_on_rule
        True
    """
    table = score_table(scores)
    methods = _labels(names, table.shape[0], "methods")
    places = _labels(environments, table.shape[1], "environments")
    rankings = {rule: rank(table, rule, seed=seed) for rule in RANKING_RULES}
    left_out = _rule_ranks(count_votes(_without_each(table)))
    return Stability(
        names=methods,
        environments=places,
        rankings=rankings,
        scales=_scales(table),
        tau=kendall_tau(np.stack([ranking.ranks for ranking in rankings.values()])),
        left_out=left_out,
    )


def kendall_tau(ranks: ArrayLike) -> np.ndarray:
    """Kendall's tau-b ``(K, K)`` between rankings ``(K, M)``; NaN for one that ties everything."""
    table = np.asarray(ranks, dtype=np.float64)
    above = np.sign(table[:, :, None] - table[:, None, :]).reshape(len(table), -1)
    agreement = above @ above.T
    strict = np.diag(agreement)
    scale = np.sqrt(np.outer(strict, strict))
    return np.where(scale > 0, agreement / np.where(scale > 0, scale, 1), np.nan)


def _rule_ranks(votes: Votes) -> dict[str, np.ndarray]:
    """Per rule the ranks ``(..., M)``, NaN where methods are not linked."""
    M = votes.wins.shape[-1]
    apart = ~linked(votes.wins + np.swapaxes(votes.wins, -1, -2))
    ranks = {}
    for rule, score in RANKING_RULES.items():
        if rule != "kemeny" or M <= KEMENY_REPEATED_TO:
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


def _labels(given: Sequence[str] | None, number: int, what: str) -> tuple[str, ...]:
    if given is None:
        return tuple(str(k) for k in range(number))
    if len(given) != number or len(set(given)) != number:
        raise UsageError(f"{number} {what} need as many distinct names, not {listing(given)}.")
    return tuple(str(name) for name in given)
