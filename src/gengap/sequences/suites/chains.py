"""Arrows to follow as a suite: each number of arrows on the way is an environment."""

from __future__ import annotations

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.chains import chains, words

MOST = 26  # nodes, which are letters


@suite(
    "chains",
    summary="Follow arrows from a node to where they end.",
    source="generated: easy to hard after Schwarzschild et al. 2021",
    default_splits="extrapolate:hops>2",
)
def followed(
    longest: int = 4,
    each: int = 1500,
    nodes: int = 8,
    paths: int = 3,
    shortest: int = 0,
    seed: int = 0,
) -> Sequences:
    """Graphs of paths that do not meet, and a node whose path's end is asked for.

    Args:
        longest, shortest: arrows on the way; of none a path ends where it begins.
        each: graphs of each number of arrows.
        nodes: of a graph, up to 26.
        paths: that all nodes lie on; as many as may be guessed among.
        seed: decides the graphs, those of each number of arrows apart.

    Raises:
        UsageError: there are too few nodes for a way as long, or fewer than two numbers of arrows.
    """
    check_whole(longest=longest, each=each)
    check_whole(least=0, shortest=shortest)
    check_whole(least=2, paths=paths, nodes=nodes)
    if nodes > MOST or longest > nodes - paths:
        raise UsageError(
            f"{nodes} nodes on {paths} paths hold ways of up to {max(nodes - paths, 0)} arrows, "
            f"and nodes are letters, {MOST} at most; longest={longest} needs other numbers."
        )
    if longest <= shortest:
        raise UsageError(
            f"chains needs two numbers of arrows; longest={longest} is not above "
            f"shortest={shortest}."
        )
    every = range(shortest, longest + 1)
    pairs = [chains(generator(seed, "chains", k), each, k, nodes, paths) for k in every]
    source, target = (
        Ragged.of([row for part in side for row in part]) for side in zip(*pairs, strict=True)
    )
    return sequences_of(
        source, target, words(nodes), name="chains", factors={"hops": np.repeat(every, each)},
        environment="hops",
    )  # fmt: skip
