r"""Concept shift: the same inputs, another relation to the target in every environment.

.. math:: x \sim N(0, I), \quad y = (w + \delta_e u) \cdot x + \sigma \varepsilon

with shared weights :math:`w = (1, ..., 1)` and :math:`u` the first axis, so that environments
differ by the offset :math:`\delta_e` of the first weight.

*Learner*: linear regression, with or without intercept. Inputs are distributed alike everywhere,
so on a mixture of environments S the population least squares weights are the mean of theirs,
:math:`w + \bar\delta_S u`, and the risk in e is
:math:`\sigma^2 + (\bar\delta_S - \delta_e)^2`.

*Estimand*: with K environments and :math:`d = \bar\delta_{-e} - \delta_e` the offset missing from
the mean of the others, ``unseen`` is :math:`\sigma^2 + d^2`. When e is one of the K that are
trained on, it pulls the mean a K-th of the way, and ``reference`` is
:math:`\sigma^2 + d^2 ((K - 1) / K)^2`. Hence

.. math:: \text{cost of unseen} = d^2 \, \frac{2K - 1}{K^2},

about :math:`2 d^2 / K`: under concept shift a single predictor cannot serve all, so most of the
gap remains when e has been seen, and counts as difficulty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import Family, distinct, exact, number_name, position

OFFSETS = (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0)


@dataclass(frozen=True)
class ConceptShift(Family):
    """The family and its exact risks.

    Attributes:
        offsets: of the first weight, one per environment.
        features: number of features.
        noise: standard deviation of the target's noise.
    """

    offsets: tuple[float, ...] = OFFSETS
    features: int = 3
    noise: float = 0.5

    def __post_init__(self) -> None:
        distinct(self.offsets, "offsets")
        if self.features < 1 or self.noise < 0:
            raise UsageError(
                "concept-shift needs at least one feature and noise that is not negative."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names: the offsets."""
        return tuple(number_name(offset) for offset in self.offsets)

    def weights(self, offset: float) -> np.ndarray:
        """Weights ``(features,)`` of an environment, or of a mixture by its mean offset."""
        weights = np.ones(self.features)
        weights[0] += offset
        return weights

    def risk(self, weights: np.ndarray, environment: str | float) -> float:
        """Return the exact squared error of linear weights ``(features,)`` in an environment."""
        own = self.weights(self.offsets[position(environment, self.names)])
        return float(self.noise**2 + np.sum((np.asarray(weights) - own) ** 2))

    def learn(self, train: list[int]) -> np.ndarray:
        """Weights ``(features,)`` of linear regression on a mixture."""
        return self.weights(float(np.mean([self.offsets[k] for k in train])))


@suite(
    "concept-shift",
    summary="Regression whose first weight differs by environment; costs known for linear models.",
    source="generated; closed forms in the module",
    truth=exact(ConceptShift),
)
def concept_shift(
    n: int = 500,
    offsets: tuple[float, ...] = OFFSETS,
    features: int = 3,
    noise: float = 0.5,
    seed: int = 0,
) -> Environments:
    """Draw the concept shift.

    Args:
        n: examples per environment.
        offsets: of the first weight, one per environment.
        features: number of features.
        noise: standard deviation of the target's noise.
        seed: decides the draw.

    Returns:
        ``X (K n, features)`` float32, ``y`` real; factor ``offset``.
    """
    at_least_one(n)
    family = ConceptShift(offsets, features, noise)
    rng = np.random.default_rng(seed)
    offset = np.repeat(offsets, n)
    X = rng.standard_normal((len(offset), features))
    y = X.sum(axis=1) + offset * X[:, 0] + noise * rng.standard_normal(len(offset))
    return Environments.from_arrays(
        X.astype(np.float32),
        y,
        np.repeat(family.names, n),
        factors={"offset": offset},
        task="regression",
        name="concept-shift",
    )
