"""Forecasts from how steady the answers are when features are dropped.

A model that has learnt what matters gives the same answer when some of its features are switched
off; in an environment it does not understand, answers flip. The stability of a classifier is

    share of (example, mask) pairs with   answer(mask * features) = answer(features),

each mask keeping a feature with probability ``1 - rate`` and scaling it by ``1 / (1 - rate)``, so
that its expectation stays. Stability is no accuracy: a line fitted over environments with labels
(:mod:`gengap.questions.forecasting.lines`) turns one into the other, so it needs several, and
environments that differ in accuracy by more than their noise.

Source: Y. Yang et al., Bounding box stability against feature dropout reflects detector
generalization across environments, arXiv 2403.13803 (2024), who match the boxes of a detector with
and without dropout; here the match of two boxes is that of two classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

Answer = Callable[[np.ndarray], np.ndarray]


def dropout_stability(
    answer: Answer, features: ArrayLike, rate: float = 0.5, masks: int = 8, seed: int = 0
) -> float:
    """Share of answers that feature dropout leaves as they are.

    Args:
        answer: maps features ``(m, d)`` to class codes ``(m,)``; called ``masks + 1`` times.
        features: ``(m, d)`` inputs, or inputs of a network's last layer; 0 must mean "nothing".
        rate: probability that a feature is dropped, between 0 and 1.
        masks: independent masks per example.
        seed: decides the masks.

    Raises:
        UsageError: a rate outside 0..1, no masks, or features without rows.
    """
    values = np.asarray(features)
    if values.ndim != 2 or 0 in values.shape:
        raise UsageError(f"features must have shape (examples, features), not {values.shape}.")
    if not 0 < rate < 1 or masks < 1:
        raise UsageError(
            f"rate is {rate} and masks {masks}; give a rate between 0 and 1 and at least one mask."
        )
    draw = generator(seed, "dropout stability")
    whole = answer(values)
    kept = [
        np.mean(answer(values * (draw.random(values.shape) >= rate) / (1 - rate)) == whole)
        for _ in range(masks)
    ]
    return float(np.mean(kept))
