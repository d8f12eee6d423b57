r"""Covariate shift: the same relation everywhere, inputs that lie elsewhere.

.. math:: x \sim N(\mu_e, 1), \quad y = x + c\,x^2 + \sigma_e \varepsilon

The noise grows evenly from the first environment to the last, so some environments are harder.

*Learner*: linear regression with intercept on the one feature.

*Well specified* (:math:`c = 0`, the default): every mixture of environments has the same
population solution, the true line. ``unseen`` and ``reference`` are both :math:`\sigma_e^2`: the
cost of unseen is zero, and the whole gap, :math:`\sigma_e^2` less the mean of the others, is
difficulty. A study that reports a cost here is wrong.

*Misspecified* (:math:`c \ne 0`): on a mixture S the best line to :math:`x^2` has slope
:math:`b = (M_3 - M_1 M_2) / (M_2 - M_1^2)` and intercept :math:`a = M_2 - b M_1`, where
:math:`M_k` is the mean over S of the raw moments of :math:`N(\mu, 1)`: :math:`m_1 = \mu`,
:math:`m_2 = \mu^2 + 1`, :math:`m_3 = \mu^3 + 3\mu`, :math:`m_4 = \mu^4 + 6\mu^2 + 3`. Its risk in
e is :math:`\sigma_e^2 + c^2 E_e[(x^2 - a - b x)^2]`, a polynomial in the moments of e. Now having
seen e moves the line towards it, and the cost of unseen is positive at the ends
(Shimodaira 2000, https://doi.org/10.1016/S0378-3758(00)00115-4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import Family, distinct, exact, number_name, position

MEANS = (-1.5, -0.9, -0.3, 0.3, 0.9, 1.5)
NOISE = (0.3, 0.8)


@dataclass(frozen=True)
class CovariateShift(Family):
    """The family and its exact risks.

    Attributes:
        means: of the input, one per environment.
        curvature: of the target; 0 makes linear regression the right model.
        noise: standard deviation of the target's noise in the first environment and in the last.
    """

    means: tuple[float, ...] = MEANS
    curvature: float = 0.0
    noise: tuple[float, float] = NOISE

    def __post_init__(self) -> None:
        distinct(self.means, "means")
        if min(self.noise) < 0:
            raise UsageError(f"noise must not be negative; got {self.noise}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names: the means."""
        return tuple(number_name(mean) for mean in self.means)

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviation of the noise in each environment, ``(K,)``."""
        return np.linspace(self.noise[0], self.noise[1], len(self.means))

    def learn(self, train: list[int]) -> tuple[float, float]:
        """Intercept and slope of population least squares on the environments at some positions."""
        m1, m2, m3, _ = np.mean([_moments(self.means[k]) for k in train], axis=0)
        slope = (m3 - m1 * m2) / (m2 - m1**2)
        intercept = m2 - slope * m1
        return float(self.curvature * intercept), float(1 + self.curvature * slope)

    def risk(self, line: tuple[float, float], environment: str | float) -> float:
        """Return the exact squared error of ``(intercept, slope)`` in an environment."""
        k = position(environment, self.names)
        m1, m2, m3, m4 = _moments(self.means[k])
        # The error is c x^2 + b x + a before noise.
        a, b, c = -line[0], 1 - line[1], self.curvature
        bias = c**2 * m4 + 2 * b * c * m3 + (b**2 + 2 * a * c) * m2 + 2 * a * b * m1 + a**2
        return float(self.deviations[k] ** 2 + bias)


def _moments(mean: float) -> np.ndarray:
    """First four raw moments of a normal variable of variance 1, ``(4,)``."""
    return np.array([mean, mean**2 + 1, mean**3 + 3 * mean, mean**4 + 6 * mean**2 + 3])


@suite(
    "covariate-shift",
    summary="Regression whose inputs move and get noisier; unseen costs a linear model nothing.",
    source="generated; closed forms in the module",
    truth=exact(CovariateShift),
)
def covariate_shift(
    n: int = 500,
    means: tuple[float, ...] = MEANS,
    curvature: float = 0.0,
    noise: tuple[float, float] = NOISE,
    seed: int = 0,
) -> Environments:
    """Draw the covariate shift.

    Args:
        n: examples per environment.
        means: of the input, one per environment.
        curvature: of the target; other than 0, linear models are misspecified and pay.
        noise: standard deviation in the first environment and in the last.
        seed: decides the draw.

    Returns:
        ``X (K n, 1)`` float32, ``y`` real; factors ``mean`` and ``noise``.
    """
    at_least_one(n)
    family = CovariateShift(means, curvature, noise)
    rng = np.random.default_rng(seed)
    mean, deviation = np.repeat(means, n), np.repeat(family.deviations, n)
    x = mean + rng.standard_normal(len(mean))
    y = x + curvature * x**2 + deviation * rng.standard_normal(len(mean))
    return Environments.from_arrays(
        x[:, None].astype(np.float32),
        y,
        np.repeat(family.names, n),
        factors={"mean": mean, "noise": deviation},
        task="regression",
        name="covariate-shift",
    )
