"""Parities that are seen among inputs with few signs flipped before all others.

E. Abbe et al., Generalization on the unseen, logic reasoning and degree curriculum (arXiv
2301.13105): where training goes through supports that grow, inputs with at most one sign flipped,
at most two and so on, networks learn products of many signs more efficiently. Here parities of
four, five and six signs of twelve beside one that is always 1, perceptrons, as many steps with the
curriculum and without. Rate and size are those of the claim about least degrees on the same cube.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.claims.claim import Claim
from gengap.claims.lone_runs import LoneRun, lone_runs, lone_study
from gengap.claims.unseen_cube import UNSEEN
from gengap.environments.suites import load_suite
from gengap.models.networks import MLP
from gengap.training.tables import Tables

BITS, STEPS, BATCH, WIDTHS = 12, 1000, 128, (64, 64, 64)
# One sign more than has to be found: the first is always 1 in training.
DEGREES = (5, 6, 7)
SETTINGS = {"learning_rate": 1e-3, "weight_decay": 0.0}


def curriculum_helps(draw: int, store: str) -> float:
    """Twofold squared errors of plain training in one with the curriculum, mean of the degrees."""
    errors = np.array([_errors(draw, store, degree) for degree in DEGREES])
    return float(np.log2(errors[:, 0] / errors[:, 1]).mean())


@lru_cache(maxsize=64)
def _errors(draw: int, store: str, degree: int) -> tuple[float, float]:
    """Mean squared errors on inputs kept apart, plain and with the curriculum, of two seeds."""
    data = load_suite("boolean", bits=BITS, function="parity", degree=degree)
    study = lone_study(
        Tables.of(data), [{"erm": SETTINGS}, {"degree-curriculum": SETTINGS}],
        model=MLP(WIDTHS), splits="column:part", seeds=[2 * draw, 2 * draw + 1], steps=STEPS,
        batch=BATCH,
    )  # fmt: skip

    def error(run: LoneRun) -> float:
        seen = ~run.cell.held_out[run.rows]
        return float(np.mean((run.said - data.y[run.rows])[seen] ** 2))

    plain, curriculum = (float(np.mean([*map(error, runs)])) for runs in lone_runs(study, store))
    return plain, curriculum


CLAIMS = (
    Claim(
        "degrees-in-turn",
        UNSEEN,
        705,
        "Products of many signs are learnt more efficiently where inputs with few signs flipped "
        "come first",
        "twofold mean squared errors of plain training in one with the curriculum, mean of three "
        "degrees",
        f"parities of four, five and six signs of {BITS}; perceptrons of three layers of 64, "
        f"{STEPS:,} steps of {BATCH}",
        curriculum_helps,
        5,
    ),
)
