"""Signals: ten classes of one-dimensional curves, in the manner of MNIST-1D.

MNIST-1D (Greydanus and Kobak 2020, https://arxiv.org/abs/2011.14439) is small enough to train on in
seconds and still tells linear models, fully connected networks and convolutions apart. Its recipe:
a template of twelve points per class, padded with zeros, scaled, translated, sheared, noised and
sampled down to forty points. This is our own implementation with templates of our own, so scores
are like MNIST-1D's but not comparable in detail: with 3,200 training examples of all shears,
logistic regression scores about 0.35, a network of two layers of 100 about 0.75, a small
convolutional network 0.87.

An example of class c with padding P, translation k, scale a, shear s and noise level v is made so:

1. the twelve points of the class's template, multiplied by a = 1 + 0.4 * normal (at least 0.2);
2. P zeros added behind, P drawn from 36..60, and the whole rolled by k steps round the end;
3. forty points sampled evenly over the 12 + P, interpolated linearly: as P varies, curves are
   stretched differently;
4. a straight line added that rises by s from the first of the forty points to the last;
5. normal noise added, smoothed over neighbouring points, of standard deviation v.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import distinct

LENGTH = 40
POINTS = 12
CLASSES = 10
PADDING = (36, 60)
TRANSLATION_STEP = 12


def templates(seed: int = 0) -> np.ndarray:
    """Return ten smooth random curves ``(10, 12)`` of mean square 1.

    Of many random curves the ten are chosen one after the other, each as far as possible from
    those already chosen, so that no two classes look alike.
    """
    rng = np.random.default_rng(seed)
    curves = gaussian_filter1d(rng.standard_normal((500, POINTS)), 1.0, axis=1)
    curves /= np.sqrt(np.mean(curves**2, axis=1, keepdims=True))
    chosen = [0]
    while len(chosen) < CLASSES:
        distance = np.linalg.norm(curves[:, None] - curves[chosen], axis=2).min(axis=1)
        chosen.append(int(distance.argmax()))
    return curves[chosen]


def place(curves: np.ndarray, padding: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Pad curves with zeros, roll them to the right round the end, and sample forty points evenly.

    Args:
        curves: ``(n, 12)``.
        padding: ``(n,)`` zeros added to each.
        translation: ``(n,)`` steps by which each is rolled.

    Returns:
        ``(n, 40)``, interpolated linearly from the first padded point to the last.
    """
    placed = np.empty((len(curves), LENGTH))
    for row, (curve, zeros, steps) in enumerate(zip(curves, padding, translation, strict=True)):
        padded = np.roll(np.concatenate([curve, np.zeros(zeros)]), steps)
        where = np.linspace(0, len(padded) - 1, LENGTH)
        placed[row] = np.interp(where, np.arange(len(padded)), padded)
    return placed


@suite(
    "signals",
    summary="Ten classes of one-dimensional curves, by the slope they are sheared to.",
    source="generated in the manner of MNIST-1D, Greydanus and Kobak 2020, "
    "https://arxiv.org/abs/2011.14439",
)
def signals(
    n: int = 800,
    shears: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5, 2.0),
    noises: tuple[float, ...] = (0.05, 0.1, 0.2),
    translation: int = 48,
    template_seed: int = 0,
    seed: int = 0,
) -> Environments:
    """Draw signals; one shear, one environment.

    Args:
        n: examples per shear.
        shears: rise of the added straight line from the first point to the last.
        noises: levels of the noise, drawn evenly.
        translation: signals are moved by 0 to this many steps of the padded length.
        template_seed: decides the ten curves; the same curves for every ``seed``.
        seed: decides all else.

    Returns:
        ``X (n, 1, 40)`` float32, ``y`` the class; factors ``shear``, ``noise`` and
        ``translation`` (the multiple of twelve at or below the steps moved).
    """
    at_least_one(n)
    distinct(shears, "shears")
    if not noises or min(noises) < 0 or translation < 0:
        raise UsageError("noises must hold numbers that are not negative, like translation.")
    rng = np.random.default_rng(seed)
    shear = np.repeat(np.asarray(shears, dtype=float), n)
    total = len(shear)
    y = rng.integers(0, CLASSES, total)
    noise = rng.choice(np.asarray(noises, dtype=float), total)
    moved = rng.integers(0, translation + 1, total)
    padding = rng.integers(PADDING[0], PADDING[1] + 1, total)
    scale = np.maximum(1 + 0.4 * rng.standard_normal(total), 0.2)
    X = place(scale[:, None] * templates(template_seed)[y], padding, moved)
    X += shear[:, None] * np.linspace(-0.5, 0.5, LENGTH)
    X += noise[:, None] * _smooth_noise(total, rng)
    return Environments.from_arrays(
        X[:, None].astype(np.float32),
        y,
        shear,
        factors={
            "shear": shear,
            "noise": noise,
            "translation": moved // TRANSLATION_STEP * TRANSLATION_STEP,
        },
        task="classification",
        name="signals",
    )


def _smooth_noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw noise ``(n, 40)`` of standard deviation 1, correlated over about two points."""
    noise = gaussian_filter1d(rng.standard_normal((n, LENGTH)), 1.0, axis=1, mode="wrap")
    impulse = gaussian_filter1d(np.eye(LENGTH)[0], 1.0, mode="wrap")
    return noise / np.sqrt(np.sum(impulse**2))
