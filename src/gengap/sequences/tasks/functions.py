r"""Functions told by their values at a few points, and what is known of them from these alone.

A function of a family is a random combination of the family's features,

    f(x) = w·φ(x) / √k,    w ~ N(0, I_k),    y = f(x) + σ ε,    x ~ N(0, s² I_d),

with φ the normalised Hermite polynomials of one degree of each input: degree 1 is ``linear``, 2
``quadratic``, 3 ``cubic``; or one input alone, ``first`` or ``second``; ``linear+cubic`` has the
features of both. They are orthonormal at s = 1, so there a function of any family has variance 1,
and none has a part of another unless it shares features with it.

Nothing about the function is known but the points seen. So the best guess at another is exact: of
one family that of a Gaussian process with kernel φ(x)·φ(x')/k, of several the mean of theirs,
weighted by how likely the points are under each (Rasmussen and Williams 2006, chapters 2 and 5).

Source: Garg et al., What can transformers learn in-context? (2022), arXiv:2208.01066.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import softmax

from gengap.base.errors import UsageError, unknown

FAMILIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "quadratic": lambda x: (x**2 - 1) / np.sqrt(2),
    "cubic": lambda x: (x**3 - 3 * x) / np.sqrt(6),
    "first": lambda x: x[..., :1],
    "second": lambda x: x[..., 1:2],
}


def features(family: str, x: np.ndarray) -> np.ndarray:
    """Features ``(..., k)`` of inputs ``(..., d)``, over the root of ``k``.

    Raises:
        UsageError: there is no such family, or inputs are too few for it.

    Example:
        >>> features("linear+quadratic", np.array([3.0]))
        array([2.12132034, 4.        ])
    """
    parts = family.split("+")
    for part in parts:
        if part not in FAMILIES:
            raise unknown(f"There is no family of functions {part!r}", part, list(FAMILIES))
    made = np.concatenate([FAMILIES[part](x) for part in parts], -1)
    if made.shape[-1] == 0:
        raise UsageError(f"Functions of {family} need more inputs than {x.shape[-1]}.")
    return made / np.sqrt(made.shape[-1])


def weights_of(rng: np.random.Generator, family: str, count: int, inputs: int) -> np.ndarray:
    """The weights ``(count, k)`` of as many functions of a family."""
    return rng.standard_normal((count, features(family, np.zeros(inputs)).shape[-1]))


def prompts(
    rng: np.random.Generator,
    family: str,
    weights: np.ndarray,
    points: int,
    *,
    inputs: int,
    noise: float,
    scale: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Points of functions and their values: ``x (n, T, d)`` and ``y (n, T)``.

    Args:
        weights: of the functions, ``(n, k)``.
        points: ``T``, of each.
        noise, scale: σ and s.
    """
    x = scale * rng.standard_normal((len(weights), points, inputs))
    y = np.einsum("ntk,nk->nt", features(family, x), weights)
    return x, y + noise * rng.standard_normal(y.shape)


def best_guess(x: np.ndarray, y: np.ndarray, families: Sequence[str], noise: float) -> np.ndarray:
    """The mean ``(n,)`` of the value at the last point, given those at the points before it.

    Args:
        x: ``(n, T, d)``.
        y: ``(n, T - 1)`` or longer; what lies behind is not looked at.
        families: those that are possible, each as likely as any other before a point is seen.
        noise: σ, above 0.
    """
    found = [_posterior(x, y[:, : x.shape[1] - 1], family, noise) for family in families]
    means, evidence = (np.stack(part, 1) for part in zip(*found, strict=True))
    return np.asarray((softmax(evidence, 1) * means).sum(1))


def _posterior(
    x: np.ndarray, y: np.ndarray, family: str, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean at the last point and logarithm of the density of the points before it, ``(n,)``."""
    made = features(family, x)
    seen, asked = made[:, :-1], made[:, -1]
    spread = seen @ seen.swapaxes(1, 2) + noise**2 * np.eye(seen.shape[1])
    solved = np.linalg.solve(spread, y[..., None])[..., 0]
    mean = np.einsum("nk,ntk,nt->n", asked, seen, solved)
    fit = (y * solved).sum(1) + np.linalg.slogdet(spread)[1]
    return mean, -fit / 2 - y.shape[1] / 2 * np.log(2 * np.pi)
