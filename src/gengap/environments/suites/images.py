"""Changes to images, shared by the suites: rotation and corruption of a stack at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate images about their centre, counter-clockwise as displayed.

    The size stays, what turns in from outside is 0, and pixels are interpolated bilinearly
    (``scipy.ndimage.rotate`` with ``order=1``), so values never leave their range. Rotation by 0
    degrees changes nothing; by any other angle it also smooths, as every resampling does.

    Args:
        images: ``(n, h, w)``.
        degrees: the angle.

    Returns:
        ``(n, h, w)`` of the same type.
    """
    return ndimage.rotate(
        images, degrees, axes=(1, 2), reshape=False, order=1, mode="constant", cval=0.0
    )


def _noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise of standard deviation 0.25, kept within 0..1."""
    return np.clip(images + 0.25 * rng.standard_normal(images.shape), 0, 1)


def _blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth with a Gaussian of 1.5 pixels."""
    return ndimage.gaussian_filter(images, sigma=(0, 1.5, 1.5))


def _contrast(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw every pixel towards the mean of its image, to 0.3 of its distance."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + 0.3 * (images - mean)


def _occlusion(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set a square of half the height to 0 at a random place in each image."""
    n, height, width = images.shape
    side = height // 2
    top = rng.integers(0, height - side + 1, n)[:, None, None]
    left = rng.integers(0, width - side + 1, n)[:, None, None]
    row, column = np.arange(height)[:, None], np.arange(width)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    return np.where(inside, 0, images)


def _pixelate(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace blocks of 4 x 4 pixels by their mean; a remainder at the edge stays as it is."""
    n, height, width = images.shape
    rows, columns = height // 4, width // 4
    inner = images[:, : rows * 4, : columns * 4]
    means = inner.reshape(n, rows, 4, columns, 4).mean(axis=(2, 4))
    blocks = images.copy()
    blocks[:, : rows * 4, : columns * 4] = means.repeat(4, axis=1).repeat(4, axis=2)
    return blocks


CORRUPTIONS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "clean": lambda images, rng: images,
    "noise": _noise,
    "blur": _blur,
    "contrast": _contrast,
    "occlusion": _occlusion,
    "pixelate": _pixelate,
}


def corrupt(images: np.ndarray, corruption: str, rng: np.random.Generator) -> np.ndarray:
    """Apply one of :data:`CORRUPTIONS` to images ``(n, h, w)`` with values 0..1."""
    return CORRUPTIONS[corruption](images, rng).astype(images.dtype)
