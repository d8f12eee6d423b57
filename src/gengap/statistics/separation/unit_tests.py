"""Synthetic inputs that any detector should find strange, as unit tests of detectors.

A detector that ranks natural strangers well can still accept a blank image or plain noise, since
a network's confidence extends to regions it never saw. Each test makes inputs of the same shape
out of training inputs, in their own unit and range:

    constant    every number of an example is one and the same value
    uniform     independent uniform noise between each column's (pixel's) least and largest value
    gaussian    independent normal noise with each column's (pixel's) mean and spread
    blobs       the training histogram of values on smooth random shapes (images and signals)
    permuted    an example's own pixels in random order; in tables every number comes from another
                example, so columns keep their distribution and lose their dependence
    scaled      examples ten times as far from the mean example
    rotated     examples turned by 90 degrees (square images)

A detector passes where it flags most of them at the threshold that flags 5% of new inliers.

Sources: J. Bitterwolf, M. Mueller & M. Hein, In or out? Fixing ImageNet out-of-distribution
detection evaluation, ICML 2023; D. Ulmer & G. Cina, Know your limits: uncertainty estimation with
ReLU classifiers fails at reliable OOD detection, UAI 2021.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from gengap.base.errors import UsageError
from gengap.base.seeds import generator

FALSE_ALARMS = 0.05
SMOOTHING = 0.12  # width of the blobs' kernel as a share of the image's


def unit_tests(inputs: ArrayLike, examples: int = 100, seed: int = 0) -> dict[str, np.ndarray]:
    """Strange inputs ``(examples, ...)`` float32 by the name of the test.

    Args:
        inputs: ``(n, ...)`` training inputs: tables ``(n, d)``, signals ``(n, c, length)``, images
            ``(n, c, h, w)``; NaN (missing) is passed over.
        examples: how many per test.
        seed: decides what is drawn.

    Raises:
        UsageError: fewer than 2 inputs, or no numbers in them.
    """
    x = np.asarray(inputs, np.float32)
    if x.ndim < 2 or len(x) < 2 or not np.isfinite(x).any():
        raise UsageError(
            "Unit tests are made from at least 2 training inputs (n, ...) of numbers; got "
            f"{x.shape}."
        )
    rng = generator(seed, "detector unit tests")
    chosen = x[rng.integers(len(x), size=examples)]
    tests = {
        "constant": _constant(x, examples, rng),
        "uniform": _uniform(x, examples, rng),
        "gaussian": _gaussian(x, examples, rng),
        "permuted": _permuted(x, chosen, rng),
        "scaled": _centre(x) + 10 * (chosen - _centre(x)),
    }
    if x.ndim > 2:
        tests["blobs"] = _blobs(x, examples, rng)
    if x.ndim == 4 and x.shape[2] == x.shape[3]:
        tests["rotated"] = np.rot90(chosen, axes=(2, 3))
    return {name: np.ascontiguousarray(made, np.float32) for name, made in tests.items()}


def threshold(
    calibration: ArrayLike,
    false_alarms: float = FALSE_ALARMS,
    cluster: np.ndarray | None = None,
) -> float:
    """The score above which to flag, so that a new inlier is flagged with at most that chance.

    It is the ``ceil((n + 1)(1 - false_alarms))``-th smallest of ``n`` calibration scores, the
    conformal quantile, which holds on average over calibration sets; infinite where ``n`` is too
    small for the rate. Of ``C`` clusters that are exchangeable with a new inlier's, each counts
    once, by the share of its scores above the threshold: these shares may add up to
    ``false_alarms (C + 1) - 1`` (Y. Lee, R. F. Barber, R. Willett, Distribution-free inference with
    hierarchical data, arXiv 2306.06342).

    Args:
        calibration: ``(n,)`` scores.
        false_alarms: the chance.
        cluster: ``(n,)`` codes of the scores that belong together; None where none do.

    Raises:
        UsageError: a chance that is none.
    """
    scores = np.asarray(calibration, np.float64)
    if not 0 < false_alarms < 1:
        raise UsageError(f"The false-alarm rate must lie between 0 and 1, not {false_alarms}.")
    codes = np.arange(len(scores)) if cluster is None else cluster
    _, code, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    room = false_alarms * (len(sizes) + 1) - 1 + 1e-9
    if room < 0:
        return np.inf
    order = np.argsort(-scores, kind="stable")
    added = np.cumsum(1 / sizes[code[order]])
    # The highest scores that fit lie above the threshold; those tied with it do not.
    fitting = int(np.searchsorted(added, room, side="right"))
    return float(scores[order[fitting]])


def _centre(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.nan_to_num(np.nanmean(_known(x), axis=0)))


def _known(x: np.ndarray) -> np.ndarray:
    """The inputs, with columns that are never known set to 0 so that they have a mean."""
    return np.where(np.isnan(x).all(axis=0), np.float32(0), x)


def _constant(x: np.ndarray, examples: int, rng: np.random.Generator) -> np.ndarray:
    value = rng.uniform(np.nanmin(x), np.nanmax(x), size=(examples, *(1,) * (x.ndim - 1)))
    return np.broadcast_to(value, (examples, *x.shape[1:]))


def _uniform(x: np.ndarray, examples: int, rng: np.random.Generator) -> np.ndarray:
    x = _known(x)
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    if x.ndim > 2:  # a pixel that is always blank has the range of its channel
        axes = tuple(range(1, x.ndim - 1))
        low = np.broadcast_to(low.min(axes, keepdims=True), low.shape)
        high = np.broadcast_to(high.max(axes, keepdims=True), high.shape)
    return rng.uniform(low, high, size=(examples, *x.shape[1:]))


def _gaussian(x: np.ndarray, examples: int, rng: np.random.Generator) -> np.ndarray:
    spread = np.nanstd(_known(x), axis=0)
    return _centre(x) + spread * rng.standard_normal((examples, *x.shape[1:]))


def _permuted(x: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if x.ndim == 2:
        rows = rng.integers(len(x), size=chosen.shape)
        return np.take_along_axis(x, rows, axis=0)
    flat = chosen.reshape(*chosen.shape[:2], -1)
    order = rng.random((len(flat), 1, flat.shape[2])).argsort(axis=2)
    return np.take_along_axis(flat, order, axis=2).reshape(chosen.shape)


def _blobs(x: np.ndarray, examples: int, rng: np.random.Generator) -> np.ndarray:
    """Smoothed noise whose values are replaced, rank by rank, by those of training examples."""
    width = [0, 0, *(SMOOTHING * size for size in x.shape[2:])]
    smooth = ndimage.gaussian_filter(
        rng.standard_normal((examples, *x.shape[1:])), width, mode="wrap"
    )
    flat = smooth.reshape(examples, x.shape[1], -1)
    source = _known(x)[rng.integers(len(x), size=examples)].reshape(flat.shape)
    ranks = flat.argsort(axis=2).argsort(axis=2)
    return np.take_along_axis(np.sort(source, axis=2), ranks, axis=2).reshape(smooth.shape)
