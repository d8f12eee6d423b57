"""Tokens that are met when scored and never in training: how many, in how many pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gengap.base.errors import Caveat, listing

if TYPE_CHECKING:
    from gengap.sequences.problem import Sequences

SHOWN = 5


def said_of_strange_tokens(
    problem: Sequences, splits: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[str]:
    """What training never saw of the tokens it is asked about, in a sentence; none if it saw all.

    Args:
        splits: rows trained on and rows scored as unseen, of each split.
    """
    strange: set[int] = set()
    read, lost, asked = 0, 0, 0
    for trained, scored in splits:
        known = problem.prepare(trained)
        sides = [side.only(scored) for side in (problem.source, problem.target)]
        found = [~known[side.values] for side in sides]
        for side, new in zip(sides, found, strict=True):
            strange.update(np.unique(side.values[new]).tolist())
        in_source, in_target = (
            len(np.unique(side.owners[new])) for side, new in zip(sides, found, strict=True)
        )
        read, lost, asked = read + in_source, lost + in_target, asked + len(scored)
    if not strange:
        return []
    words = listing([repr(problem.vocabulary[code]) for code in sorted(strange)], SHOWN)
    number = f"{len(strange):,} of {len(problem.vocabulary.words):,} tokens"
    parts = []
    if read:
        parts.append(f"{read:,} of {asked:,} unseen sources have one, read as unknown")
    if lost:
        parts.append(
            f"{lost:,} of {asked:,} unseen targets have one, which a model that never saw it "
            "cannot be expected to say"
        )
    return [
        Caveat(
            f"Training never sees {number} that unseen pairs have ({words}): {'; '.join(parts)}."
        )
    ]
