"""Whether smooth activations make trainings that differ in their seed agree.

G. I. Shamir, D. Lin, L. Coviello, Smooth activations and reproducibility in deep networks (arXiv
2010.09931): rectifiers make networks go apart that were trained alike on the same examples, and
smooth ones less so. Each draw deals scikit-learn's digits into 500 to train on and the rest to be
asked about; networks differ in the seed of their weights and batches alone. Of two networks as
accurate as these are, some answers differ by chance; what counts is the share that differs
(:mod:`gengap.statistics.churn`) in units of that, so that accuracy is no excuse.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import answers, digits, train
from gengap.environments.core import Environments
from gengap.environments.parts import FOLDS
from gengap.statistics.churn import churn

PAPER = Paper(
    "Smooth activations and reproducibility in deep networks",
    "Shamir, Lin, Coviello",
    2020,
    "https://arxiv.org/abs/2010.09931",
)
RECTIFIED, SMOOTH = "mlp(64,64)", "mlp(64,64,activation=smelu)"
KNOWN, STEPS, SEEDS, POINT = 500, 600, 5, 0.005


def fewer_differ(draw: int, store: str) -> float:
    """Churn of rectified networks minus that of smooth ones, each in units of chance."""
    return _trained(draw, store, RECTIFIED)[0] - _trained(draw, store, SMOOTH)[0]


def as_accurate(draw: int, store: str) -> float:
    """Accuracy of smooth networks minus that of rectified ones, plus half a point."""
    return _trained(draw, store, SMOOTH)[1] - _trained(draw, store, RECTIFIED)[1] + POINT


@lru_cache(maxsize=64)
def _trained(draw: int, store: str, model: str) -> tuple[float, float]:
    """Churn in units of chance, and accuracy."""
    images, y, _ = digits(draw, salt="claims about smooth activations")
    seeds = range(SEEDS * draw, SEEDS * (draw + 1))
    models = train(_in_every_part(images[:KNOWN], y[:KNOWN]), model, seeds, store, (STEPS,))
    said = np.stack([answers(one, images[KNOWN:]) for one in models])
    return churn(said, y[KNOWN:], 10).relative, float((said == y[KNOWN:]).mean())


def _in_every_part(X: np.ndarray, y: np.ndarray) -> Environments:
    """Rows once in every part of two environments, so that all seeds train on the same."""
    copy = np.repeat(np.arange(2 * FOLDS), len(y))
    return Environments.from_arrays(
        np.tile(X.reshape(len(y), -1), (2 * FOLDS, 1)), np.tile(y, 2 * FOLDS), copy % 2,
        cluster=copy, task="classification", name="digits in every part",
    )  # fmt: skip


_SETTING = (
    f"{KNOWN} of scikit-learn's digits to train on, the others asked; mlp(64,64) with ReLU or "
    f"SmeLU, {STEPS} steps, {SEEDS} seeds of each"
)
CLAIMS = (
    Claim(
        "smooth-activations-agree",
        PAPER,
        454,
        "Networks with smooth activations differ less between seeds than rectified ones",
        "share of answers that differ in units of that by chance, ReLU minus SmeLU",
        _SETTING,
        fewer_differ,
    ),
    Claim(
        "smooth-activations-are-as-accurate",
        PAPER,
        454,
        "Smooth activations are no less accurate",
        "accuracy, SmeLU minus ReLU, plus half a point",
        _SETTING,
        as_accurate,
    ),
)
