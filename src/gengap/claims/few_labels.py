"""Whether strangers among unlabelled inputs are better used than left out, where labels are few.

Z. Li et al., IOMatch (arXiv 2308.13168): with very few labels, a detector of strangers that decides
what to train on throws away much that is of the classes, and it is better to use everything, all
strangers as one class more. Six of ten digits are known, four or five images of each labelled; of
1,000 further images without labels half are of the other four digits, all by the same writers. Both
ways see the same inputs, in as many passes; asked about are further images of the known digits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, trained_here
from gengap.environments.core import Environments

PAPER = Paper(
    "IOMatch: simplifying open-set semi-supervised learning with joint inliers and outliers "
    "utilization",
    "Li, Qi, Shi, Gao",
    2023,
    "https://arxiv.org/abs/2308.13168",
)
KNOWN, EACH, UNLABELLED = 6, 7, 500  # of seven labelled images of a digit three fifths train
MODEL, STEPS = "mlp(128,128)", 600


def used_over_left_out(draw: int, store: str) -> float:
    """Accuracy of IOMatch minus that of OpenMatch."""
    return _accuracy("iomatch-unseen", draw, store) - _accuracy("openmatch-unseen", draw, store)


def used_over_all_alike(draw: int, store: str) -> float:
    """Accuracy of IOMatch minus that of self-training on all unlabelled inputs."""
    return _accuracy("iomatch-unseen", draw, store) - _accuracy("self-training-unseen", draw, store)


@lru_cache(maxsize=64)
def _accuracy(method: str, draw: int, store: str) -> float:
    """On images of the known digits that took no part in training."""
    data, X, y = few_labels(draw)
    model = trained_here(data, method, draw, store, model=MODEL, steps=STEPS)
    said, _ = model.answers(X)
    return float((np.asarray(model.problem.classes)[said] == y.astype(str)).mean())


def few_labels(draw: int) -> tuple[Environments, np.ndarray, np.ndarray]:
    """Labelled and unlabelled images, and ``(n, 1, 8, 8)`` of known digits ``(n,)`` to ask about.

    Strangers are class 6, of which training has none.
    """
    images, digit, rng = digits(draw, salt="claims about few labels")
    known = np.flatnonzero(digit < KNOWN)
    labelled = np.concatenate([known[digit[known] == k][:EACH] for k in range(KNOWN)])
    rest = np.setdiff1d(known, labelled)
    rest = rng.permutation(rest)
    strangers = rng.permutation(np.flatnonzero(digit >= KNOWN))[:UNLABELLED]
    rows = np.concatenate([labelled, rest[:UNLABELLED], strangers])
    where = np.repeat(["labelled", "unlabelled"], [len(labelled), 2 * UNLABELLED])
    data = Environments.from_arrays(
        images[rows, None], np.minimum(digit[rows], KNOWN), where, task="classification",
        name="few labels and strangers",
    )  # fmt: skip
    asked = rest[UNLABELLED:]
    return data, images[asked, None], digit[asked]


_SETTING = (
    "six known digits, about 25 labelled images, 600 unlabelled of which half are other digits; "
    f"{MODEL}, {STEPS} steps"
)
CLAIMS = (
    Claim(
        "strangers-used-not-left-out",
        PAPER,
        661,
        "With few labels, to use strangers as one class beats to detect and leave them out",
        "accuracy on known digits, IOMatch minus OpenMatch",
        _SETTING,
        used_over_left_out,
    ),
    Claim(
        "strangers-used-not-ignored",
        PAPER,
        661,
        "With few labels, to use strangers as one class beats to take them for inliers",
        "accuracy on known digits, IOMatch minus self-training",
        _SETTING,
        used_over_all_alike,
    ),
)
