"""The tasks of the Chomsky hierarchy as suites: each length is an environment.

Trained up to a length and asked beyond it, a network that learnt the rule loses nothing, and one
that learnt something else does. Every length has as many pairs, drawn from a stream of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from gengap.base.errors import check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks import context_free, regular

Generate = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
Score = Literal["exact_match", "token_accuracy"]
SOURCE = "generated: a task of Delétang et al. 2023"


def _registered(
    name: str, generate: Generate, words: str, summary: str
) -> Callable[..., Sequences]:
    def made(
        longest: int = 40,
        each: int = 100,
        shortest: int = 1,
        score: Score = "exact_match",
        seed: int = 0,
    ) -> Sequences:
        """Pairs of one task.

        Args:
            longest, shortest: lengths of the source.
            each: pairs of each length.
            score: of a pair: whether all of it is right, or what share.
            seed: decides the pairs, those of each length apart.
        """
        check_whole(longest=longest, each=each, shortest=shortest)
        pairs = [
            generate(generator(seed, name, length), each, length)
            for length in range(shortest, longest + 1)
        ]
        source, target = (
            Ragged.of([row for part in side for row in part]) for side in zip(*pairs, strict=True)
        )
        return sequences_of(source, target, tuple(words), name=name, score=score)

    splits = "extrapolate:length>20"
    return suite(name, summary=summary, source=SOURCE, default_splits=splits)(made)


even_pairs = _registered(
    "even-pairs", regular.even_pairs, "ab", "Do ab and ba together occur an even number of times?"
)
parity = _registered("parity", regular.parity, "ab", "Is the number of b odd?")
cycle_navigation = _registered(
    "cycle-navigation", regular.cycle_navigation, "01234", "Where do moves on a circle of five end?"
)
reverse = _registered("reverse", context_free.reverse, "ab", "Say a string backwards.")
