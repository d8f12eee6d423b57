"""A small transformer on points and values in turn, ``x_1 y_1 x_2 y_2 ... x_T``.

At each ``x`` it has seen all points before and none of their successors, and says ``y`` there; so
one pass trains it on prompts of every length up to ``T``. A place is told by waves of its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gengap.base.paper import Paper
from gengap.models.networks import Output, Parameters
from gengap.models.transformer import affine, code_of_time, dense, initial_layers, transformer
from gengap.sequences.prompt_models import prompt_model
from gengap.sequences.stacked import Stacked


@prompt_model(
    "attention",
    summary="a transformer on points and values in turn",
    paper=Paper(
        "What can transformers learn in-context? A case study of simple function classes",
        "Garg et al.",
        2022,
        "https://arxiv.org/abs/2208.01066",
    ),
)
@dataclass(frozen=True)
class Attention(Stacked):
    """A transformer on points and values in turn."""

    width: int = 32
    layers: int = 2
    heads: int = 4
    called: ClassVar[str] = "attention"

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Parameters for prompts ``(d + 1, T)``."""
        draw = torch.Generator().manual_seed(seed)
        found = initial_layers(self.layers, self.width, draw)
        found["read/weight"], found["read/bias"] = dense(shape[0], self.width, draw)
        found["say/weight"], _ = dense(self.width, 1, draw)
        # One for each value that is said, which tells how many these are.
        found["offset"] = torch.zeros(outputs)
        return found

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Values at all points or at the last, ``(R, n, T)`` or ``(R, n, 1)``."""
        points = x.shape[-1]
        rows = x.transpose(2, 3)
        tokens = x.new_zeros(*x.shape[:2], 2 * points, x.shape[2])
        tokens[:, :, 0::2, :-1] = rows[..., :-1]
        tokens[:, :, 1::2, -1] = rows[..., -1]
        places = torch.arange(2 * points - 1, device=x.device)
        h = affine(parameters, "read", tokens[:, :, :-1]) + code_of_time(places, self.width)
        asked = places[0::2] if parameters["offset"].shape[-1] > 1 else places[-1:]
        hidden = transformer(parameters, h, asked, layers=self.layers, heads=self.heads)
        said = torch.einsum("rntw,rwo->rnt", hidden, parameters["say/weight"])
        return Output(hidden[:, :, -1], said + parameters["offset"][:, None])
