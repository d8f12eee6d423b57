"""What a ranking depends on, in sentences ready to print."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gengap.base.errors import listing
from gengap.statistics.rankings import Ranking


def common_winners(rankings: Mapping[str, Ranking]) -> set[int]:
    """The methods that are first, or tied for it, in every ranking."""
    return set.intersection(*(set(ranking.winners) for ranking in rankings.values()))


def winner_sentence(rankings: Mapping[str, Ranking], what: str, names: tuple[str, ...]) -> str:
    """Who wins by which ``what``, e.g. ``"rule"``."""
    by_winner: dict[str, list[str]] = {}
    for name, ranking in rankings.items():
        by_winner.setdefault(_together(ranking.winners, names), []).append(name)
    if len(by_winner) == 1:
        return f"The winner is {next(iter(by_winner))} whatever the {what}: {', '.join(rankings)}."
    told = "; ".join(f"{winner} by {', '.join(which)}" for winner, which in by_winner.items())
    if common_winners(rankings):
        return f"The winner is the same up to ties whatever the {what}: {told}."
    return f"The winner depends on the {what}: {told}."


def left_out_sentences(
    full: Ranking, ranks: np.ndarray, names: tuple[str, ...], environments: tuple[str, ...]
) -> list[str]:
    """Which single environments, left out, change the winner by mean.

    Args:
        full: the ranking over all environments.
        ranks: ``(E, M)`` without each environment; NaN where methods were not linked.
        names: ``(M,)`` of the methods.
        environments: ``(E,)`` names.
    """
    winner = _together(full.winners, names)
    ranked = ~np.isnan(ranks).any(axis=1)
    first = ranks == np.min(ranks, axis=1, keepdims=True)
    changes = ranked & ~first[:, list(full.winners)].any(axis=1)
    told = []
    if changes.any():
        which = _any_of(changes, environments)
        told.append(f"Leaving out {which} changes the winner by mean, {winner}.")
    elif ranked.any():
        told.append(f"Leaving out any one environment keeps the winner by mean, {winner}.")
    if not ranked.all():
        told.append(f"The methods cannot be ranked without {_any_of(~ranked, environments)}.")
    return told


def chance_sentences(
    share: np.ndarray, ranks: np.ndarray, names: tuple[str, ...], environments: int
) -> list[str]:
    """How often the winner by mean wins again over resamples.

    Args:
        share: ``(M,)`` share of resamples won by mean.
        ranks: ``(R, M)`` ranks by mean; NaN where methods were not linked.
        names: ``(M,)`` of the methods.
        environments: how many there are.
    """
    told = []
    if not np.isnan(share).any():
        best = int(np.argmax(share))
        told.append(
            f"In {100 * share[best]:.0f}% of resamples the winner by mean is {names[best]}."
        )
    if environments < 10:
        number = "1 environment" if environments == 1 else f"{environments} environments"
        told.append(f"With {number}, resamples vary too little and rank limits are too narrow.")
    if lost := int(np.isnan(ranks).any(axis=1).sum()):
        told.append(f"{lost} of {len(ranks)} resamples left methods unlinked and do not count.")
    return told


def _any_of(chosen: np.ndarray, environments: tuple[str, ...]) -> str:
    which = [environments[e] for e in np.flatnonzero(chosen)]
    return which[0] if len(which) == 1 else f"any one of {listing(which)}"


def _together(winners: tuple[int, ...], names: tuple[str, ...]) -> str:
    return " and ".join(names[k] for k in winners)
