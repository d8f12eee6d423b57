"""Transformers of two parts: one reads all of the source, the other writes the answer.

    e = encoder(s),        h_t = decoder(BEGIN t_1 ... t_(t-1); e),

where each layer of the decoder looks at what was written before, and then, with queries of its own,
at all of the source,

    h <- h + W softmax(Q_h K_eᵀ / sqrt(d)) V_e.

Both sides count positions from 0, share embeddings and what is added to them for positions, and
have biases by distance of their own; where a token of the source stands is told to the decoder by
what the encoder made of it.

Helps where the source must be understood as a whole before the first token is said. Costs twice the
layers of a decoder. Source: Vaswani et al. 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from gengap.models.networks import Output, Parameters
from gengap.sequences.architectures import sequence_model
from gengap.sequences.attending import (
    Attend,
    block,
    block_sizes,
    even_norms,
    fed,
    found_of,
    normed,
    parts_of,
)
from gengap.sequences.networks.transformer import PAPER, Transformer
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.parts import Sizes, affine, answered, layer, looked_up, uniform
from gengap.sequences.positions import OF_DIGITS, bias_of, position_sizes, turned
from gengap.sequences.vocabulary import PAD, SLOT

READS, WRITES = "encoder", "decoder"
BY_DISTANCE = "t5", "fire"


class Told(NamedTuple):
    """What the encoder tells the decoder.

    Attributes:
        real: ``(R n, 1, 1, S)`` which places are of the source.
        kept: keys and values ``(R n, heads, S, d)`` of each layer.
    """

    real: Tensor
    kept: dict[str, list[Tensor]]


@sequence_model(
    "encoder-decoder",
    summary="attention over the source, and to what was written before",
    paper=PAPER,
)
@dataclass(frozen=True)
class EncoderDecoder(Transformer):
    """An encoder and a decoder of ``layers`` each."""

    causal: ClassVar[bool] = True
    called: ClassVar[str] = "encoder-decoder"

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """As the other transformers, layers of both sides."""
        width = self.width
        sizes: Sizes = {"embedding": ((outputs, width), 3**0.5), **affine(width, outputs, "output")}
        for side in (READS, WRITES):
            own = position_sizes(
                self.positions, shape[-1], width, self.heads, causal=side == WRITES
            )
            apart = self.positions in BY_DISTANCE
            sizes |= {f"{side}.{key}" if apart else key: size for key, size in own.items()}
            for name in self.names:
                sizes |= block_sizes(f"{side}.{name}", width)
        for name in self.names:
            for key, outputs_of in (("asked", width), ("told", 2 * width), ("found", width)):
                sizes |= affine(width, outputs_of, f"{WRITES}.{name}.{key}")
        norms = [f"{side}.norm" for side in (READS, WRITES)]
        norms += [f"{READS}.{name}.norm{k}" for name in self.names for k in range(2)]
        norms += [f"{WRITES}.{name}.norm{k}" for name in self.names for k in range(3)]
        return uniform(sizes, seed) | even_norms(norms, width)

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """Logits at every place of ``x (R, n, 2, L)``, those of the source without a meaning."""
        row, slots = x[:, :, WRITTEN], x[:, :, SLOTS]
        first = ((slots != SLOT) & (slots != PAD)).sum(-1)
        places = self._digits(parameters, row)
        told = self.told(parameters, row, first, places)
        # Memory is measured on rows of padding, which are taken for sources and answers as long.
        longest = int((slots == SLOT).sum(-1).max()) or row.shape[-1]
        place = torch.arange(longest, device=x.device)
        after = (first[..., None] + place).clamp(max=row.shape[-1] - 1)
        h = self.embedded(parameters, row, after, place.expand(after.shape), places)
        own = part(parameters, WRITES)
        bias = bias_of(self.positions, own, len(place), self.heads, causal=True)
        if bias is not None:
            ahead = torch.ones_like(bias[0, 0, 0], dtype=torch.bool).triu(1)
            bias = over(bias.masked_fill(ahead, -torch.inf), row)
        h = self.written(own, h, told, partial(self._attended, own, bias, bias is None))
        back = (torch.arange(row.shape[-1], device=x.device) - first[..., None]).clamp(min=0)
        back = back.clamp(max=len(place) - 1)[..., None].expand(*row.shape, h.shape[-1])
        h = h.gather(2, back)
        return answered(h, layer(parameters, "output", h), x)

    def writer(self, parameters: Parameters, row: Tensor, first: Tensor) -> EncodedWriter:
        """What writes answers token by token, see :func:`gengap.sequences.decoding.greedy`."""
        return EncodedWriter(self, parameters, row, first)

    def embedded(
        self, parameters: Parameters, row: Tensor, at: Tensor, place: Tensor, digits: Tensor | None
    ) -> Tensor:
        """Tokens at places of the row, with what tells their positions, ``(R, n, K, w)``.

        Args:
            row: ``(R, n, L)``.
            at: ``(R, n, K)`` places in the row, and ``place (R, n, K)`` those in their side.
            digits: ``(R, n, L)`` places of digits, where positions are those.
        """
        h = looked_up(parameters["embedding"], row.gather(-1, at))
        if digits is not None:
            return h + looked_up(parameters["places"], digits.gather(-1, at))
        return self.placed(parameters, h, row, place)

    def told(
        self, parameters: Parameters, row: Tensor, first: Tensor, digits: Tensor | None
    ) -> Told:
        """What the encoder makes of sources, the first ``(R, n)`` tokens of each row."""
        own = part(parameters, READS)
        place = torch.arange(int(first.max()) or row.shape[-1], device=row.device)
        h = self.embedded(parameters, row, *2 * (place.expand(*first.shape, -1),), digits)
        real = (place < first[..., None]).flatten(0, 1)[:, None, None]
        bias = bias_of(self.positions, own, len(place), self.heads, causal=False)
        mask = real if bias is None else over(bias, row).masked_fill(~real, -torch.inf)
        for name in self.names:
            h = block(own, name, h, partial(self._attended, own, mask, False))
        h, writes = normed(own, "norm", h), part(parameters, WRITES)
        crossed = [parts_of(writes, f"{name}.told", h, 2, self.heads) for name in self.names]
        return Told(real, dict(zip(self.names, crossed, strict=True)))

    def written(self, own: Parameters, h: Tensor, told: Told, attend: Attend) -> Tensor:
        """The decoder's last layer ``(R, n, K, w)`` of what is embedded.

        Args:
            own: parameters of the decoder.
            attend: how it looks at what was written before.
        """

        def crossed(name: str, h: Tensor) -> Tensor:
            (query,) = parts_of(own, f"{name}.asked", h, 1, self.heads)
            return found_of(own, f"{name}.found", query, told.kept[name], told.real)

        for name in self.names:
            h = h + attend(name, normed(own, f"{name}.norm0", h))
            h = h + crossed(name, normed(own, f"{name}.norm2", h))
            h = fed(own, name, h, "norm1")
        return normed(own, "norm", h)

    def _digits(self, parameters: Parameters, row: Tensor) -> Tensor | None:
        return self.places_of_digits(parameters, row) if self.positions in OF_DIGITS else None

    def _attended(  # type: ignore[override]
        self, own: Parameters, mask: Tensor | None, causal: bool, name: str, h: Tensor
    ) -> Tensor:
        query, key, value = parts_of(own, f"{name}.attention", h, 3, self.heads)
        if self.positions == "rotary":
            query, key = turned(query), turned(key)
        return found_of(own, f"{name}.joined", query, [key, value], mask, causal)


class EncodedWriter:
    """Writes answers to sources that were read, keeping what it found of earlier tokens.

    Args:
        row: ``(R, n, L)`` sources, padded to where the longest answer ends.
        first: ``(R, n)`` lengths of the sources.
    """

    def __init__(
        self, model: EncoderDecoder, parameters: Parameters, row: Tensor, first: Tensor
    ) -> None:
        self.model, self.parameters, self.own = model, parameters, part(parameters, WRITES)
        self.row, self.first, self.step = row.clone(), first, 0
        self.told = model.told(parameters, row, first, model._digits(parameters, row))
        self.kept: dict[str, list[Tensor]] = {}
        length = row.shape[-1] - int(first.max())
        bias = bias_of(model.positions, self.own, length, model.heads, causal=True)
        self.bias = None if bias is None else over(bias, row)

    def say(self, tokens: Tensor) -> Tensor:
        """Logits ``(R, n, V)`` of what follows further tokens ``(R, n)``."""
        at = (self.first + self.step)[..., None]
        self.row.scatter_(-1, at, tokens[..., None])
        digits = self.model._digits(self.parameters, self.row)
        place = torch.full_like(at, self.step)
        h = self.model.embedded(self.parameters, self.row, at, place, digits)
        h = self.model.written(self.own, h, self.told, self._attended)
        self.step += 1
        return layer(self.parameters, "output", h)[:, :, 0]

    def _attended(self, name: str, h: Tensor) -> Tensor:
        query, key, value = parts_of(self.own, f"{name}.attention", h, 3, self.model.heads)
        if self.model.positions == "rotary":
            place = torch.tensor([self.step])
            query, key = turned(query, place), turned(key, place)
        before = self.kept.get(name, [key[:, :, :0], value[:, :, :0]])
        kept = [torch.cat(both, 2) for both in zip(before, (key, value), strict=True)]
        self.kept[name] = kept
        mask = None if self.bias is None else self.bias[:, :, self.step, None, : self.step + 1]
        return found_of(self.own, f"{name}.joined", query, kept, mask)


def part(parameters: Parameters, side: str) -> Parameters:
    """The parameters of a side, without its name."""
    return {
        name.removeprefix(f"{side}."): value
        for name, value in parameters.items()
        if name.startswith(f"{side}.")
    }


def over(bias: Tensor, row: Tensor) -> Tensor:
    """A bias ``(R or 1, 1, heads, L, L)`` of every row ``(R, n, ...)``, ``(R n, heads, L, L)``."""
    return bias.expand(*row.shape[:2], -1, -1, -1).flatten(0, 1)
