"""Temperature scaling: the maximum softmax probability after the confidence has been calibrated.

Networks trained to the end are surer than they are right. Dividing all logits by one temperature
``T`` keeps the predictions and repairs the confidence; ``T`` minimises the log-loss on examples
with known classes. In ``b = 1 / T`` that loss is convex, with slope and curvature

    Σ_i  E_p[z_i] - E_t[z_i],        Σ_i  Var_p[z_i],        p = softmax(b z_i),

found by Newton's method inside a bracket. The target ``t`` is Platt's: the true class gets
``(n + 1) / (n + C)`` and each other class ``1 / (n + C)``, without which a model that makes no
mistake on these examples would be sent to ``T = 0``. Then ``s(x) = 1 - max_c softmax(z(x) / T)_c``.

Helps where probabilities are read as such, and changes the order of examples too, with more than
two classes. Hurts when fitted on the examples the model was trained on: they flatter it, ``T``
comes out too small; fit on held-out ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import NUMBERS, by_rows
from gengap.detectors.tools.softmax import HUGE, class_logits, error_chance
from gengap.models.outputs import Outputs, labels_of

COLDEST, HOTTEST = 0.01, 100.0


@register_detector(
    "temperature",
    summary="one minus the largest probability, after calibrating the confidence",
    paper=Paper(
        "On calibration of modern neural networks",
        "Guo, Pleiss, Sun, Weinberger",
        2017,
        "https://arxiv.org/abs/1706.04599",
    ),
    needs=("logits", "labels"),
    cost="a pass over the logits",
)
@dataclass(frozen=True)
class Temperature(Detector):
    """One minus the largest softmax probability at the fitted temperature."""

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Find the temperature, ``{"temperature": ()}``, between 0.01 and 100."""
        logits, labels = class_logits(train), labels_of(train)
        if len(labels) == 0 or bool((labels == labels[0]).all()):
            raise UsageError(
                "A temperature needs training examples of at least two classes; there are fewer."
            )
        return {"temperature": torch.tensor(1 / inverse_temperature(logits, labels))}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Calibrated chance of being wrong, ``(n,)``."""
        temperature = fitted["temperature"]
        return by_rows(lambda logits: error_chance(logits / temperature), class_logits(outputs))


def inverse_temperature(logits: Tensor, labels: Tensor, steps: int = 60) -> float:
    """The ``b`` that minimises the smoothed log-loss of ``softmax(b z)``.

    Args:
        logits: ``(n, C)``, the module's ``z``.
        labels: ``(n,)`` class codes, of two classes at least.
        steps: Newton's steps or halvings at most; the loss is convex in ``b``.
    """
    low, high, at = 1 / HOTTEST, 1 / COLDEST, 1.0
    for _ in range(steps):
        slope, curvature = _derivatives(logits, labels, at)
        low, high = (low, at) if slope > 0 else (at, high)
        step = at - slope / curvature if curvature > 0 else math.inf
        # Outside the bracket Newton's step is not to be trusted; its middle, in logarithm, is.
        following = step if low < step < high else math.sqrt(low * high)
        if slope == 0 or abs(following - at) <= 1e-9 * at:
            break
        at = following
    return at


def _derivatives(logits: Tensor, labels: Tensor, at: float) -> tuple[float, float]:
    """Slope and curvature of the loss at ``b = at``, in double precision, block by block."""
    n, classes = logits.shape
    spare = 1 / (n + classes)
    slope = curvature = 0.0
    rows = max(1, NUMBERS // classes)
    for z, y in zip(logits.split(rows), labels.split(rows), strict=True):
        z = z.double().clamp(-HUGE, HUGE)
        z -= z.amax(1, keepdim=True)
        p = (at * z).softmax(1)
        mean = (p * z).sum(1)
        true = z.gather(1, y[:, None])[:, 0]
        target = (1 - classes * spare) * true + spare * z.sum(1)
        slope += float((mean - target).sum())
        curvature += float((p * (z - mean[:, None]).square()).sum())
    return slope, curvature
