r"""Functions in context as suites: families, functions and scales that training did not see.

What one layer of linear attention learns of linear functions of ``d`` inputs, ``L`` points seen,
is known exactly. With inputs of variance :math:`s^2`, weights of variance :math:`1/d` and noise
:math:`\sigma` it says :math:`\hat y = g\, x \cdot \frac1L \sum_j x_j y_j`, and as
:math:`E[\hat S] = s^2 I`, :math:`E[\hat S^2] = s^4 (1 + \frac{d+1}L) I` for
:math:`\hat S = \frac1L \sum_j x_j x_j^T`, its squared error is

.. math:: s^2 (1 - g s^2)^2 + g^2 s^6 \frac{d+1}L + g^2 s^4 \frac{d \sigma^2}L + \sigma^2,

which over an even mixture of scales is least at
:math:`g = \sum s^4 / \sum (s^6 (1 + \frac{d+1}L) + s^4 \frac{d \sigma^2}L)`. At one scale this is
theorem 4.1 of Zhang et al. 2024 (arXiv:2306.09927).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.errors import UsageError, check_whole
from gengap.base.seeds import generator
from gengap.environments.suites import suite
from gengap.environments.suites.truth import Family, distinct, exact, position
from gengap.sequences.prompts import Prompts, prompts_of
from gengap.sequences.tasks.functions import prompts, weights_of

SOURCE = "generated: functions in context after Garg et al. 2022, https://arxiv.org/abs/2208.01066"
FAMILIES = "linear", "quadratic", "cubic"
SCALES = 0.5, 1.0, 1.5, 2.0
INPUTS, POINTS, NOISE = 2, 9, 0.2
KNOWN, NEW = "train", "test"


@dataclass(frozen=True)
class Scales(Family):
    """Linear functions seen through one layer of linear attention; see the module.

    Attributes:
        scales: of the inputs, one an environment.
        inputs: ``d``.
        points: ``L + 1``.
        noise: σ.
    """

    scales: tuple[float, ...] = SCALES
    inputs: int = INPUTS
    points: int = POINTS
    noise: float = NOISE

    @property
    def names(self) -> tuple[str, ...]:
        """``"scale 0.5"`` and so on."""
        return tuple(f"scale {scale:g}" for scale in self.scales)

    def learn(self, train: list[int]) -> float:
        """The step size g."""
        s = np.array([self.scales[k] for k in train])
        seen = self.points - 1
        spread = 1 + (self.inputs + 1) / seen
        cost = s**6 * spread + s**4 * self.inputs * self.noise**2 / seen
        return float((s**4).sum() / cost.sum())

    def risk(self, learnt: float, environment: str) -> float:
        """Squared error at the last point with a step size."""
        s, seen = self.scales[position(environment, self.names)], self.points - 1
        chance = learnt**2 * s**4 / seen * (s**2 * (self.inputs + 1) + self.inputs * self.noise**2)
        return s**2 * (1 - learnt * s**2) ** 2 + chance + self.noise**2


@suite(
    "in-context-scales",
    summary="Linear functions told by points, whose inputs are larger than in training.",
    source=SOURCE,
    default_splits="hold-out:scale 2",
    truth=exact(Scales),
)
def in_context_scales(
    n: int = 4000,
    scales: tuple[float, ...] = SCALES,
    inputs: int = INPUTS,
    points: int = POINTS,
    noise: float = NOISE,
    seed: int = 0,
) -> Prompts:
    """Linear functions, the scale of whose inputs is the environment; the last value is asked for.

    Args:
        n: prompts of each scale.
        scales: of the inputs.
        inputs: of a function.
        points: of a prompt, with the one that is asked about.
        noise: deviation of the values' noise.
        seed: decides everything drawn.
    """
    _checked(n, inputs, points, noise)
    distinct(scales, "scales")
    drawn = []
    for scale in scales:
        draw = generator(seed, "in-context-scales", scale)
        weights = weights_of(draw, "linear", n, inputs)
        drawn.append(
            prompts(draw, "linear", weights, points, inputs=inputs, noise=noise, scale=scale)
        )
    x, y = (np.concatenate(part) for part in zip(*drawn, strict=True))
    return prompts_of(
        x, y, np.repeat([f"scale {scale:g}" for scale in scales], n), every=False,
        factors={"scale": np.repeat(scales, n)}, name="in-context-scales", kind="scale",
        model="linear-attention",
    )  # fmt: skip


@suite(
    "in-context-families",
    summary="Functions told by points, of families some of which training did not see.",
    source=SOURCE,
)
def in_context_families(
    n: int = 6000,
    families: tuple[str, ...] = FAMILIES,
    inputs: int = INPUTS,
    points: int = POINTS,
    noise: float = NOISE,
    every: bool = True,
    seed: int = 0,
) -> Prompts:
    """Functions of several families, each an environment; every prompt has one of its own.

    Args:
        n: prompts of each family.
        families: ``linear``, ``quadratic``, ``cubic``, ``first`` or ``second`` (input alone), or
            sums such as ``linear+cubic``.
        inputs: of a function.
        points: of a prompt.
        noise: deviation of the values' noise.
        every: whether each point's value is asked for, given those before it, or only the last.
        seed: decides everything drawn.
    """
    _checked(n, inputs, points, noise)
    drawn = []
    for family in families:
        draw = generator(seed, "in-context-families", family)
        weights = weights_of(draw, family, n, inputs)
        drawn.append(prompts(draw, family, weights, points, inputs=inputs, noise=noise))
    x, y = (np.concatenate(part) for part in zip(*drawn, strict=True))
    return prompts_of(
        x, y, np.repeat(families, n), every=every, factors={}, name="in-context-families",
        kind="family",
    )  # fmt: skip


@suite(
    "in-context-tasks",
    summary="Linear functions told by points, learnt in context from few functions or from many.",
    source=SOURCE,
    default_splits="column:part",
)
def in_context_tasks(
    n: int = 10000,
    tasks: int = 64,
    inputs: int = INPUTS,
    points: int = POINTS,
    noise: float = NOISE,
    every: bool = True,
    seed: int = 0,
) -> Prompts:
    """Linear functions: prompts of a number of them to train on, and prompts of new ones.

    Args:
        n: prompts of each part.
        tasks: functions that the part ``train`` is made of; those of ``test`` are all different.
        inputs: of a function.
        points: of a prompt.
        noise: deviation of the values' noise.
        every: whether each point's value is asked for, given those before it, or only the last.
        seed: decides everything drawn; fewer functions are the first of more.
    """
    _checked(n, inputs, points, noise)
    check_whole(tasks=tasks)
    draw = generator(seed, "in-context-tasks")
    known = weights_of(generator(seed, "known"), "linear", tasks, inputs)
    number = np.concatenate([draw.integers(tasks, size=n), tasks + np.arange(n)])
    weights = np.concatenate([known, weights_of(draw, "linear", n, inputs)])[number]
    x, y = prompts(draw, "linear", weights, points, inputs=inputs, noise=noise)
    part = np.repeat([KNOWN, NEW], n)
    return prompts_of(
        x, y, part, every=every, factors={"part": part, "task": number}, name="in-context-tasks",
        kind="part",
    )  # fmt: skip


def _checked(n: int, inputs: int, points: int, noise: float) -> None:
    check_whole(n=n, inputs=inputs)
    check_whole(2, points=points)
    if not noise > 0:
        raise UsageError(
            f"The noise of values must be above 0, not {noise:g}; use for example 0.2."
        )
