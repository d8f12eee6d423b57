"""Arrows to follow: the more of them lie on the way, the harder, though all inputs look alike.

    c>a d>b a>f e>d b>g  from c     ->  f          two arrows,  c > a > f
    c>a d>b a>f e>d b>g  from e     ->  g          three, e > d > b > g

All nodes lie on paths that do not meet; every graph has as many nodes, paths and arrows, so nothing
but the way tells how far the end is. An arrow is one token, so that following one is one look-up.

Easy to hard as with the mazes and prefix sums of Schwarzschild et al. 2021, arXiv:2106.04537.
"""

from __future__ import annotations

import numpy as np

Pairs = tuple[np.ndarray, np.ndarray]


def chains(draw: np.random.Generator, count: int, hops: int, nodes: int, paths: int) -> Pairs:
    """Arrows in any order with the node to begin at, ``(count, nodes - paths + 1)``, and the end.

    Node ``a`` is token ``a``, the arrow from ``a`` to ``b`` token ``nodes (a + 1) + b``.

    Args:
        hops: arrows to follow, at most ``nodes - paths``.
        nodes: of a graph, on so many ``paths``.
    """
    line = draw.permuted(np.tile(np.arange(nodes), (count, 1)), axis=1)
    # The path to follow lies first in the line, and ends at ``last``.
    last = draw.integers(hops, nodes - paths + 1, size=count)
    place = np.arange(nodes - 1)
    order = np.where(place > last[:, None], draw.random((count, nodes - 1)), np.inf)
    cuts = order.argsort(1).argsort(1) < paths - 2
    joined = ~cuts & (place != last[:, None])
    arrows = (nodes * (line[:, :-1] + 1) + line[:, 1:])[joined].reshape(count, nodes - paths)
    rows = np.arange(count)
    start = line[rows, last - hops]
    source = np.concatenate([draw.permuted(arrows, axis=1), start[:, None]], 1)
    return source, line[rows, last][:, None]


def words(nodes: int) -> tuple[str, ...]:
    """What the tokens mean, nodes being letters."""
    letters = [chr(ord("a") + node) for node in range(nodes)]
    return (*letters, *(f"{one}>{other}" for one in letters for other in letters))
