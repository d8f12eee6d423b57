"""A prompt: numbers that are learned and added to every input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gengap.base.errors import UsageError


class Prompt:
    """What is added to inputs, or to what the first embedding makes of tokens.

    Args:
        model: an adapter's own copy; where it has an embedding its output is prompted.
    """

    def __init__(self, model: nn.Module) -> None:
        self._value: Tensor | None = None
        embeddings = [m for m in model.modules() if isinstance(m, nn.Embedding)]
        self.embedding = embeddings[0] if embeddings else None
        if self.embedding is not None:
            self.embedding.register_forward_hook(self._behind)

    @property
    def value(self) -> Tensor:
        """The prompt, of one example's shape or of one token's embedding; takes gradients."""
        assert self._value is not None, "nothing was prompted yet"
        return self._value

    def clear(self) -> None:
        """Forget it; the next input begins a new one at zero."""
        self._value = None

    def added(self, x: Tensor) -> Tensor:
        """Inputs ``(n, *shape)`` with the prompt; tokens as they are, prompted further in.

        Raises:
            UsageError: tokens that no embedding reads, or inputs of another shape than before.
        """
        if self.embedding is not None:
            if self._value is None:
                weight = self.embedding.weight
                self._value = torch.zeros_like(weight[0]).requires_grad_(True)
            return x
        if not x.is_floating_point():
            raise UsageError(
                "These inputs are whole numbers and the network has no embedding of them, so "
                "nothing can be added to either; leave the adapter out."
            )
        if self._value is None:
            self._value = torch.zeros_like(x[0]).requires_grad_(True)
        if self._value.shape != x.shape[1:]:
            raise UsageError(
                f"The prompt was learned for inputs of shape {tuple(self._value.shape)}, and these "
                f"have {tuple(x.shape[1:])}; give inputs of one shape, or reset() between them."
            )
        return x + self._value

    def _behind(self, module: nn.Module, given: Any, output: Tensor) -> Tensor:
        return output if self._value is None else output + self._value
