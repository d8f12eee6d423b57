"""A module that the user gives as it is, as the factory that a study trains from.

Every run starts from weights of its own, drawn under its seed by the layers' ``reset_parameters``,
as an estimator is cloned: what a module has learnt, perhaps from the very rows that are to be
unseen, is not kept. A module that says it was pretrained (``from_pretrained``, as those of Hugging
Face do) and one with a layer that cannot be drawn anew start every run from the weights they have.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gengap.base.errors import Caveat, UsageError
from gengap.models.passes import logits_in


class GivenModule:
    """A factory of copies of a module, which is left alone.

    Args:
        module: takes a batch ``(n, *shape)`` and returns logits ``(n, C)``, of two classes perhaps
            one, or values ``(n, 1)``; as they are, or as ``.logits`` of what it returns.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    @property
    def name(self) -> str:
        """Its class."""
        return type(self.module).__name__

    @property
    def title(self) -> str:
        """What runs are known by: other layers, or other weights where it keeps them, differ."""
        found = hashlib.sha256(str(self.module).encode())
        for value in self.module.state_dict().values() if self.keeps_weights else ():
            found.update(value.detach().cpu().float().numpy().tobytes())
        return f"module:{self.name}:{found.hexdigest()[:12]}"

    @property
    def keeps_weights(self) -> bool:
        """Whether runs start from the weights that it has."""
        return hasattr(self.module, "from_pretrained") or not all(map(_draws, self._own_layers))

    def __call__(self, shape: Sequence[int], outputs: int) -> nn.Module:
        """A copy, with fresh weights unless it keeps its own.

        Raises:
            UsageError: it does not take such examples, or gives another number of logits.
        """
        made = self.fresh()
        width = self._width(made, shape)
        if width == 1 and outputs == 2:
            return OfTwo(made)
        if width != outputs:
            wanted = f"{outputs} classes" if outputs > 1 else "a target of one number"
            raise UsageError(
                f"{self.name} gives {width} outputs for an example, but there are {wanted}; give "
                f"its last layer {outputs}."
            )
        return made

    def fresh(self) -> nn.Module:
        """A copy, with fresh weights unless it keeps its own."""
        made = copy.deepcopy(self.module).cpu().requires_grad_(True)
        if not self.keeps_weights:
            for layer in made.modules():
                if callable(reset := getattr(layer, "reset_parameters", None)):
                    reset()
        return made

    @property
    def _own_layers(self) -> list[nn.Module]:
        """Layers with weights of their own."""
        return [
            layer
            for layer in self.module.modules()
            if next(layer.parameters(recurse=False), None) is not None
        ]

    def _width(self, made: nn.Module, shape: Sequence[int]) -> int:
        training = made.training
        made.eval()
        try:
            with torch.no_grad():
                logits: Any = logits_in(made(torch.zeros(2, *shape)))
            return int(logits.reshape(2, -1).shape[1])
        except UsageError:
            raise
        except Exception as error:  # of anybody's layers
            said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            size = " x ".join(map(str, shape))
            raise UsageError(
                f"{self.name} cannot read examples of {size} numbers, which tables are made to "
                f"(missing values and categories have columns of their own): {said}."
            ) from None
        finally:
            made.train(training)


class OfTwo(nn.Module):
    """Two logits from one: 0 and what the module says of the second class."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, 2)``."""
        second = logits_in(self.module(x)).reshape(len(x), 1)
        return torch.cat([torch.zeros_like(second), second], 1)


def _draws(layer: nn.Module) -> bool:
    return callable(getattr(layer, "reset_parameters", None))


def said_of_module(model: Any) -> list[str]:
    """What one must know of a module that keeps its weights, in a sentence."""
    if not isinstance(model, nn.Module) or not GivenModule(model).keeps_weights:
        return []
    return [
        Caveat(
            f"Every run starts from the weights that {type(model).__name__} has. If they were "
            "learnt from these rows, no environment is unseen."
        )
    ]
