"""A module that the user gives as it is, as the factory that a study trains from.

Every run starts from weights of its own, drawn under its seed by the layers' ``reset_parameters``,
as an estimator is cloned: what a module has learnt, perhaps from the very rows that are to be
unseen, is not kept. A module that says it was pretrained (``from_pretrained``, as those of Hugging
Face do) and one with a layer that cannot be drawn anew start every run from the weights they have;
of these the ones that need no gradient stay as they are.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gengap.base.errors import Caveat, UsageError, first_line
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

    def __call__(self) -> nn.Module:
        """See :meth:`fresh`."""
        return self.fresh()

    def fresh(self) -> nn.Module:
        """A copy, with fresh weights unless it keeps its own."""
        made = copy.deepcopy(self.module).cpu()
        if not self.keeps_weights:
            made.requires_grad_(True)
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


class OfTwo(nn.Module):
    """Two logits from one: 0 and what the module says of the second class."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, 2)``."""
        second = logits_in(self.module(x)).reshape(len(x), 1)
        return torch.cat([torch.zeros_like(second), second], 1)


def fitted(made: nn.Module, shape: Sequence[int], outputs: int) -> nn.Module:
    """A module that answers with as many logits as are asked for; one of two classes becomes two.

    Two examples of zeros pass through it, which is when lazy layers draw their weights; whole ones
    where it reads codes.

    Args:
        made: takes ``(n, *shape)``.
        shape: of an example.
        outputs: logits of an example, or of each of its targets.

    Raises:
        UsageError: it does not take such examples, or gives another number of logits.
    """
    name = type(made).__name__
    training = made.training
    made.eval()
    try:
        with torch.no_grad():
            logits = _said(made, shape)
        width = int(logits.reshape(2, -1).shape[1])
    except UsageError:
        raise
    except Exception as error:  # of anybody's layers
        size = " x ".join(map(str, shape))
        made_to = "tables are made to (missing values and categories have columns of their own)"
        hint = f", which {made_to}" if len(shape) == 1 else ""
        raise UsageError(
            f"{name} cannot read examples of {size} numbers{hint}: {first_line(error)}."
        ) from None
    finally:
        made.train(training)
    if width == outputs or (logits.dim() > 2 and logits.shape[-1] == outputs):
        return made
    if width == 1 and outputs == 2:
        return OfTwo(made)
    wanted = f"{outputs} classes" if outputs > 1 else "a target of one number"
    raise UsageError(
        f"{name} gives {width} outputs for an example, but there are {wanted}; give its last layer "
        f"{outputs}."
    )


def _said(made: nn.Module, shape: Sequence[int]) -> Any:
    """Logits for two examples of zeros, of numbers or else of codes."""
    zeros = torch.zeros(2, *shape)
    try:
        return logits_in(made(zeros))
    except Exception as error:  # of anybody's layers
        try:
            return logits_in(made(zeros.long()))
        except Exception:
            raise error from None


def called(factory: Callable[..., nn.Module], shape: Sequence[int], outputs: int) -> nn.Module:
    """What a factory makes, ``factory(shape, outputs)`` or ``factory()``.

    Raises:
        UsageError: it fails, or makes something else than a module.
    """
    name = getattr(factory, "__qualname__", type(factory).__name__)
    try:
        takes_arguments = len(inspect.signature(factory).parameters) >= 2
        made: Any = factory(tuple(shape), outputs) if takes_arguments else factory()
    except UsageError:
        raise
    except Exception as error:  # of anybody's code
        raise UsageError(
            f"The model {name} cannot be made, {first_line(error)}; it is called with the shape "
            f"of an example and the number of outputs, here {tuple(shape)} and {outputs}, or with "
            "nothing, where it takes at most one argument."
        ) from error
    if not isinstance(made, nn.Module):
        raise UsageError(
            f"The model factory returned {type(made).__name__}, not a torch.nn.Module; give a "
            "function that builds a fresh module."
        )
    return made


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
