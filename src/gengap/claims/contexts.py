"""Familiar objects in uncommon settings.

P. Kattakinda & S. Feizi, FOCUS (arXiv 2110.03804). Beside each digit stands a pattern, its setting.
In training 95% of the digits of a class stand beside the pattern that is common for the class, the
others beside any other; all patterns and all digits are familiar.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import answers, digits, halves, train

PAPER = Paper(
    "FOCUS: familiar objects in common and uncommon settings",
    "Kattakinda, Feizi",
    2021,
    "https://arxiv.org/abs/2110.03804",
)
CLASSES, COMMON, APART = 10, 0.95, 500
COLUMNS, NOISE = 2, 0.3  # a pattern is 8 x 2 pixels


def uncommon_settings(draw: int, store: str) -> float:
    """Accuracy in common settings minus accuracy of the same digits in uncommon ones."""
    y, _, common, uncommon = _answered(draw, store)
    return float((common == y).mean() - (uncommon == y).mean())


def errors_by_setting(draw: int, store: str) -> float:
    """Share of errors in uncommon settings that name the setting's class, minus chance."""
    y, setting, _, uncommon = _answered(draw, store)
    wrong = uncommon != y
    return float((uncommon[wrong] == setting[wrong]).mean() - 1 / (CLASSES - 1))


def _answered(draw: int, store: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Classes, uncommon settings, and answers in common and uncommon settings, ``(500,)`` each."""
    images, y, rng = digits(draw)
    patterns = rng.random((CLASSES, 8, COLUMNS))
    other = _others(y, rng)
    setting = np.where(rng.random(len(y)) < COMMON, y, other)
    own = slice(APART, None)
    data = halves(_beside(images[own], patterns[setting[own]], rng), y[own], "digits in settings")
    (model,) = train(data, "mlp", draw, store)
    asked, truth, strange = images[:APART], y[:APART], other[:APART]
    told = [answers(model, _beside(asked, patterns[s], rng)) for s in (truth, strange)]
    return truth, strange, told[0], told[1]


def _others(y: np.ndarray, rng: Any) -> np.ndarray:
    """Another class for each."""
    return np.asarray((y + rng.integers(1, CLASSES, len(y))) % CLASSES)


def _beside(images: np.ndarray, patterns: np.ndarray, rng: Any) -> np.ndarray:
    noisy = patterns + NOISE * rng.standard_normal(patterns.shape)
    return np.concatenate([images, noisy], axis=2)


_SETTING = "digits beside patterns, 95% of a class beside its own; perceptron"
CLAIMS = (
    Claim(
        "uncommon-settings",
        PAPER,
        269,
        "Classifiers do clearly worse on objects in uncommon settings",
        "accuracy in common settings minus accuracy of the same digits in uncommon ones",
        _SETTING,
        uncommon_settings,
    ),
    Claim(
        "errors-by-setting",
        PAPER,
        269,
        "These errors come from the setting",
        "share of errors in uncommon settings that name the setting's class, minus chance (1/9)",
        _SETTING,
        errors_by_setting,
    ),
)
