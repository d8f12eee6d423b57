r"""Label shift: classes look the same everywhere but are not equally frequent.

.. math:: P_e(y = 1) = \pi_e, \quad x \,|\, y \sim N(\pm \tfrac{s}{2} u, I)

with :math:`u` the first axis and :math:`s` the separation of the classes.

*Learner*: the Bayes rule of the mixture of training environments. Within any mixture the
posterior is logistic in :math:`x`, with slope :math:`s u` and intercept the log odds of the mean
prior :math:`\bar\pi`; logistic regression and linear discriminant analysis therefore reach it. It
says class 1 above the threshold :math:`t = \log((1 - \bar\pi) / \bar\pi) / s` along :math:`u`,
and errs in e at the rate

.. math:: \pi_e \Phi(t - \tfrac{s}{2}) + (1 - \pi_e) \Phi(-t - \tfrac{s}{2}).

*Estimand*: ``unseen`` has :math:`\bar\pi` the mean prior of the others, ``reference`` the mean
prior of all, e included. The cost of unseen is never negative, for e's own prior pulls the mean
towards it by one part in K. With the default priors, which average to one half, the reference errs
alike everywhere and nearly the whole gap is cost. (Saerens et al. 2002,
https://doi.org/10.1162/089976602753284446, adjust for all of the shift without labels of e.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logit, ndtr

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import Family, distinct, exact, number_name, position

PRIORS = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class LabelShift(Family):
    """The family and its exact risks.

    Attributes:
        priors: frequency of class 1, one per environment.
        separation: distance between the class means, in standard deviations.
        features: number of features; only the first tells the classes apart.
    """

    priors: tuple[float, ...] = PRIORS
    separation: float = 2.0
    features: int = 2

    def __post_init__(self) -> None:
        distinct(self.priors, "priors")
        if not all(0 < prior < 1 for prior in self.priors):
            raise UsageError(f"priors must lie between 0 and 1; got {self.priors}.")
        if self.separation <= 0 or self.features < 1:
            raise UsageError("label-shift needs a positive separation and at least one feature.")

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names: the priors."""
        return tuple(number_name(prior) for prior in self.priors)

    def threshold(self, prior: float) -> float:
        """Return where on the first feature the Bayes rule for a prior begins to say class 1."""
        return float(-logit(prior) / self.separation)

    def risk(self, threshold: float, environment: str | float) -> float:
        """Return the exact error rate, in an environment, of a threshold on the first feature."""
        prior = self.priors[position(environment, self.names)]
        half = self.separation / 2
        return float(prior * ndtr(threshold - half) + (1 - prior) * ndtr(-threshold - half))

    def learn(self, train: list[int]) -> float:
        """The threshold of the Bayes rule of a mixture."""
        return self.threshold(float(np.mean([self.priors[k] for k in train])))


@suite(
    "label-shift",
    summary="Two Gaussian classes whose frequencies differ by environment; costs known.",
    source="generated; closed forms in the module",
    truth=exact(LabelShift),
)
def label_shift(
    n: int = 500,
    priors: tuple[float, ...] = PRIORS,
    separation: float = 2.0,
    features: int = 2,
    seed: int = 0,
) -> Environments:
    """Draw the label shift.

    Args:
        n: examples per environment.
        priors: frequency of class 1, one per environment.
        separation: distance between the class means, in standard deviations.
        features: number of features.
        seed: decides the draw.

    Returns:
        ``X (K n, features)`` float32, ``y`` 0 or 1; factor ``prior``.
    """
    at_least_one(n)
    family = LabelShift(priors, separation, features)
    rng = np.random.default_rng(seed)
    prior = np.repeat(priors, n)
    y = (rng.random(len(prior)) < prior).astype(np.int64)
    X = rng.standard_normal((len(prior), features))
    X[:, 0] += (y - 0.5) * separation
    return Environments.from_arrays(
        X.astype(np.float32),
        y,
        np.repeat(family.names, n),
        factors={"prior": prior},
        task="classification",
        name="label-shift",
    )
