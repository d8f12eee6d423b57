"""Perceptrons that read a whole source at once, each token where it stands.

    h = σ(Σ_i T_i[x_i] + b),        logits = W h + c,

with a table ``T_i`` for each place ``i``: one hidden layer over the tokens as indicators. With
``σ(u) = u²`` it can add modulo ``p`` exactly: products of cosines of both numbers are the cosine of
their sum (Gromov 2023), and each of its hidden units then is a wave along either number. Such waves
are what it comes to long after it has fitted a part of a table, which is why it is here.

The same answer is given at every slot, so it is for targets of one token. Helps where sources are
short and of one length. Hurts elsewhere: a token at one place tells it nothing about another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import sequence_model
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import affine, layer, summed_up, uniform
from gengap.sequences.stacked import Stacked
from gengap.sequences.vocabulary import PAD, SLOT

Activation = Literal["square", "relu"]


@sequence_model(
    "perceptron",
    summary="one hidden layer over all tokens of the source, answering with one token",
    paper=Paper("Grokking modular arithmetic", "Gromov", 2023, "https://arxiv.org/abs/2301.02679"),
)
@dataclass(frozen=True)
class Perceptron(Stacked):
    """One hidden layer over the tokens of a source.

    Attributes:
        width: of the hidden layer.
        activation: ``square`` or ``relu``.
    """

    width: int = 64
    activation: Activation = "square"
    called: ClassVar[str] = "perceptron"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UsageError(f"A perceptron has a width of at least 1, not {self.width}.")

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Tables ``(places * V, w)``, uniform as a layer over one place's indicators begins."""
        bound = outputs**-0.5
        sizes = {
            "hidden.bias": ((1, self.width), 0.0),
            **affine(self.width, outputs, "output"),
            "tables": ((shape[-1] * outputs, self.width), bound),
        }
        return uniform(sizes, seed)

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Logits at every place of ``x (R, n, 2, L)``, the same at all."""
        tokens = x[:, :, SLOTS]
        source = (tokens != SLOT) & (tokens != PAD)
        places = max(int(source.sum(-1).max()), 1)
        source, tokens = source[..., :places], tokens[..., :places]
        words = parameters["output.weight"].shape[-1]
        rows = tokens + torch.arange(places, device=x.device) * words
        summed = summed_up(parameters["tables"], rows, source) + parameters["hidden.bias"]
        hidden = summed.relu() if self.activation == "relu" else summed.square()
        logits = layer(parameters, "output", hidden)
        return Output(hidden, logits[:, :, None].expand(-1, -1, x.shape[-1], -1))
