"""Torch modules as models of sequences: a user's own, Hugging Face's, and those of this package.

A module takes token numbers ``(n, L)`` and returns logits ``(n, L, V)``, as they are or as
``.logits``; where it has an argument ``attention_mask`` it is told which tokens are real.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError, first_line
from gengap.models.given_modules import GivenModule
from gengap.models.networks import Module, Output, Parameters
from gengap.models.passes import logits_in
from gengap.sequences.pairs import SLOTS, WRITTEN
from gengap.sequences.parts import answered
from gengap.sequences.vocabulary import PAD


class TokenModule(Module):
    """A module of tokens; see :class:`gengap.models.networks.Module`.

    Args:
        factory: makes the module.
        name: what records call it.
        reads: which of the two rows it reads; None finds out whether it looks ahead.
    """

    def __init__(
        self, factory: Callable[..., nn.Module], name: str | None = None, reads: int | None = None
    ) -> None:
        super().__init__(factory, name)
        self.reads = reads

    def _fitted(self, module: nn.Module, shape: Sequence[int], outputs: int) -> nn.Module:
        lazy = any(map(nn.parameter.is_lazy, module.parameters()))
        if self.reads is None or lazy:
            found = WRITTEN if is_causal(module, outputs, shape[-1]) else SLOTS
            self.reads = found if self.reads is None else self.reads
        return module

    def _single(self, parameters: Parameters, x: Tensor) -> Output:
        assert self._module is not None
        assert self.reads is not None
        tokens = x[:, self.reads]
        logits, entered = self._asked(parameters, (tokens,), _mask(self._module, tokens))
        hidden = logits if entered is None or entered.shape[:-1] != tokens.shape else entered
        pooled = answered(hidden[None], logits[None], x[None])
        return Output(pooled.features[0], pooled.logits[0])


def given_module(model: Any) -> TokenModule:
    """A user's module, or a function that makes one."""
    if isinstance(model, nn.Module):
        given = GivenModule(model)
        return TokenModule(given, name=given.title)
    return TokenModule(model)


@torch.no_grad()
def is_causal(module: nn.Module, outputs: int, length: int) -> bool:
    """Whether what a module says at a place stays the same when a later token changes.

    Raises:
        UsageError: it cannot read tokens, or its outputs do not fit.
    """
    was = module.training
    module.eval()
    draw = torch.Generator().manual_seed(0)
    longest, length = length, min(length, 16)
    tokens = torch.randint(1, outputs, (4, length), generator=draw)
    other = tokens.clone()
    other[:, length // 2 :] = 1 + (tokens[:, length // 2 :] % (outputs - 1))
    try:
        said = [logits_in(module(part, **_mask(module, part))) for part in (tokens, other)]
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if _reads(module, tokens[:1, :2]):
            raise _too_long(module, longest) from None
        raise UsageError(
            f"The model {type(module).__name__} cannot read token numbers (n, L) of a vocabulary "
            f"of {outputs}: {first_line(error)}."
        ) from None
    else:
        _check_longest(module, outputs, longest)
    finally:
        module.train(was)
    if tuple(said[0].shape) != (*tokens.shape, outputs):
        raise UsageError(
            f"The model {type(module).__name__} returns {tuple(said[0].shape)} for {len(tokens)} "
            f"sequences of {length} tokens; logits of shape {(*tokens.shape, outputs)} are "
            f"needed, one for each of {outputs} tokens."
        )
    before = slice(0, length // 2)
    return bool(torch.allclose(said[0][:, before], said[1][:, before], atol=1e-5))


def _check_longest(module: nn.Module, outputs: int, longest: int) -> None:
    if not _reads(module, torch.ones(1, longest, dtype=torch.long) * (outputs - 1)):
        raise _too_long(module, longest)


def _too_long(module: nn.Module, longest: int) -> UsageError:
    return UsageError(
        f"The model {type(module).__name__} cannot read {longest} tokens, which the longest pair "
        "is padded to, source and target together; raise its limit, or leave longer pairs out."
    )


def _reads(module: nn.Module, tokens: Tensor) -> bool:
    try:
        module(tokens, **_mask(module, tokens))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False
    return True


def _mask(module: nn.Module, tokens: Tensor) -> dict[str, Tensor]:
    if "attention_mask" not in inspect.signature(module.forward).parameters:
        return {}
    return {"attention_mask": (tokens != PAD).long()}
