"""Whether inferring what shifted an input, and taking it back, beats training on shifted inputs.

J. Chen et al., Meta-causal learning for single domain generalization (arXiv 2304.03709): a network
that learned to find the causes of simulated shifts and to reduce them does better in environments
it has not seen than one that is trained on the same simulated shifts. Training is on clean digits;
elsewhere each image is corrupted in one of five ways: noise, blur, contrast, occlusion, pixels.
Both take equal steps, of which one passes three times as often.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, measured
from gengap.environments.core import Environments
from gengap.environments.suites.images import CORRUPTIONS, corrupt

PAPER = Paper(
    "Meta-causal learning for single domain generalization",
    "Chen, Gao, Wu, Luo",
    2023,
    "https://arxiv.org/abs/2304.03709",
)
MODEL, STEPS, ELSEWHERE = "mlp(128,128)", 600, 700


def reduced_over_trained(draw: int, store: str) -> float:
    """Accuracy on corrupted digits, meta-causal learning minus training on simulated shifts."""
    table = measured(
        corrupted(draw), ["simulated-shifts", "meta-causal"], "hold-out:corrupted", draw, store,
        model=MODEL, steps=STEPS, selection="last-step",
    )  # fmt: skip
    return float(table.score_unseen["meta-causal"] - table.score_unseen["simulated-shifts"])


def corrupted(draw: int) -> Environments:
    """Clean digits, and others, each corrupted in one of five ways."""
    images, digit, rng = digits(draw, salt="claims about simulated shifts")
    X = images.copy()
    kinds = [kind for kind in CORRUPTIONS if kind != "clean"]
    drawn = rng.integers(len(kinds), size=len(X))
    for k, kind in enumerate(kinds):
        own = (drawn == k) & (np.arange(len(X)) < ELSEWHERE)
        X[own] = corrupt(images[own], kind, rng)
    where = np.where(np.arange(len(X)) < ELSEWHERE, "corrupted", "clean")
    return Environments.from_arrays(
        X[:, None], digit, where, task="classification", name="corrupted digits"
    )


CLAIMS = (
    Claim(
        "causes-of-shifts-reduced",
        PAPER,
        126,
        "To infer which transformation shifted an input and undo it beats to train on it",
        "accuracy on corrupted digits, meta-causal learning minus augmentation, at equal steps",
        f"scikit-learn's digits, clean in training and corrupted elsewhere; {MODEL}, {STEPS} steps",
        reduced_over_trained,
        6,
    ),
)
