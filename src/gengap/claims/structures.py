"""What makes a recombined example hard: structures in it that no training example has?

B. Bogin, S. Gupta & J. Berant, Unobserved local structures make compositional generalization hard
(arXiv 2201.05899). Asked of the runs whose commands have their compounds apart
(:mod:`gengap.claims.compounds`): a structure is a verb with its direction, that with how often, or
a phrase with what joins it and its side.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.compounds import APART, study_of
from gengap.environments.local_structures import unobserved
from gengap.statistics.separation.metrics import auroc

PAPER = Paper(
    "Unobserved local structures make compositional generalization hard",
    "Bogin, Gupta, Berant",
    2022,
    "https://arxiv.org/abs/2201.05899",
)


def structures_tell(draw: int, store: str) -> float:
    """How well the number of new structures tells failures from successes, AUROC beyond a half."""
    right, structures, _ = _asked(draw, store)
    return _told(right, structures) - 0.5


def over_length(draw: int, store: str) -> float:
    """How well new structures tell failures minus how well the length of the answer does, AUROC."""
    right, structures, length = _asked(draw, store)
    return _told(right, structures) - _told(right, length)


def _told(right: np.ndarray, by: np.ndarray) -> float:
    return float(auroc(by[right], by[~right]))


def _asked(draw: int, store: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of unseen commands whether they were carried out, new structures, and the answer's length."""
    study = study_of(draw, store, APART)
    found = study.run()
    (cell,) = (cell for cell in study.plan.cells if cell.role == "unseen")
    train = np.concatenate(study.plan.training_rows(cell, draw))
    (scored,) = found.paired.values()
    _, structures = study.problem.constituents()
    rows = scored.example
    return (
        scored.unseen > 0.5,
        unobserved(structures, train)[rows],
        study.problem.target.lengths[rows],
    )


_SETTING = (
    "6,000 commands whose compounds diverge by 0.6 from those of training, a transformer of two "
    "layers of 64 with rotary positions, 1,000 steps"
)
CLAIMS = (
    Claim(
        "structures-tell-failures",
        PAPER,
        310,
        "Examples with local structures that training lacks fail",
        "AUROC of failures on unseen commands by the number of such structures in each, beyond 0.5",
        _SETTING,
        structures_tell,
        5,
    ),
    Claim(
        "structures-over-length",
        PAPER,
        310,
        "They tell better than length does which examples fail",
        "AUROC of failures by the number of such structures minus by the answer's length",
        _SETTING,
        over_length,
        5,
    ),
)
