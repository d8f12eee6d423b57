"""Functions of signs of which a part of the cube is left unseen.

``unseen=bit`` leaves unseen whatever has −1 at the first place, so that in training it is always 1;
``unseen=corner`` whatever has −1 at the first two. What is wrong about the unseen part follows from
the function alone where a model extends what it saw by as low a degree as can be: for a frozen bit
half of the mean squared error over the whole cube is the influence of that bit
(:mod:`gengap.statistics.boolean_functions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from gengap.base.cube import cube
from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.environments.core import Environments
from gengap.environments.suites import suite

Function = Literal["parity", "majority", "pointer", "sparse"]
LEAST, MOST = 6, 14
TERMS = 6


@suite(
    "boolean",
    summary="A function of signs, a part of the cube left unseen: a frozen bit, or a corner.",
    source="generated: all inputs, after Abbe et al. 2022 and 2023",
    default_splits="column:part",
)
def boolean(
    bits: int = 10,
    function: Function = "pointer",
    unseen: Literal["bit", "corner"] = "bit",
    degree: int = 3,
    seed: int = 0,
) -> Environments:
    """All inputs of a function of signs, and for each whether a run may train on it.

    The factor ``hamming_weight`` says how many signs of an input are -1.

    Args:
        bits: how many signs an input has, 6 to 14.
        function: ``parity`` of the first ``degree`` signs, ``majority`` of these, ``pointer``, the
            sign to which the first two point, one of the four that follow, or ``sparse``, a sum of
            six products of one to three signs with normal coefficients, half of them with the
            first.
        unseen: the part left unseen.
        degree: signs of a parity or a majority, for which it is odd.
        seed: decides the sparse function.

    Raises:
        UsageError: too few bits for the functions, too many to list all inputs, or a degree that
            the function cannot have.
    """
    if not LEAST <= bits <= MOST:
        raise UsageError(f"Functions of signs are of {LEAST} to {MOST} bits here, not {bits}.")
    if not 1 <= degree <= bits or (function == "majority" and degree % 2 == 0):
        raise UsageError(
            f"A {function} of {degree} of {bits} signs is not defined; a degree is from 1 to the "
            "number of bits, odd for a majority."
        )
    x = cube(bits)
    hidden = x[:, 0] == -1
    if unseen == "corner":
        hidden &= x[:, 1] == -1
    part = np.where(hidden, "test", "train").astype(object)
    return Environments.from_arrays(
        # As signals of one channel: a sign that is frozen is not standardised away.
        x[:, None].astype(np.float32),
        _OF[function](x, degree, seed).astype(np.float64),
        part,
        task="regression",
        factors={"part": part, "hamming_weight": (x < 0).sum(1)},
        name=f"boolean-{function}",
    )


def _pointer(x: np.ndarray, degree: int, seed: int) -> np.ndarray:
    place = 2 + (x[:, 0] < 0) + 2 * (x[:, 1] < 0)
    return x[np.arange(len(x)), place]


def _sparse(x: np.ndarray, degree: int, seed: int) -> np.ndarray:
    draw = generator(seed, "sparse boolean function")
    found = np.zeros(len(x))
    for term in range(TERMS):
        others = draw.choice(np.arange(1, x.shape[1]), size=1 + term % 3, replace=False)
        if term < TERMS // 2:
            others[0] = 0
        found += draw.standard_normal() * x[:, others].prod(1)
    return found


_OF: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "parity": lambda x, degree, seed: x[:, :degree].prod(1),
    "majority": lambda x, degree, seed: np.sign(x[:, :degree].sum(1)),
    "pointer": _pointer,
    "sparse": _sparse,
}
