"""Gram deviations: correlations between units that no training example of the class has shown.

For a layer with activations f the Gram matrix of order p is G_ij = f_i^p f_j^p, and what is kept of
it is one value per unit, the signed p-th root of its row's sum:

    g_i = root_p( f_i^p sum_j f_j^p ),      p = 1 ... P;

higher orders attend to the strongest units. Over the training examples that the model puts into
class c each value has a smallest and a largest, l and h. A new example put into c deviates by

    0 between l and h,     (l - g) / |l| below,     (g - h) / |h| above,

summed over units and orders. Layers are added after division by their mean deviation on a tenth of
the training examples, which is kept out of l and h.

In the source layers are maps with many positions; here, as for vectors, each layer has one. There
the matrix has rank one and all orders would coincide entry by entry, but not the sums by rows. A
bound near 0 is not divided by: 1% of the layer's mean |g| stands in, lest a unit that was dead in
training decide alone.

Helps with strangers that reach a confident class by an unusual path through the layers. Hurts with
few training examples per class, whose extremes are not yet those of the class, and with a single
narrow layer. Costs memory in classes times units times orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.clipping import reach
from gengap.models.outputs import Outputs, logits_of

LEAST_SHARE = 0.01
VALUES = 1 << 20


def row_sums(activations: Tensor, order: int) -> Tensor:
    """Signed root of the row sums of the Gram matrix of an order, ``(n, d)`` for ``(n, d)``."""
    largest = activations.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    sums = (activations / largest).pow(order).sum(1, keepdim=True)
    rows = activations.abs() * largest * sums.abs().pow(1 / order)
    return rows * sums.sign() * (activations.sign() if order % 2 else 1)


def extremes(values: Tensor, classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest of ``values (n, d)`` per class, ``(C, d)`` each; overall if unseen.

    Args:
        values: ``(n, d)``.
        classes: ``(n,)`` predicted class codes below ``count``.
        count: ``C``, classes that the model knows, seen here or not.
    """
    index = classes[:, None].expand_as(values)
    overall = (values.amin(0), values.amax(0))
    low, high = (
        bound.expand(count, -1).clone().scatter_reduce(0, index, values, how, include_self=False)
        for bound, how in zip(overall, ("amin", "amax"), strict=True)
    )
    return low, high


def layers_of(outputs: Outputs) -> tuple[Tensor, ...]:
    """Hidden layers, or a usage error."""
    if not outputs.layers:
        raise UsageError("This detector needs the model's hidden layers, which were not given.")
    return outputs.layers


@register_detector(
    "gram",
    summary="how far correlations between units leave the range seen for the predicted class",
    paper=Paper(
        "Detecting out-of-distribution examples with Gram matrices",
        "Sastry, Oore",
        2020,
        "https://arxiv.org/abs/1912.12510",
    ),
    needs=("layers", "logits"),
    cost="some ten operations per unit and order",
)
@dataclass(frozen=True)
class Gram(Detector):
    """Sum over layers of the deviations of the Gram matrices' row sums."""

    orders: int = hyperparameter(5, 1, 10, limit=20, help="orders of the Gram matrices, 1 to this")

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Bounds per layer, class, order and unit, and each layer's usual deviation."""
        layers, logits = layers_of(train), logits_of(train)
        if len(logits) < 2:
            raise UsageError(f"gram needs at least 2 training examples; it got {len(logits)}.")
        classes, count = logits.argmax(1), logits.shape[1]
        order = torch.from_numpy(generator(0, "gram, held out").permutation(len(classes)))
        held_out, kept = order.tensor_split([max(len(order) // 10, 1)])
        fitted: Fitted = {}
        for layer, activations in enumerate(layers):
            bounds = [
                (*extremes(values[kept], classes[kept], count), LEAST_SHARE * values.abs().mean())
                for values in (row_sums(activations, p) for p in range(1, self.orders + 1))
            ]
            low, high, least = (torch.stack(part) for part in zip(*bounds, strict=True))
            fitted |= {
                f"{layer} low": low.transpose(0, 1).contiguous(),
                f"{layer} high": high.transpose(0, 1).contiguous(),
                f"{layer} least": torch.where(least > 0, least, 1.0)[:, None],
                f"{layer} limit": reach(activations),
            }
            usual = self.deviation(fitted, layer, activations[held_out], classes[held_out]).mean()
            fitted[f"{layer} usual"] = torch.where(usual > 0, usual, 1.0)
        return fitted

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Sum over layers of the deviation, 1 per layer for a usual example."""
        layers, classes = layers_of(outputs), logits_of(outputs).argmax(1)
        return torch.stack(
            [
                self.deviation(fitted, layer, activations, classes) / fitted[f"{layer} usual"]
                for layer, activations in enumerate(layers)
            ]
        ).sum(0)

    def deviation(self, fitted: Fitted, layer: int, rows: Tensor, classes: Tensor) -> Tensor:
        """Deviation ``(n,)`` of one layer's activations ``(n, d)`` from their classes' bounds."""
        low, high, least, limit = (
            fitted[f"{layer} {part}"] for part in ("low", "high", "least", "limit")
        )
        block = max(1, VALUES // low[0].numel())
        parts = []
        for some, chosen in zip(rows.split(block), classes.split(block), strict=True):
            some = some.clamp(-float(limit), float(limit))
            values = torch.stack([row_sums(some, p) for p in range(1, self.orders + 1)], 1)
            below, above = low[chosen], high[chosen]
            under = (below - values).clamp_min_(0) / below.abs().maximum(least)
            over = (values - above).clamp_min_(0) / above.abs().maximum(least)
            parts.append((under + over).sum((1, 2)))
        return torch.cat(parts)
