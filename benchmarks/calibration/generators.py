"""Simulated scores with a known truth, many studies at a time.

    score_mes = a_e + shift_m + own_me + common_ms + rest_mes

of method ``m`` in environment ``e`` under seed ``s``: what an environment does to all methods, how
much better a method is on average, what an environment does to one method, what a seed does to one
method in all environments (one model trained per method and seed, scored on all of them), and the
rest. Every part but the first is drawn anew for each method, in a shape of its own where unlike
methods are asked for; :data:`SHAPES` have mean 0 and variance 1, so a study's truth is ``shift``
whatever their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

COLLAPSE = 0.1
"""How often a method of the shape "collapse" fails altogether."""


def _normal(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=size)


def _skewed(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return 1 - rng.exponential(size=size)


def _heavy(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return rng.standard_t(4, size=size) / np.sqrt(2)


def _lognormal(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    mean, deviation = np.exp(0.5), np.sqrt((np.e - 1) * np.e)
    return (mean - rng.lognormal(size=size)) / deviation


def _collapse(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Nearly always a little above the mean, in a tenth of cases far below it."""
    lost = rng.random(size) < COLLAPSE
    deep = np.where(lost, COLLAPSE - 1, COLLAPSE) / np.sqrt(COLLAPSE * (1 - COLLAPSE))
    return np.sqrt(0.9) * deep + np.sqrt(0.1) * rng.normal(size=size)


SHAPES: dict[str, Draw] = {
    "normal": _normal,
    "heavy tails": _heavy,
    "skewed": _skewed,
    "lognormal": _lognormal,
    "collapse": _collapse,
}


def scores(
    rng: np.random.Generator,
    size: tuple[int, int, int, int],
    *,
    own: float = 1.0,
    common: float = 0.0,
    rest: float = 1.0,
    shift: Sequence[float] = (),
    shapes: Sequence[str] = ("normal",),
    scales: Sequence[float] = (1.0,),
) -> np.ndarray:
    """Scores ``(studies, methods, environments, seeds)``.

    Args:
        rng: random numbers.
        size: the shape of what is returned.
        own: standard deviation of what an environment does to one method.
        common: that of what a seed does to a method in all environments.
        rest: that of a single score about these.
        shift: how much better than 0 the first methods are; the others are 0.
        shapes: of the parts of the first methods; the last one given goes for the others.
        scales: of the same, by which all their parts are multiplied.
    """
    studies, methods, environments, seeds = size
    found = np.empty(size)
    everyone = 3 * rng.normal(size=(studies, environments, 1))
    for m in range(methods):
        draw = SHAPES[shapes[min(m, len(shapes) - 1)]]
        parts = (
            own * draw(rng, (studies, environments, 1))
            + common * draw(rng, (studies, 1, seeds))
            + rest * draw(rng, (studies, environments, seeds))
        )
        better = shift[m] if m < len(shift) else 0.0
        found[:, m] = everyone + better + scales[min(m, len(scales) - 1)] * parts
    return found
