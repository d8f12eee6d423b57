"""Ranking methods over environments: six rules that can disagree, and what each one assumes.

Given scores ``(M, E)`` of methods in environments, larger is better:

- ``mean``: the mean score. Right when scores share a unit and every environment weighs the same;
  one environment with a wide spread decides otherwise.
- ``mean rank``: the mean of ranks within environments. Free of units; blind to by how much.
- ``borda``: the mean share of the other methods present that a method beats, ties as a half. The
  order of mean rank on a full table, and comparable where the number present differs.
- ``copeland``: opponents beaten in most environments minus opponents lost to, over opponents met.
- ``minimax`` (Simpson): the worst defeat, as the margin's share of the environments in common.
- ``kemeny``: the order that contradicts the fewest comparisons (:mod:`gengap.statistics.kemeny`).

*Missing cells* are NaN. Rules on pairs use the environments that both methods have. The plain mean
would reward whoever skipped the hard environments, so it becomes the least-squares fit of
``score = method + environment``, which takes the effects to add up. Ranks and Borda points are
among those present, hence also depend on who was: with cells missing by design rather than chance,
prefer ``mean``, :func:`~gengap.statistics.bradley_terry.bradley_terry` or
:func:`~gengap.statistics.plackett_luce.plackett_luce`.

*Columns may be examples* rather than environments: ranks over ``(M, N)`` per-example scores weigh
every example alike.

Sources: M. Rofin et al., Vote'n'Rank: Revision of benchmarking with social choice theory,
arXiv:2210.05769 (2022); P. Colombo et al., What are the best systems? New perspectives on NLP
benchmarking, arXiv:2202.03799 (2022); A. Ghosh et al., ONEBench to test them all, arXiv:2412.06745
(2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError, listing, suggest
from gengap.statistics.kemeny import EXACT_TO, kemeny
from gengap.statistics.votes import Votes, count_votes, linked, score_table, shared_ranks

ADDITIVE = "Cells are missing: the mean is that of an additive fit of method and environment."
AMONG_PRESENT = "Cells are missing: ranks are among the methods present in each environment."
MISSING_CELLS = {"mean": ADDITIVE, "mean rank": AMONG_PRESENT, "borda": AMONG_PRESENT}
HEURISTIC = f"Kemeny's order over more than {EXACT_TO} entangled methods is a local optimum."


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Methods from best to worst.

    Attributes:
        order: ``(M,)`` row numbers, best first; tied ones in the order of the table, but for
            Kemeny's rule, where it is one best order.
        scores: ``(M,)`` by which the rule ranks, larger is better, in the rule's own unit.
        ranks: ``(M,)`` 1 for the best; tied methods share the mean of their ranks.
        rule: the rule's name.
        note: what a reader must know about this ranking, or empty.
    """

    order: tuple[int, ...]
    scores: np.ndarray
    ranks: np.ndarray
    rule: str
    note: str = ""

    @property
    def winners(self) -> tuple[int, ...]:
        """The method ranked first, or all that tie for it."""
        return tuple(np.flatnonzero(self.ranks == self.ranks.min()).tolist())

    def __repr__(self) -> str:
        places = ", ".join(f"{method} ({self.ranks[method]:g})" for method in self.order)
        note = f", note={self.note!r}" if self.note else ""
        return f"Ranking({self.rule}: {places}{note})"


def rank(scores: ArrayLike, rule: str = "mean", *, seed: int = 0) -> Ranking:
    """Rank methods by one of :data:`RANKING_RULES`.

    Args:
        scores: ``(M, E)`` of methods in environments, or ``(M, E, S)`` with seeds, which are
            averaged; larger is better, NaN = missing.
        rule: a name in :data:`RANKING_RULES`.
        seed: of Kemeny's local search, used only beyond ``EXACT_TO`` entangled methods.

    Raises:
        UsageError: an unknown rule, an unusable table, or methods that no chain of shared
            environments links.

    Example:
        >>> rank([[0.9, 0.2, 0.2], [0.5, 0.3, 0.3]], "mean").order
        (0, 1)
        >>> rank([[0.9, 0.2, 0.2], [0.5, 0.3, 0.3]], "copeland").order
        (1, 0)
    """
    if rule not in RANKING_RULES:
        raise UsageError(
            f"There is no ranking rule {rule!r}{suggest(rule, RANKING_RULES)};"
            f" known: {listing(RANKING_RULES)}."
        )
    table = score_table(scores)
    votes = count_votes(table)
    note = MISSING_CELLS.get(rule, "") if np.isnan(table).any() else ""
    if rule == "kemeny":
        found = kemeny(votes.wins, seed=seed)
        several = f"{found.best_orders:.0f} orders are equally good; ranks are their mean."
        note = HEURISTIC if not found.exact else several if found.best_orders > 1 else ""
        # Sorting by mean positions over several best orders need not give one of them.
        return replace(as_ranking(-found.positions, rule, note), order=found.order)
    return as_ranking(RANKING_RULES[rule](votes), rule, note)


