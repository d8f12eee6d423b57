"""Where digits stand in their numbers, as positions of a transformer.

*Abacus*: every digit has the position of its place in its number, counted from the left, and what
is no digit has 0. Written lowest digit first, digits of equal weight are at equal positions,

    7 5 + 8 6 =  5 2 1
    1 2 0 1 2 0  1 2 3.

*Coupled*: numbers of the source are counted from the right and those of the answer from the left,
which makes the same of numbers as one reads them, answered lowest digit first,

    5 7 + 6 8 =  5 2 1
    2 1 0 2 1 0  1 2 3.

In training each pair's positions begin at a random one, so that those of longer numbers are met
too; asked, they begin at 1. In an abacus what is no digit stays at 0, coupled it moves along, so a
number's lowest digit always follows the position of its sign.

Helps wherever an answer's digit depends on those of the same weight, and there they carry over to
longer numbers; which of the two depends on the order of digits. Says nothing of words, nor of which
number a digit is of. The random beginning makes training slower.

Sources: McLeish et al. 2024, arXiv:2405.17399 (abacus); Cho et al. 2024, arXiv:2405.20671 (coupled,
which pads numbers to equal length).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gengap.sequences.vocabulary import BEGIN, SLOT


def digit_places(tokens: Tensor, digits: Sequence[int], coupled: bool) -> Tensor:
    """Positions ``(..., L)`` int64 of tokens, 0 for what is no digit.

    Args:
        tokens: ``(..., L)``; slots count as digits of the answer.
        digits: the tokens that are digits.
        coupled: whether numbers of the source are counted from the right.
    """
    slots = tokens == SLOT
    answer = ((tokens == BEGIN) | slots).cumsum(-1) > 0
    digit = torch.isin(tokens, torch.tensor(digits, device=tokens.device)) | slots
    source = digit & ~answer
    asked = _counted(source.flip(-1)).flip(-1) if coupled else _counted(source)
    return torch.where(digit, torch.where(answer, _counted(digit & answer), asked), 0)


def _counted(digit: Tensor) -> Tensor:
    """How many places back the last one lies that is no digit, ``(..., L)``."""
    place = torch.arange(digit.shape[-1], device=digit.device).expand(digit.shape)
    return place - torch.where(digit, -1, place).cummax(-1).values


def begun_at_random(places: Tensor, size: int, coupled: bool) -> Tensor:
    """Positions ``(R, n, L)`` that begin at a random one of each pair, below ``size`` all of them.

    Args:
        places: as :func:`digit_places` gives them; drawn from torch's global generator.
    """
    spare = size - places.amax(-1, keepdim=True)
    begin = (torch.rand(spare.shape, device=places.device) * spare).long()
    return places + (begin if coupled else begin * (places > 0))
