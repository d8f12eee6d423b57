"""Networks that write an answer token by token, and keep what they found of all tokens before.

Of a token that was read, what later ones look at are its keys and values in every layer, which do
not change, since no layer looks ahead. Kept, a further token costs one place in place of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gengap.models.networks import Parameters
from gengap.sequences.attending import block, found_of, normed, parts_of
from gengap.sequences.parts import layer, looked_up
from gengap.sequences.positions import bias_of, turned

if TYPE_CHECKING:
    from gengap.sequences.networks.transformer import Decoder


class DecoderWriter:
    """Writes after a source, in the row that it was read from.

    Args:
        row: ``(R, n, L)`` sources, padded to where the longest answer ends.
        first: ``(R, n)`` lengths of the sources.
    """

    def __init__(self, model: Decoder, parameters: Parameters, row: Tensor, first: Tensor) -> None:
        self.model, self.parameters = model, parameters
        self.row, self.first, self.step = row.clone(), first, 0
        self.kept: dict[str, list[Tensor]] = {}
        length = row.shape[-1]
        bias = bias_of(model.positions, parameters, length, model.heads, causal=True)
        self.bias = None if bias is None else bias[:, 0].expand(len(row), -1, -1, -1)
        source = torch.arange(int(first.max()), device=row.device).expand(*first.shape, -1)
        self.mask = model.mask(parameters, row[..., : source.shape[-1]])
        self._read(row[..., : source.shape[-1]], source)

    def say(self, tokens: Tensor) -> Tensor:
        """Logits ``(R, n, V)`` of what follows further tokens ``(R, n)``."""
        place = (self.first + self.step)[..., None]
        self.row.scatter_(-1, place, tokens[..., None])
        self.mask = self._seen(place)
        self.step += 1
        h = normed(self.parameters, "norm", self._read(tokens[..., None], place))
        return layer(self.parameters, "output", h)[:, :, 0]

    def _read(self, tokens: Tensor, place: Tensor) -> Tensor:
        """The last layer at places ``(R, n, K)`` of the row, whose tokens are given."""
        h = looked_up(self.parameters["embedding"], tokens)
        h = self.model.placed(self.parameters, h, self.row, place)
        for name in self.model.names:
            h = block(self.parameters, name, h, lambda name, h: self._attended(name, h, place))
        return h

    def _attended(self, name: str, h: Tensor, place: Tensor) -> Tensor:
        made = parts_of(self.parameters, f"{name}.attention", h, 3, self.model.heads)
        query, key, value = made
        at = place.flatten(0, 1)[:, None]  # (R n, 1, K)
        if self.model.positions == "rotary":
            query, key = turned(query, at), turned(key, at)
        joined = f"{name}.joined"
        if name not in self.kept:  # the source
            room = [key.new_zeros(*key.shape[:2], self.row.shape[-1], key.shape[-1]) for _ in "kv"]
            for own, new in zip(room, (key, value), strict=True):
                own[:, :, : new.shape[2]] = new
            self.kept[name] = room
            causal = self.mask is None
            return found_of(self.parameters, joined, query, [key, value], self.mask, causal)
        for own, new in zip(self.kept[name], (key, value), strict=True):
            own.scatter_(2, at[..., None].expand_as(new), new)
        return found_of(self.parameters, joined, query, self.kept[name], self.mask)

    def _seen(self, place: Tensor) -> Tensor:
        """What a token at ``place (R, n, 1)`` sees, ``(R n, heads or 1, 1, L)``."""
        seen = torch.arange(self.row.shape[-1], device=place.device) <= place
        if self.bias is None:
            return seen.flatten(0, 1)[:, None, None]
        run = torch.arange(len(place), device=place.device)[:, None]
        own = self.bias.transpose(1, 2)[run, place[..., 0]]  # (R, n, heads, L)
        return own.masked_fill(~seen[:, :, None], -torch.inf).flatten(0, 1)[:, :, None]