def as_ranking(scores: np.ndarray, rule: str, note: str = "") -> Ranking:
    """The ranking of methods by ``(M,)`` scores, larger is better."""
    ranks = shared_ranks(scores)
    order = tuple(np.argsort(ranks, kind="stable").tolist())
    return Ranking(order, scores, ranks, rule, note)


def mean_scores(votes: Votes) -> np.ndarray:
    """Mean score, or with missing cells the additive fit's mean over all environments."""
    table = votes.table
    present = ~np.isnan(table)
    if present.all():
        return table.mean(axis=-1)
    number = present.sum(axis=-2, keepdims=True)
    filled = np.where(present, table, 0.0)
    centre = filled.sum(axis=-2, keepdims=True) / np.maximum(number, 1)
    weights = present / np.maximum(number, 1)
    # Normal equations of the methods' effects once the environments' are eliminated; the ones
    # pin the sum of effects, which the table leaves free, to 0.
    M = table.shape[-2]
    across = weights @ np.swapaxes(present, -1, -2).astype(np.float64)
    normal = np.eye(M) * present.sum(axis=-1)[..., None] - across
    solvable = linked(across)
    normal = np.where(solvable[..., None, None], normal + 1 / M, np.eye(M))
    total = np.where(present, table - centre, 0.0).sum(axis=-1)
    effect = np.linalg.solve(normal, total[..., None])[..., 0]
    level = centre[..., 0, :] - (weights * effect[..., None]).sum(axis=-2)
    seen = number[..., 0, :] > 0
    average = np.sum(level * seen, axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    return np.where(solvable[..., None], effect + average[..., None], np.nan)


def mean_rank_scores(votes: Votes) -> np.ndarray:
    """Minus the mean rank over environments with at least two methods."""
    return -_mean_over_contests(votes, votes.ranks)


def borda_scores(votes: Votes) -> np.ndarray:
    """Mean share of the other methods present that a method beats, 0 to 1."""
    number = np.sum(~np.isnan(votes.ranks), axis=-2, keepdims=True)
    return _mean_over_contests(votes, (number - votes.ranks) / np.maximum(number - 1, 1))


def copeland_scores(votes: Votes) -> np.ndarray:
    """Opponents beaten by majority minus opponents lost to, over opponents met; -1 to 1."""
    losses = np.swapaxes(votes.wins, -1, -2)
    met = np.sum(votes.wins + losses > 0, axis=-1)
    return _ratio(np.sign(votes.wins - losses).sum(axis=-1), met)


def minimax_scores(votes: Votes) -> np.ndarray:
    """Minus the margin of the worst defeat, as a share of the environments in common; -1 to 1."""
    losses = np.swapaxes(votes.wins, -1, -2)
    margin = _ratio(votes.wins - losses, votes.wins + losses)
    return np.fmin.reduce(margin, axis=-1)


def kemeny_scores(votes: Votes) -> np.ndarray:
    """Minus the position in Kemeny's order, averaged over all best orders."""
    scores = np.empty(votes.wins.shape[:-1])
    for at in np.ndindex(votes.wins.shape[:-2]):
        scores[at] = -kemeny(votes.wins[at]).positions
    return scores


RANKING_RULES: dict[str, Callable[[Votes], np.ndarray]] = {
    "mean": mean_scores,
    "mean rank": mean_rank_scores,
    "borda": borda_scores,
    "copeland": copeland_scores,
    "minimax": minimax_scores,
    "kemeny": kemeny_scores,
}
"""Each maps votes to scores ``(..., M)``, larger is better."""


def _mean_over_contests(votes: Votes, points: np.ndarray) -> np.ndarray:
    """Mean of points ``(..., M, E)`` over environments where a method met another."""
    contest = np.sum(~np.isnan(votes.ranks), axis=-2, keepdims=True) >= 2
    counted = contest & ~np.isnan(votes.ranks)
    return _ratio(np.where(counted, points, 0.0).sum(axis=-1), counted.sum(axis=-1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where ``whole`` is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)
