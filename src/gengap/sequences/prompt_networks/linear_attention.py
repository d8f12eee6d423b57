r"""One layer of attention without a softmax, of which everything can be worked out.

With ``e_j = (x_j, y_j)`` a point seen and ``q = (x, 0)`` the one asked about, it says

    y = 1/L Σ_j (v·e_j) (e_j' K q),    so    y = x' M (1/L) Σ_j x_j y_j

for what matters of ``v`` and ``K``: one step of gradient descent from 0 on the points seen, with a
step size that was learnt. For linear functions and normal inputs the best M is a number times the
identity, which with its error stands in :mod:`gengap.sequences.suites.prompts`.

Helps to know what a trained network should reach. It cannot adapt its step to the inputs it sees,
so it fails where their scale is another; softmax and depth do better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.models.networks import Output, Parameters
from gengap.sequences.parts import uniform
from gengap.sequences.prompt_models import prompt_model
from gengap.sequences.stacked import Stacked


@prompt_model(
    "linear-attention",
    summary="one layer of attention without a softmax, whose best weights are known",
    paper=Paper(
        "Trained transformers learn linear models in-context",
        "Zhang, Frei, Bartlett",
        2024,
        "https://arxiv.org/abs/2306.09927",
    ),
)
@dataclass(frozen=True)
class LinearAttention(Stacked):
    """One layer of attention without a softmax."""

    called: ClassVar[str] = "linear-attention"

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """``agree (d + 1, d)``, K without its last column, and ``value (d + 1, 1)``, v.

        Inputs agree at random and values are passed on, as in Zhang's assumption 3.3: elsewhere
        training may end in a worse minimum, that of an M of rank one.
        """
        inputs = shape[0] - 1
        found = uniform({"agree": ((inputs, inputs), 1 / math.sqrt(shape[0]))}, seed)
        return {
            "agree": torch.cat([found["agree"], torch.zeros(1, inputs)]),
            "value": torch.eye(shape[0])[:, -1:].clone(),
            "offset": torch.zeros(outputs),
        }

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Values at all points or at the last, ``(R, n, T)`` or ``(R, n, 1)``."""
        seen = x.transpose(2, 3)
        points = x.shape[-1]
        every = parameters["offset"].shape[-1] > 1
        asked = torch.arange(points, device=x.device) if every else torch.tensor([points - 1])
        query = torch.einsum("rij,rnqj->rnqi", parameters["agree"], seen[:, :, asked, :-1])
        meets = torch.einsum("rnti,rnqi->rnqt", seen, query)
        before = torch.arange(points, device=x.device) < asked[:, None]
        meets = meets * (before / before.sum(1, keepdim=True).clamp(min=1))
        said = torch.einsum("rnqt,rnti,rio->rnq", meets, seen, parameters["value"])
        return Output(query[:, :, -1], said + parameters["offset"][:, None])
