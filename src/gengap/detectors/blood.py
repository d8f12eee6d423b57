"""BLOOD: how sharply does the network transform this input between its layers?

Training smooths the maps between layers where the training data are, and leaves them as sharp as
they were elsewhere. The sharpness of the map ``f_l`` from layer ``l`` to the next, at an example's
activations, is the squared Frobenius norm of its Jacobian, and the score its mean over layers,

    s(x) = 1/L Σ_l ||J_l(x)||²_F,      ||J||²_F = E ||wᵀ J||²  when  E w wᵀ = 1.

Each ``wᵀ J`` is one pass backwards through one map. The ``m`` directions ``w`` are the columns of a
random orthogonal matrix of the map's output space, scaled to ``E w wᵀ = 1``: less noise than
independent directions, and none for maps with at most ``m`` outputs. They are drawn once and serve
every example, so that scores compare and do not depend on batches.

Source: F. Jelenić, J. Jukić, M. Tutek, M. Puljiz & J. Šnajder, Out-of-distribution detection by
leveraging between-layer transformation smoothness, ICLR 2024, arXiv:2310.02832.

Helps deep networks on simple problems, and where no training data are at hand: it reads none but
for the widths of layers. Hurts shallow ones: a linear map has the same Jacobian everywhere, and a
ReLU layer is sharper the more units are on (with two of them, digits of unseen classes are told
apart at an area under the curve of 0.65 only).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import generator
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, finite
from gengap.models.outputs import Outputs, logits_of


@register_detector(
    "blood",
    summary="squared norm of the Jacobians between layers",
    paper=Paper(
        "Out-of-distribution detection by leveraging between-layer transformation smoothness",
        "Jelenić, Jukić, Tutek, Puljiz, Šnajder",
        2024,
        "https://arxiv.org/abs/2310.02832",
    ),
    needs=("logits", "layers", "tail"),
    cost="as many passes backwards as there are directions",
)
@dataclass(frozen=True)
class Blood(Detector):
    """Between-layer transformation smoothness."""

    directions: int = hyperparameter(16, 1, 128, log=True, help="directions per map, at most")
    seed: int = hyperparameter(0, 0, 0, help="of the random directions")

    def fit(self, train: Outputs) -> Fitted:
        """Draw the directions for each map; training examples give only the layers' widths."""
        _check_maps(train)
        widths = [layer.shape[1] for layer in train.layers[1:]] + [logits_of(train).shape[1]]
        return {
            f"directions_{number}": directions(width, int(self.directions), self.seed, number)
            for number, width in enumerate(widths)
        }

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Mean over the maps of the squared Frobenius norm of their Jacobian."""
        _check_maps(outputs)

        def sharpness(chunk: Outputs) -> Tensor:
            maps = zip(chunk.tail, chunk.layers, strict=True)
            norms = [
                squared_norm(function, layer, fitted[f"directions_{number}"])
                for number, (function, layer) in enumerate(maps)
            ]
            return finite(torch.stack(norms).mean(0))

        return by_examples(sharpness, outputs)


def directions(width: int, most: int, seed: int, number: int) -> Tensor:
    """Orthogonal directions ``(min(most, width), width)`` with mean outer product 1.

    Args:
        width: outputs of the map.
        most: directions wanted; there are no more orthogonal ones than outputs.
        seed: of the draw.
        number: which map, so that each draws its own.
    """
    gaussian = generator(seed, "blood", number).standard_normal((width, min(most, width)))
    columns, triangle = np.linalg.qr(gaussian)
    columns *= np.sign(np.diag(triangle))
    rows = np.ascontiguousarray(columns.T) * math.sqrt(width)
    return torch.from_numpy(rows).float()


def squared_norm(function: Callable[[Tensor], Tensor], at: Tensor, along: Tensor) -> Tensor:
    """Squared Frobenius norm ``(n,)`` of a map's Jacobian at rows ``(n, d)``, in float64.

    Args:
        function: the map, rows ``(n, d)`` to rows ``(n, w)``, differentiable.
        at: ``(n, d)``.
        along: ``(k, w)`` directions; their mean outer product 1 makes the mean unbiased.
    """
    with torch.inference_mode(False), torch.enable_grad():
        total = torch.zeros(len(at), dtype=torch.float64)
        start = bounded(at).clone().requires_grad_()
        end = function(start)
        for direction in along.clone():  # inference tensors would not do
            # Rows of a batch do not meet inside the map, so one sum serves them all.
            (pulled,) = torch.autograd.grad((end @ direction).sum(), start, retain_graph=True)
            total += pulled.double().square().sum(1)
        return total / len(along)


def _check_maps(outputs: Outputs) -> None:
    if not outputs.layers or len(outputs.tail) != len(outputs.layers):
        raise UsageError(
            "This detector needs the model's hidden layers and the maps between them, which were "
            f"not given ({len(outputs.layers)} layers, {len(outputs.tail)} maps)."
        )
