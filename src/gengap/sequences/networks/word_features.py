"""One table of words for all places, and a linear answer to the whole row of them.

    h_i = φ(T[x_i]),        logits = Σ_i W_i h_i + c,

with the same features of a word wherever it stands, normalised by ``φ``, layer normalisation
without scale and shift, or as they are. What the network knows of a word is a row of one table, so
it is seen at once whether words that play the same role have the same features
(:func:`~gengap.statistics.feature_collapse.feature_collapse`).

Helps where each word says something by itself and sources are of one length. Hurts where words say
something only together: the answer is linear in their features. The same answer is given at every
slot, so it is for targets of one token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import sequence_model
from gengap.sequences.pairs import SLOTS
from gengap.sequences.parts import affine, layer, looked_up, uniform
from gengap.sequences.stacked import Stacked
from gengap.sequences.vocabulary import PAD, SLOT

Norm = Literal["layer", "none"]
LEAST = 2  # numbers that have a variance


@sequence_model(
    "word-features",
    summary="one table of words for all places and a linear answer, of one token",
    paper=Paper(
        "Feature collapse", "Laurent, von Brecht, Bresson", 2023, "https://arxiv.org/abs/2305.16162"
    ),
)
@dataclass(frozen=True)
class WordFeatures(Stacked):
    """Features of words, and a linear answer.

    Attributes:
        width: of a word's features.
        norm: ``layer`` or ``none``.
    """

    width: int = 32
    norm: Norm = "layer"
    called: ClassVar[str] = "word-features"

    def __post_init__(self) -> None:
        if self.width < LEAST:
            raise UsageError(f"Features of words have a width of 2 or more, not {self.width}.")

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """A table ``(V, w)``, and a layer ``(places * w, V)`` of as many places as a row has."""
        sizes = {"table": ((outputs, self.width), self.width**-0.5)}
        return uniform({**sizes, **affine(shape[-1] * self.width, outputs, "output")}, seed)

    def words(self, parameters: Parameters) -> Tensor:
        """What is read of every word, ``(R, V, w)``."""
        table = parameters["table"]
        return F.layer_norm(table, table.shape[-1:]) if self.norm == "layer" else table

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Logits at every place of ``x (R, n, 2, L)``, the same at all."""
        tokens = x[:, :, SLOTS]
        places = parameters["output.weight"].shape[1] // self.width
        known = ((tokens != SLOT) & (tokens != PAD))[..., :places]
        found = looked_up(self.words(parameters), tokens[..., :places]) * known[..., None]
        found = F.pad(found, (0, 0, 0, places - found.shape[-2])).flatten(2)
        logits = layer(parameters, "output", found)
        return Output(found, torch.unsqueeze(logits, 2).expand(-1, -1, x.shape[-1], -1))
