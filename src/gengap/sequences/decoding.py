"""Greedy decoding of many answers at once, by networks that write token by token.

    t_1 = argmax f(s, BEGIN),    t_2 = argmax f(s, BEGIN t_1),    ...,    until the end is said.

An exact match needs none of it (:mod:`gengap.sequences.pairs`). What depends on what a network
itself wrote before does: an answer that follows steps of its own. Networks that have a ``writer``
keep what they found of earlier tokens (:mod:`gengap.sequences.writers`); any other reads its row
anew for each token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from gengap.models.networks import Architecture, Parameters
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.vocabulary import BEGIN, END, PAD, SLOT


class Writer(Protocol):
    """Reads what was said, and says what follows."""

    def say(self, tokens: Tensor) -> Tensor:
        """Logits ``(R, n, V)`` of what follows further tokens ``(R, n)``."""
        ...


class Rereading:
    """A writer that reads its whole row anew for every token."""

    def __init__(
        self, model: Architecture, parameters: Parameters, row: Tensor, first: Tensor
    ) -> None:
        self.model, self.parameters, self.first, self.step = model, parameters, first, 0
        place = torch.arange(row.shape[-1], device=row.device)
        slots = row.masked_fill(place >= first[..., None], SLOT)
        self.x = torch.stack([slots, row], 2)

    def say(self, tokens: Tensor) -> Tensor:
        """Logits ``(R, n, V)`` of what follows further tokens ``(R, n)``."""
        place = (self.first + self.step)[..., None]
        self.x[:, :, WRITTEN].scatter_(-1, place, tokens[..., None])
        self.step += 1
        said = self.model.forward(self.parameters, self.x).logits
        return said.gather(2, place[..., None].expand(*place.shape, said.shape[-1]))[:, :, 0]


def writes(model: Any) -> bool:
    """Whether a model writes token by token, and does not answer all at once at slots."""
    return bool(getattr(model, "causal", False)) or getattr(model, "reads", SLOTS) == WRITTEN


@torch.no_grad()
def greedy(
    model: Architecture,
    parameters: Parameters,
    source: Tensor,
    most: int,
    *,
    cached: bool = True,
) -> Tensor:
    """Answers ``(R, n, most)``, padded after their end.

    Args:
        model: one that :func:`writes`.
        source: ``(R, n, S)`` tokens, padded behind.
        most: tokens of an answer.
        cached: whether earlier tokens are kept, where the model can.
    """
    first = (source != PAD).sum(-1)
    row = torch.nn.functional.pad(source, (0, most), value=PAD)
    make: Callable[..., Writer] | None = getattr(model, "writer", None) if cached else None
    writer = make(parameters, row, first) if make else Rereading(model, parameters, row, first)
    found = source.new_full((*first.shape, most), PAD)
    told, ended = torch.full_like(first, BEGIN), torch.zeros_like(first, dtype=torch.bool)
    for step in range(most):
        told = writer.say(told).argmax(-1).masked_fill(ended, PAD)
        found[..., step] = told
        ended |= told == END
        if ended.all():
            break
    return found
