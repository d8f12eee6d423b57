"""Transformers: every place looks at every other, as much as its query agrees with their keys.

    a = softmax(Q Kᵀ / sqrt(d) + bias) V,    h <- h + W a,    h <- h + W₂ relu(W₁ h),

each after a normalisation of its input, in one or more layers. ``transformer`` sees the whole row
and answers at slots; ``decoder`` writes its answer token by token and does not look ahead. Where a
token stands is told in one of several ways (:mod:`gengap.sequences.positions`).

Helps where an answer's token depends on few others wherever they are. Hurts where the rule takes as
many steps as the row is long: what was learnt is bound to the lengths, and mostly to the positions,
that were trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paper import Paper
from gengap.models.layers import standardised
from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import sequence_model
from gengap.sequences.digit_places import begun_at_random, digit_places
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.parts import affine, answered, layer, looked_up, uniform
from gengap.sequences.positions import (
    DRAWN,
    OF_DIGITS,
    Positions,
    bias_of,
    drawn_places,
    position_sizes,
    sinusoids,
    turned,
)
from gengap.sequences.stacked import Stacked
from gengap.sequences.vocabulary import PAD, Vocabulary

PAPER = Paper(
    "Attention is all you need",
    "Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin",
    2017,
    "https://arxiv.org/abs/1706.03762",
)


@sequence_model(
    "transformer", summary="attention over the whole row, answering at slots", paper=PAPER
)
@dataclass(frozen=True)
class Transformer(Stacked):
    """Attention over the whole row.

    Attributes:
        positions: how a token's place is told.
        width: of the embeddings.
        layers: how many.
        heads: of each layer's attention.
        digits: which tokens are digits, for the positions that count their places.
        training: whether positions that are drawn in training are drawn.
    """

    positions: Positions = "rotary"
    width: int = 64
    layers: int = 2
    heads: int = 4
    digits: tuple[int, ...] = field(default=(), init=False)
    training: bool = field(default=False, init=False, compare=False)
    causal: ClassVar[bool] = False
    called: ClassVar[str] = "transformer"

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads) or min(self.width, self.layers, self.heads) < 1:
            raise UsageError(
                f"The width of a {self.called} is a multiple of twice its heads; {self.width} is "
                f"none of {2 * self.heads}."
            )

    @property
    def vectorises(self) -> bool:
        """Unless positions are drawn, which runs would have to share."""
        return self.positions not in DRAWN

    def train(self, mode: bool) -> None:
        """Whether positions are drawn."""
        object.__setattr__(self, "training", mode)

    def reading(self, vocabulary: Vocabulary) -> Transformer:
        """The same network, told which tokens are digits.

        Raises:
            UsageError: its positions are places of digits, and no token is one.
        """
        if self.positions not in OF_DIGITS:
            return self
        if not vocabulary.digits:
            raise UsageError(
                f"positions={self.positions} count the places of digits, and no token is one digit;"
                " use positions=rotary."
            )
        told = replace(self)
        object.__setattr__(told, "digits", vocabulary.digits)
        return told

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """Embeddings of deviation 1, layers as PyTorch's linear ones begin."""
        width = self.width
        sizes = {
            "embedding": ((outputs, width), 3**0.5),
            **position_sizes(self.positions, shape[-1], width, self.heads, self.causal),
            **affine(width, outputs, "output"),
        }
        for number in range(self.layers):
            name = f"layer{number}"
            sizes |= affine(width, 3 * width, f"{name}.attention")
            sizes |= affine(width, width, f"{name}.joined")
            sizes |= affine(width, 4 * width, f"{name}.wide")
            sizes |= affine(4 * width, width, f"{name}.narrow")
        made = uniform(sizes, seed)
        norms = [f"layer{k}.norm{own}" for k in range(self.layers) for own in (0, 1)]
        for name in (*norms, "norm"):
            made[f"{name}.gain"], made[f"{name}.shift"] = (
                torch.ones(1, width),
                torch.zeros(1, width),
            )
        return made

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Logits at every place of ``x (R, n, 2, L)``."""
        tokens = x[:, :, WRITTEN if self.causal else SLOTS]
        h = looked_up(parameters["embedding"], tokens)
        h = self._placed(parameters, h, tokens)
        mask = self._mask(parameters, tokens)
        for number in range(self.layers):
            name = f"layer{number}"
            h = h + self._attended(parameters, name, normed(parameters, f"{name}.norm0", h), mask)
            wide = layer(parameters, f"{name}.wide", normed(parameters, f"{name}.norm1", h))
            h = h + layer(parameters, f"{name}.narrow", wide.relu())
        h = normed(parameters, "norm", h)
        return answered(h, layer(parameters, "output", h), x)

    def _placed(self, parameters: Parameters, h: Tensor, tokens: Tensor) -> Tensor:
        """Embeddings ``(R, n, L, w)`` with what is added for their positions."""
        length = tokens.shape[-1]
        if self.positions == "sinusoidal":
            return h + sinusoids(torch.arange(length), self.width)
        if self.positions == "randomised":
            return h + sinusoids(drawn_places(length, self.training), self.width)
        if self.positions == "learned":
            return h + parameters["positions"][:, None, :length]
        if self.positions not in OF_DIGITS:
            return h
        coupled, table = self.positions == "coupled", parameters["places"]
        places = digit_places(tokens, self.digits, coupled)
        if self.training:
            places = begun_at_random(places, table.shape[1], coupled)
        return h + looked_up(table, places)

    def _mask(self, parameters: Parameters, tokens: Tensor) -> Tensor | None:
        """Added to the agreement of queries and keys, ``(R n, heads or 1, L, L)``; or what may be.

        Padding lies behind everything, so a network that does not look ahead never sees it.
        """
        runs, n, length = tokens.shape
        bias = bias_of(self.positions, parameters, length, self.heads, self.causal)
        if self.causal:
            if bias is None:
                return None
            ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
            bias = bias.masked_fill(ahead, -torch.inf)
            return bias.expand(runs, n, -1, -1, -1).flatten(0, 1)
        real = (tokens != PAD)[:, :, None, None]
        if bias is None:
            return real.flatten(0, 1)
        return torch.where(real, bias, -torch.inf).flatten(0, 1)

    def _attended(
        self, parameters: Parameters, name: str, h: Tensor, mask: Tensor | None
    ) -> Tensor:
        runs, n, length, _ = h.shape
        made = layer(parameters, f"{name}.attention", h)
        made = made.view(runs * n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = made
        if self.positions == "rotary":
            query, key = turned(query), turned(key)
        causal = self.causal and mask is None
        found = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        return layer(parameters, f"{name}.joined", found.transpose(1, 2).reshape(h.shape))


@sequence_model(
    "decoder", summary="attention to what came before, writing token by token", paper=PAPER
)
@dataclass(frozen=True)
class Decoder(Transformer):
    """Attention to what came before."""

    causal: ClassVar[bool] = True
    called: ClassVar[str] = "decoder"


def normed(parameters: Parameters, name: str, h: Tensor) -> Tensor:
    """``h (R, ..., w)`` with mean 0 and deviation 1, then each run's gain and shift."""
    return standardised(h, parameters[f"{name}.gain"], parameters[f"{name}.shift"])
