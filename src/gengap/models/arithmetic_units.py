"""Two layers whose weights can be sums and products exactly, and a perceptron beside them.

Of inputs ``x (n, d)`` a first layer says two numbers ``h`` and a second one the answer ``y``,

    nac-sum       h = W₁ x,    y = W₂ h,                    W = tanh(Ŵ) σ(M̂),
    nac-product   h = W₁ x,    y = exp(W₂ log(|h| + ε)),
    nalu          g a + (1 - g) m in either layer, with a and m as above and g = σ(G x),
    nmu           h = W₁ x,    y = Π_i (w_i h_i + 1 - w_i),      -1 <= W₁ <= 1,  0 <= w <= 1,
    mlp           y = v relu(A x + b) + c.

With weights of 0 and 1 all but the last are sums, or products of sums, of some of the inputs, at
any size of these; whether training comes there is a matter of where it starts. Weights of ``nmu``
are drawn towards whole numbers by ``λ Σ min(|w|, 1 - |w|)``, which rises from 0 over the second
half of the training.

Helps where the rule is such a sum or product. Hurts elsewhere. Sources: A. Trask et al. 2018,
arXiv:1808.00508 (NAC, NALU); A. Madsen & A. R. Johansen 2020, arXiv:2001.05016 (NMU).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from torch import Tensor

SMALL = 1e-7
DRAWN_TO_ENDS = 0.1
UNITS = ("nac-sum", "nac-product", "nalu", "nmu", "mlp")
BETWEEN = 2  # numbers that the first layer says


class ArithmeticUnit(RegressorMixin, BaseEstimator):
    """A unit trained by Adam on all rows at once, without any standardisation.

    Args:
        unit: one of :data:`UNITS`.
        steps: of training.
        learning_rate: of Adam.
        hidden: units of the perceptron.
        random_state: of the first weights.
    """

    def __init__(
        self,
        unit: str = "nmu",
        steps: int = 2000,
        learning_rate: float = 0.01,
        hidden: int = 32,
        random_state: int | None = None,
    ) -> None:
        self.unit = unit
        self.steps = steps
        self.learning_rate = learning_rate
        self.hidden = hidden
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> ArithmeticUnit:
        """Train on rows ``X (n, d)`` with values ``y (n,)``."""
        x = torch.as_tensor(np.asarray(X, np.float64))
        wanted = torch.as_tensor(np.asarray(y, np.float64))
        source = torch.Generator().manual_seed(self.random_state or 0)
        self.weights_ = {
            name: value.requires_grad_()
            for name, value in initial(self.unit, x.shape[1], self.hidden, source).items()
        }
        moved = torch.optim.Adam(self.weights_.values(), self.learning_rate)
        for step in range(self.steps):
            moved.zero_grad()
            loss = (said(self.unit, self.weights_, x) - wanted).square().mean()
            if self.unit == "nmu":
                share = max(0.0, 2 * step / self.steps - 1)
                sizes = [w.abs() for w in self.weights_.values()]
                ends = torch.stack([torch.minimum(w, 1 - w).sum() for w in sizes]).sum()
                loss = loss + DRAWN_TO_ENDS * share * ends
            loss.backward()
            moved.step()
            if self.unit == "nmu":
                with torch.no_grad():
                    self.weights_["first"].clamp_(-1, 1)
                    self.weights_["second"].clamp_(0, 1)
        return self

    @torch.no_grad()
    def predict(self, X: Any) -> np.ndarray:
        """Values ``(n,)`` of rows."""
        found = said(self.unit, self.weights_, torch.as_tensor(np.asarray(X, np.float64)))
        return np.nan_to_num(found.numpy(), nan=0.0, posinf=1e9, neginf=-1e9)


def initial(unit: str, inputs: int, hidden: int, source: torch.Generator) -> dict[str, Tensor]:
    """The first weights of a unit, float64."""

    def uniform(*size: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*size, generator=source, dtype=torch.float64)

    if unit == "mlp":
        bound = inputs**-0.5
        return {
            "a": bound * uniform(inputs, hidden),
            "b": bound * uniform(hidden),
            "v": hidden**-0.5 * uniform(hidden, 1),
            "c": torch.zeros(1, dtype=torch.float64),
        }
    if unit == "nmu":
        bound = (6 / (inputs + BETWEEN)) ** 0.5
        first = bound * uniform(inputs, BETWEEN)
        return {"first": first, "second": uniform(BETWEEN, low=0.25, high=0.75)}
    found: dict[str, Tensor] = {}
    for layer, size in (("first", (inputs, BETWEEN)), ("second", (BETWEEN, 1))):
        bound = (6 / sum(size)) ** 0.5
        parts = ("sign", "size", "gate") if unit == "nalu" else ("sign", "size")
        found |= {f"{layer}.{part}": bound * uniform(*size) for part in parts}
    return found


def said(unit: str, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """What a unit says of ``x (n, d)``, ``(n,)``."""
    if unit == "mlp":
        found = (x @ weights["a"] + weights["b"]).relu() @ weights["v"] + weights["c"]
        return found[:, 0]
    if unit == "nmu":
        w = weights["second"]
        return (w * (x @ weights["first"]) + 1 - w).prod(1)
    h = _layer(unit == "nalu", False, weights, "first", x)
    return _layer(unit == "nalu", unit == "nac-product", weights, "second", h)[:, 0]


def _layer(gated: bool, product: bool, weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    w = weights[f"{name}.sign"].tanh() * weights[f"{name}.size"].sigmoid()
    if not gated and not product:
        return x @ w
    multiplied = ((x.abs() + SMALL).log() @ w).exp()
    if not gated:
        return multiplied
    gate = (x @ weights[f"{name}.gate"]).sigmoid()
    return gate * (x @ w) + (1 - gate) * multiplied
