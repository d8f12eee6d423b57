"""Whether validation inputs that were changed tell how well a model does where it has not been.

N. Efthymiadis et al., Crafting distribution shifts for validation and training in single source
domain generalization (arXiv 2409.19774): accuracy on a validation set made by augmentations goes
with accuracy in unseen environments far better than accuracy on the validation set as it is. One
environment to train on, clean digits; elsewhere each image is corrupted in one of five ways. Models
are those of six methods, none of which trains on the changes that are validated on, each at four
settings of its hyperparameters.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.simulated import corrupted
from gengap.study.study import Study
from gengap.training.tables import Tables

PAPER = Paper(
    "Crafting distribution shifts for validation and training in single source domain "
    "generalization",
    "Efthymiadis, Tolias, Chum",
    2024,
    "https://arxiv.org/abs/2409.19774",
)
METHODS = ("erm", "mixup", "sam", "flooding", "label-augmentation", "odd-k-out")
MODEL, STEPS, TRIALS = "mlp(64)", 300, 4


def goes_with_unseen(draw: int, store: str) -> float:
    """Rank correlation with unseen accuracy, of validation on changed inputs minus as they are."""
    study = Study(
        Tables.of(corrupted(draw)), METHODS, splits="hold-out:corrupted", seeds=[draw],
        trials=TRIALS, steps=STEPS, model=MODEL, selection="crafted-validation", jobs=1, threads=1,
        checkpoints=f"{STEPS}", store=store, keep_models="none", plain_training=False,
    )  # fmt: skip
    result = study.run()
    (cell,) = result.plan.unseen
    every = [c for own in result.scores.values() for c in own.candidates(cell, draw)]
    plain, changed, unseen = (
        np.array([getattr(c, name) for c in every]) for name in ("validation", "crafted", "unseen")
    )
    return float(spearmanr(changed, unseen)[0] - spearmanr(plain, unseen)[0])


CLAIMS = (
    Claim(
        "crafted-validation-tells-more",
        PAPER,
        60,
        "Validation on augmented inputs goes with unseen accuracy better than as they are",
        "rank correlation with unseen accuracy, of changed validation inputs minus unchanged",
        f"scikit-learn's digits, clean in training and corrupted elsewhere; {len(METHODS)} methods "
        f"with {TRIALS} settings each, {MODEL}, {STEPS} steps",
        goes_with_unseen,
        6,
    ),
)
