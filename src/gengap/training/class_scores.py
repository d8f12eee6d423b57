"""Scores of classes as the records keep them: of two one column, of more one for each.

Where there are probabilities these are log-odds and logarithms, which keep their digits near 0 and
1 in half precision; otherwise what the estimator decides by, which orders examples alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST = 60_000.0  # of float16, with room


def half(scores: np.ndarray) -> np.ndarray:
    """Scores ``(n, k)`` as float16; those too large for it are all made smaller alike."""
    finite = np.abs(scores[np.isfinite(scores)])
    largest = float(finite.max(initial=0.0))
    # A power of two changes no digit.
    shrunk = scores if largest <= LARGEST else np.ldexp(scores, -int(np.frexp(largest)[1]) + 15)
    return shrunk.astype(np.float16)


def of_probabilities(probability: np.ndarray) -> np.ndarray:
    """Scores of probabilities ``(n, C)``: ``(n, 1)`` log-odds of two classes, else logarithms."""
    with np.errstate(divide="ignore"):
        logs = np.log(probability.astype(np.float64))
    if logs.shape[1] != 2:
        return half(logs)
    with np.errstate(invalid="ignore"):  # where neither has any
        return half(
            np.nan_to_num(logs[:, 1:] - logs[:, :1], nan=0.0, posinf=np.inf, neginf=-np.inf)
        )


def of_decisions(model: Any, X: Any, classes: int) -> np.ndarray | None:
    """Scores of an estimator's decision function; None where it has no column for each class.

    Args:
        model: fitted; its ``classes_`` are codes.
        X: ``n`` examples.
        classes: how many there are, some perhaps unknown to the model.
    """
    values = np.asarray(model.decision_function(X), dtype=np.float64)
    known = np.asarray(model.classes_).astype(np.int64)
    if values.ndim == 1 or values.shape[1] == 1:
        values = np.stack([-values.ravel(), values.ravel()], 1)
        values = values if len(known) == 2 else values[:, : len(known)]
    if values.shape[1] != len(known):
        return None
    if classes == 2:
        return half(values[:, 1:] if len(known) == 2 else np.zeros((len(values), 1)))
    found = np.full((len(values), classes), values.min() - 1)
    found[:, known] = values
    return half(found)
