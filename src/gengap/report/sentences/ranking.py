"""What a ranking depends on, in sentences ready to print."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gengap.base.errors import listing
from gengap.statistics.rankings import Ranking
from gengap.statistics.stability import Stability, common_winners

NOBODY = "nobody"


def ranking_sentences(found: Stability) -> list[str]:
    """Who wins by which rule and scale, and without which environments."""
    return [
        winner_sentence(found.rankings, "rule", found.names),
        winner_sentence(found.scales, "scale", found.names),
        *_left_out(found),
    ]


def winner_sentence(rankings: Mapping[str, Ranking], what: str, names: tuple[str, ...]) -> str:
    """Who wins by which ``what``, e.g. ``"rule"``."""
    by_winner: dict[str, list[str]] = {}
    for name, ranking in rankings.items():
        by_winner.setdefault(_together(ranking.winners, names), []).append(name)
    if set(by_winner) == {NOBODY}:
        return f"Nobody wins: all methods tie whatever the {what}: {', '.join(rankings)}."
    if len(by_winner) == 1:
        return f"The winner is {next(iter(by_winner))} whatever the {what}: {', '.join(rankings)}."
    told = "; ".join(f"{winner} by {', '.join(which)}" for winner, which in by_winner.items())
    if NOBODY not in by_winner and common_winners(rankings):
        return f"The winner is the same up to ties whatever the {what}: {told}."
    return f"The winner depends on the {what}: {told}."


def _left_out(found: Stability) -> list[str]:
    """Which single environments, left out, change the winner by mean."""
    full, ranks = found.rankings["mean"], found.left_out["mean"]
    winner = _together(full.winners, found.names)
    ranked = ~np.isnan(ranks).any(axis=1)
    first = ranks == np.min(ranks, axis=1, keepdims=True)
    changes = ranked & ~first[:, list(full.winners)].any(axis=1)
    told = []
    if winner == NOBODY:
        pass
    elif changes.any():
        which = _any_of(changes, found.environments)
        told.append(f"Leaving out {which} changes the winner by mean, {winner}.")
    elif ranked.any():
        told.append(f"Leaving out any one environment keeps the winner by mean, {winner}.")
    if not ranked.all():
        which = _any_of(~ranked, found.environments)
        told.append(f"The methods cannot be ranked without {which}.")
    return told


def _any_of(chosen: np.ndarray, environments: tuple[str, ...]) -> str:
    which = [environments[e] for e in np.flatnonzero(chosen)]
    return which[0] if len(which) == 1 else f"any one of {listing(which)}"


def _together(winners: tuple[int, ...], names: tuple[str, ...]) -> str:
    if len(winners) == len(names):
        return NOBODY  # what all share is no win
    return " and ".join(names[k] for k in winners)
