"""Functions of signs where a part of the cube was never seen: as low a degree as can be.

E. Abbe et al., Learning to reason with neural networks (arXiv 2205.13647): where one sign is frozen
in training, the error over the whole cube is half the mean square that changing this sign makes,
its influence. E. Abbe et al., Generalization on the unseen (arXiv 2301.13105): what networks say on
an unseen part is near the interpolator of minimum degree. Here the first three signs' parity and
majority, and a pointer of two signs to four; perceptrons begun at 0.3 of the usual size, which was
settled on draw 100, where at the usual size a parity's error was 21% off its influence. A random
sum of products, whose values are no signs, was 37% off there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.lone_runs import lone_runs, lone_study
from gengap.environments.suites import load_suite
from gengap.models.networks import MLP
from gengap.models.subnetworks import Subnetwork
from gengap.statistics.boolean_functions import influence, minimum_degree
from gengap.training.tables import Tables

FROZEN = Paper(
    "Learning to reason with neural networks: generalization, unseen data and Boolean measures",
    "Abbe, Bengio, Cornacchia, Kleinberg, Lotfi, Raghu, Zhang",
    2022,
    "https://arxiv.org/abs/2205.13647",
)
UNSEEN = Paper(
    "Generalization on the unseen, logic reasoning and degree curriculum",
    "Abbe, Bengio, Lotfi, Rizk",
    2023,
    "https://arxiv.org/abs/2301.13105",
)
FUNCTIONS = ("parity", "majority", "pointer")
BITS, STEPS, BATCH, WIDTHS, SCALE = 10, 2000, 128, (64, 64, 64), 0.3
Part = Literal["bit", "corner"]


def frozen_bit(draw: int, store: str) -> float:
    """0.1 minus the largest relative error of an influence as what half the error is."""
    off = []
    for function in FUNCTIONS:
        said, true, _, seen = _answered(draw, store, function, "bit")
        errors = (said - true) ** 2
        half = (errors[seen].mean() + errors[~seen].mean()) / 2 / 2
        values = load_suite("boolean", bits=BITS, function=function).y
        off.append(abs(half / influence(values, 0) - 1))
    return float(0.1 - max(off))


def least_degree(draw: int, store: str) -> float:
    """Twofold distances to the function in one to the interpolator, beyond the first; the least."""
    found = []
    for function in FUNCTIONS:
        said, true, least, seen = _answered(draw, store, function, "corner")
        far, near = (np.mean((said - other)[~seen] ** 2) for other in (true, least))
        found.append(np.log2(far / near) - 1)
    return float(min(found))


@lru_cache(maxsize=64)
def _answered(
    draw: int, store: str, function: str, unseen: Part
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of inputs not trained on: what a network says, what is true, what least degree says, and
    which are of the seen part, ``(n,)`` each."""
    data = load_suite("boolean", bits=BITS, function=function, unseen=unseen)
    study = lone_study(
        Tables.of(data), [{"erm": {"learning_rate": 1e-3, "weight_decay": 0.0}}],
        model=Subnetwork(MLP(WIDTHS), SCALE), splits="column:part", seeds=[draw], steps=STEPS,
        batch=BATCH, checkpoints=None,
    )  # fmt: skip
    ((run,),) = lone_runs(study, store)
    seen = ~run.cell.held_out
    return run.said, data.y[run.rows], minimum_degree(data.y, seen)[run.rows], seen[run.rows]


_SETTING = (
    "parity and majority of three signs of ten, and a pointer; perceptrons of three layers of 64 "
    "begun at 0.3 of the usual size, 2,000 steps"
)
CLAIMS = (
    Claim(
        "frozen-bit-influence",
        FROZEN,
        389,
        "Where a sign was frozen in training, half the squared error is its influence",
        "0.1 minus the relative difference of half the mean squared error over the cube and the "
        "influence, the largest of three functions",
        _SETTING,
        frozen_bit,
        5,
    ),
    Claim(
        "least-degree-unseen",
        UNSEEN,
        705,
        "On an unseen part of the cube networks say what the interpolator of least degree says, "
        "not what the function does",
        "twofold mean squared distances to the function in one to the interpolator, minus 1, the "
        "least of three functions, a quarter of the cube unseen",
        _SETTING,
        least_degree,
        5,
    ),
)
