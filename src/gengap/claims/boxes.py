"""Whether a network that is told where the object is keeps to it when backgrounds change.

S. Rao et al., Using explanations to guide models (arXiv 2303.11932): guided by the energy of its
attributions within boxes, a network keeps to objects, does better where backgrounds shift, and
boxes of one example in a hundred are enough. A digit of 8 x 8 pixels lies somewhere on 12 x 12; the
pixels around it are half as bright as a pattern, which in training is the class's own in 19 of 20
images and elsewhere anyone's. Guided and plain training take equal steps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, measured
from gengap.environments.core import Environments

PAPER = Paper(
    "Using explanations to guide models",
    "Rao, Böhle, Parchami-Araghi, Schiele",
    2023,
    "https://arxiv.org/abs/2303.11932",
)
CLASSES, SIDE, OWN = 5, 12, 0.95
HERE, THERE = 1000, 500  # images, in training and elsewhere
MODEL, STEPS, ALL, FEW = "mlp(128,128)", 600, 1.0, 0.01


def all_boxes(draw: int, store: str) -> float:
    """Accuracy elsewhere, guided by all boxes minus plain."""
    found = _scores(draw, store, ALL)
    return float(found["guidance"] - found["erm"])


def few_boxes(draw: int, store: str) -> float:
    """Accuracy elsewhere, guided by one box in a hundred minus plain."""
    found = _scores(draw, store, FEW)
    return float(found["guidance"] - found["erm"])


@lru_cache(maxsize=32)
def _scores(draw: int, store: str, share: float) -> Any:
    """Accuracy elsewhere by method."""
    table = measured(
        with_boxes(draw, share), ["erm", "guidance"], "hold-out:elsewhere", draw, store,
        model=MODEL, steps=STEPS, selection="last-step",
    )  # fmt: skip
    return table.score_unseen


def with_boxes(draw: int, share: float) -> Environments:
    """Digits on patterns, with the boxes of a share of them."""
    images, digit, rng = digits(draw, salt="claims about boxes")
    pool = np.flatnonzero(digit < CLASSES)
    parts = pool[: len(pool) * 2 // 3], pool[len(pool) * 2 // 3 :]
    rows = np.concatenate(
        [rng.choice(part, n) for part, n in zip(parts, (HERE, THERE), strict=True)]
    )
    y, where = digit[rows], np.repeat(["here", "elsewhere"], [HERE, THERE])
    patterns = rng.random((CLASSES, SIDE, SIDE)) / 2
    own = (where == "here") & (rng.random(len(y)) < OWN)
    X = patterns[np.where(own, y, rng.integers(CLASSES, size=len(y)))]
    boxes = np.zeros(X.shape, bool)
    corners = rng.integers(SIDE - 8 + 1, size=(len(y), 2))
    for k, (down, right) in enumerate(corners):
        X[k, down : down + 8, right : right + 8] = images[rows[k]]
        boxes[k, down : down + 8, right : right + 8] = True
    boxes[rng.random(len(y)) >= share] = False
    data = Environments.from_arrays(
        X[:, None].astype(np.float32), y, where, task="classification", name="digits on patterns"
    )
    return data.guided_by(boxes[:, None])


_SETTING = (
    "digits on patterns that go with the class in 95% of training and nowhere else; "
    f"{MODEL}, {STEPS} steps"
)
CLAIMS = (
    Claim(
        "guided-networks-keep-to-objects",
        PAPER,
        161,
        "Guided by boxes, a network does better where backgrounds shift",
        "accuracy elsewhere, guided by all boxes minus plain",
        _SETTING,
        all_boxes,
        6,
    ),
    Claim(
        "few-boxes-guide",
        PAPER,
        161,
        "Boxes of one example in a hundred are enough to do better where backgrounds shift",
        "accuracy elsewhere, guided by one box in a hundred minus plain",
        _SETTING,
        few_boxes,
        6,
    ),
)
