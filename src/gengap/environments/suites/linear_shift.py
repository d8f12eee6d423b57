r"""Linear shift: a cause that predicts the same everywhere, and a shortcut that does not.

The structural model is ``x_causal -> y -> x_shortcut``. In environment e the target leaves a trace
in the shortcut with strength :math:`\gamma_e` and noise :math:`\tau_e`; nothing else differs.

*Regression*, with :math:`\varepsilon, \eta` standard normal and causal weights :math:`w`:

.. math:: x_c \sim N(0, I), \quad y = w \cdot x_c + \sigma\varepsilon, \quad
          x_s = \gamma_e y + \tau_e \eta

All moments are explicit: :math:`E[x_c x_c^T] = I`, :math:`E[x_c x_s] = \gamma_e w`,
:math:`E[x_s^2] = \gamma_e^2 v + \tau_e^2`, :math:`E[x_c y] = w`, :math:`E[x_s y] = \gamma_e v`
with :math:`v = E[y^2] = |w|^2 + \sigma^2`. Writing :math:`S_e = E[x x^T]` and
:math:`c_e = E[x y]`, weights :math:`\theta` have risk
:math:`v - 2\theta \cdot c_e + \theta^T S_e \theta`, and pooled least squares has the weights
:math:`(\sum_e S_e)^{-1} \sum_e c_e`.

*Classification*, with classes :math:`y = \pm 1` equally frequent: the cause is drawn from the
even mixture of :math:`N(w, I)` and :math:`N(-w, I)`, the class from
:math:`P(y = 1 | x_c) = 1 / (1 + e^{-2 w \cdot x_c})`, and :math:`x_s = \gamma_e y + \tau_e \eta`.
By Bayes' rule :math:`x_c | y \sim N(y w, I)`, so that all features given the class are Gaussian
with mean :math:`y m_e, m_e = (w, \gamma_e)`, and variances :math:`D_e = (1, ..., 1, \tau_e^2)`.
The rule :math:`sign(\theta \cdot x + b)` then errs with probability

.. math:: \tfrac12 \Phi\left(-\frac{\theta \cdot m_e + b}{s}\right)
        + \tfrac12 \Phi\left(-\frac{\theta \cdot m_e - b}{s}\right), \quad
        s^2 = \theta^T D_e \theta.

Least squares on :math:`\pm 1` has :math:`S_e = D_e + m_e m_e^T` and :math:`c_e = m_e`.

In both, :math:`(w, 0)` is the invariant predictor: the best from the causes, the same in every
environment and of the same risk there, whereas the best weights for all features change with
:math:`\gamma_e` (Peters et al. 2016, https://arxiv.org/abs/1501.01332; Arjovsky et al. 2019,
https://arxiv.org/abs/1907.02893).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, ndtr

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import suite
from gengap.environments.suites.drawing import at_least_one
from gengap.environments.suites.truth import Family, exact, position

Task = Literal["classification", "regression"]

STRENGTHS = (1.5, 1.0, 0.5, -1.0)
CAUSAL = (0.8, 0.6)
SHORTCUT_NOISE = (0.5,)


@dataclass(frozen=True)
class LinearShift(Family):
    """The family, its predictors and their exact risks.

    Weights are ordered as the features are: the causal ones, then the shortcut.

    Attributes:
        task: ``"classification"`` (risk: error rate) or ``"regression"`` (risk: squared error).
        causal: weights of the causal features.
        strengths: the shortcut's strength in each environment; negative is reversed.
        shortcut_noise: standard deviation of the shortcut's noise, one for all environments or
            one for each.
        noise: standard deviation of the target's noise; for regression only.
    """

    task: Task = "classification"
    causal: tuple[float, ...] = CAUSAL
    strengths: tuple[float, ...] = STRENGTHS
    shortcut_noise: tuple[float, ...] = SHORTCUT_NOISE
    noise: float = 1.0

    def __post_init__(self) -> None:
        if len(self.shortcut_noise) not in (1, len(self.strengths)):
            raise UsageError(
                f"shortcut_noise has {len(self.shortcut_noise)} values for {len(self.strengths)} "
                "environments; give one, or one for each."
            )
        if min(self.shortcut_noise) <= 0 or self.noise <= 0:
            raise UsageError("shortcut_noise and noise must be positive standard deviations.")
        if len(self.strengths) < 2 or len(set(self.names)) < len(self.names):
            raise UsageError("strengths must describe two or more different environments.")

    @property
    def names(self) -> tuple[str, ...]:
        """Environment names in the order of ``strengths``, e.g. ``"shortcut -1"``."""
        if len(self.shortcut_noise) == 1:
            return tuple(f"shortcut {g:+g}" for g in self.strengths)
        pairs = zip(self.strengths, self.shortcut_noise, strict=True)
        return tuple(f"shortcut {g:+g} noise {t:g}" for g, t in pairs)

    def moments(self, environment: str) -> tuple[np.ndarray, np.ndarray]:
        """Return ``E[x x^T]``, shape (d + 1, d + 1), and ``E[x y]``, shape (d + 1,)."""
        strength, deviation = self._parameters(environment)
        w = np.asarray(self.causal, dtype=float)
        if self.task == "classification":
            mean = np.append(w, strength)
            return np.diag(self._variances(deviation)) + np.outer(mean, mean), mean
        second = np.eye(len(w) + 1)
        second[-1, :-1] = second[:-1, -1] = strength * w
        second[-1, -1] = strength**2 * self._target_power + deviation**2
        return second, np.append(w, strength * self._target_power)

    def invariant(self) -> np.ndarray:
        """Weights ``(d + 1,)`` of the best predictor from the cause alone."""
        return np.append(np.asarray(self.causal, dtype=float), 0.0)

    def pooled(self, train_environments: Sequence[str]) -> np.ndarray:
        """Weights ``(d + 1,)`` of least squares on the even mixture of some environments.

        For classification the targets are -1 and 1; with a single environment these weights point
        in the direction of the best of all rules there.
        """
        second, cross = self._mixture(train_environments)
        return np.linalg.solve(second, cross)

    def shortcut_only(self, train_environments: Sequence[str]) -> np.ndarray:
        """Weights ``(d + 1,)`` of least squares on the mixture from the shortcut alone."""
        second, cross = self._mixture(train_environments)
        return np.append(np.zeros(len(self.causal)), cross[-1] / second[-1, -1])

    def risk(self, weights: np.ndarray, environment: str, intercept: float = 0.0) -> float:
        """Return the exact risk of a linear predictor in an environment.

        Args:
            weights: ``(d + 1,)``.
            environment: one of ``names``.
            intercept: added to the prediction, or to the score whose sign is the class.
        """
        theta = np.asarray(weights, dtype=float)
        if theta.shape != (len(self.causal) + 1,):
            raise UsageError(
                f"weights have shape {theta.shape}; give {len(self.causal)} causal weights and "
                "one for the shortcut."
            )
        second, cross = self.moments(environment)
        if self.task == "regression":
            square = self._target_power - 2 * theta @ cross + theta @ second @ theta
            return float(square + intercept**2)
        _, deviation = self._parameters(environment)
        spread = np.sqrt(theta**2 @ self._variances(deviation))
        if spread == 0:
            return 0.5
        margins = (theta @ cross + np.array([intercept, -intercept])) / spread
        return float(ndtr(-margins).mean())

    def learn(self, train: list[int]) -> np.ndarray:
        """Weights ``(d + 1,)`` of pooled least squares."""
        return self.pooled([self.names[k] for k in train])

    def sample(
        self, n: int, environment: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw ``n`` examples: ``X (n, d + 1)`` float64 and ``y (n,)``, classes as -1 and 1."""
        strength, deviation = self._parameters(environment)
        w = np.asarray(self.causal, dtype=float)
        cause = rng.standard_normal((n, len(w)))
        if self.task == "classification":
            cause += rng.choice([-1.0, 1.0], size=(n, 1)) * w
            y = np.where(rng.random(n) < expit(2 * cause @ w), 1.0, -1.0)
        else:
            y = cause @ w + self.noise * rng.standard_normal(n)
        shortcut = strength * y + deviation * rng.standard_normal(n)
        return np.column_stack([cause, shortcut]), y

    @property
    def _target_power(self) -> float:
        """``E[y^2]``."""
        if self.task == "classification":
            return 1.0
        return float(np.sum(np.square(self.causal)) + self.noise**2)

    def _parameters(self, environment: str) -> tuple[float, float]:
        k = position(environment, self.names)
        deviations = self.shortcut_noise
        return self.strengths[k], deviations[k if len(deviations) > 1 else 0]

    def _variances(self, deviation: float) -> np.ndarray:
        """Variances of the features given the class."""
        return np.append(np.ones(len(self.causal)), deviation**2)

    def _mixture(self, environments: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if not environments:
            raise UsageError("A pooled predictor needs at least one training environment.")
        seconds, crosses = zip(*(self.moments(name) for name in environments), strict=True)
        return np.mean(seconds, axis=0), np.mean(crosses, axis=0)


@suite(
    "linear-shift",
    summary="A cause that predicts the same everywhere, a shortcut that is reversed in one place.",
    source="Gaussian structural model after Arjovsky et al. 2019, https://arxiv.org/abs/1907.02893",
    default_splits="hold-out:shortcut -1",
    truth=exact(LinearShift),
)
def linear_shift(
    n: int = 500,
    task: Task = "classification",
    causal: tuple[float, ...] = CAUSAL,
    strengths: tuple[float, ...] = STRENGTHS,
    shortcut_noise: tuple[float, ...] = SHORTCUT_NOISE,
    noise: float = 1.0,
    seed: int = 0,
) -> Environments:
    """Draw the linear shift.

    Args:
        n: examples per environment.
        task: ``"classification"`` or ``"regression"``.
        causal: weights of the causal features.
        strengths: the shortcut's strength, one per environment.
        shortcut_noise: its noise, one for all environments or one for each.
        noise: the target's noise, for regression.
        seed: decides the draw.

    Returns:
        ``X (K n, d + 1)`` float32, the shortcut last; factors ``strength`` and ``shortcut_noise``.
    """
    at_least_one(n)
    family = LinearShift(task, causal, strengths, shortcut_noise, noise)
    rng = np.random.default_rng(seed)
    drawn = [family.sample(n, name, rng) for name in family.names]
    y = np.concatenate([target for _, target in drawn])
    deviations = np.broadcast_to(shortcut_noise, len(strengths))
    return Environments.from_arrays(
        np.concatenate([features for features, _ in drawn]).astype(np.float32),
        (y > 0).astype(np.int64) if task == "classification" else y,
        np.repeat(family.names, n),
        factors={
            "strength": np.repeat(strengths, n),
            "shortcut_noise": np.repeat(deviations, n),
        },
        task=task,
        name="linear-shift",
    )
