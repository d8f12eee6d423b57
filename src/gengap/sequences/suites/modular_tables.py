"""Tables of modular arithmetic as suites: a random share of all pairs is left unseen.

Networks fit such a table long before they answer pairs that they have not seen, and do that only
where weights decay and enough of the table is trained on: ``gengap curves`` draws both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.modular import SIGNS, Operation, table

LEAST = 3


def _registered(operation: Operation, summary: str) -> Callable[..., Sequences]:
    def made(p: int = 31, share: float = 0.9, seed: int = 0) -> Sequences:
        """All pairs of one table, and for each whether a run may train on it.

        Args:
            p: numbers are below it.
            share: of the pairs whose ``part`` is ``train``; a run trains on three fifths of them
                and keeps two apart.
            seed: decides which pairs these are.

        Raises:
            UsageError: fewer than three numbers, or a share that leaves one part without a pair.
        """
        if p < LEAST:
            raise UsageError(f"A table modulo {p} is too small; use p={LEAST} or more.")
        source, target = table(operation, p)
        kept = round(share * len(source)) if 0 < share < 1 else 0
        if not 5 <= kept <= len(source) - 5:
            raise UsageError(
                f"A share of {share:g} of {len(source):,} pairs does not leave five in each part; "
                "take a share nearer to a half, or a larger p."
            )
        part = np.full(len(source), "test", object)
        part[generator(seed, "modular", operation, p).permutation(len(source))[:kept]] = "train"
        return sequences_of(
            Ragged.of(list(source)),
            Ragged.of(list(target)),
            (*map(str, range(p)), SIGNS[operation]),
            name=f"modular-{operation}",
            factors={"first": source[:, 0], "second": source[:, 2], "part": part},
            environment="part",
        )

    return suite(
        f"modular-{operation}",
        summary=summary,
        source="generated: all pairs below a prime, after Power et al. 2022",
        default_splits="column:part",
    )(made)


modular_addition = _registered("addition", "Add two numbers modulo 31, of a part of all pairs.")
modular_subtraction = _registered("subtraction", "Subtract modulo 31, of a part of all pairs.")
modular_multiplication = _registered("multiplication", "Multiply modulo 31, of a part of all.")
modular_division = _registered("division", "Divide modulo 31, of a part of all pairs.")
modular_squares = _registered("squares", "Add two squares modulo 31, of a part of all pairs.")
