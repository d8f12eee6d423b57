r"""Noise shift: the same inputs and the same relation, but targets that are less sure in places.

.. math:: x \sim N(0, I), \quad y = x_1 + \dots + x_d + \sigma_e \varepsilon

*Learner*: linear regression, with or without intercept. Every mixture of environments has the same
population solution, the true weights, so ``unseen`` and ``reference`` are both
:math:`\sigma_e^2`: the cost of unseen is zero, and the whole gap, :math:`\sigma_e^2` less the mean
of the others, is difficulty that nothing wins back. An explanation that names moved inputs or a
changed relation here is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import Family, distinct, exact, number_name, position

DEVIATIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 1.2)


@dataclass(frozen=True)
class NoiseShift(Family):
    """The family and its exact risks.

    Attributes:
        deviations: standard deviation of the target's noise, one per environment.
        features: number of features.
    """

    deviations: tuple[float, ...] = DEVIATIONS
    features: int = 3

    def __post_init__(self) -> None:
        distinct(self.deviations, "deviations")
        if min(self.deviations) < 0 or self.features < 1:
            raise UsageError(
                "noise-shift needs at least one feature and deviations that are not negative."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names: the deviations."""
        return tuple(number_name(deviation) for deviation in self.deviations)

    def learn(self, train: list[int]) -> np.ndarray:
        """Weights ``(features,)`` of linear regression, alike on every mixture."""
        return np.ones(self.features)

    def risk(self, weights: np.ndarray, environment: str | float) -> float:
        """Return the exact squared error of linear weights ``(features,)`` in an environment."""
        deviation = self.deviations[position(environment, self.names)]
        return float(deviation**2 + np.sum((np.asarray(weights) - 1) ** 2))


@suite(
    "noise-shift",
    summary="Regression whose noise alone differs by environment; unseen costs nothing.",
    source="generated; closed forms in the module",
    truth=exact(NoiseShift),
)
def noise_shift(
    n: int = 500,
    deviations: tuple[float, ...] = DEVIATIONS,
    features: int = 3,
    seed: int = 0,
) -> Environments:
    """Draw the noise shift.

    Args:
        n: examples per environment.
        deviations: standard deviation of the target's noise, one per environment.
        features: number of features.
        seed: decides the draw.

    Returns:
        ``X (K n, features)`` float32, ``y`` real; factor ``noise``.
    """
    at_least_one(n)
    family = NoiseShift(deviations, features)
    rng = np.random.default_rng(seed)
    noise = np.repeat(deviations, n)
    X = rng.standard_normal((len(noise), features))
    return Environments.from_arrays(
        X.astype(np.float32),
        X.sum(axis=1) + noise * rng.standard_normal(len(noise)),
        np.repeat(family.names, n),
        factors={"noise": noise},
        task="regression",
        name="noise-shift",
    )
