"""Models that read points of a function, one after another, and say its value at the next.

What they read is ``(n, d + 1, T)``: of each point its inputs and its value, of the last the inputs
only. Where every point is a target they say ``(n, T)`` values, each from the points before it, else
the last. Named with options as models of sequences are, ``attention(width=64)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch

from gengap.base.errors import UsageError
from gengap.base.registry import Registry
from gengap.models.networks import Architecture, architecture
from gengap.sequences.architectures import SequenceModelInfo, named

_REGISTRY = Registry(SequenceModelInfo, "model of prompts", "gengap.sequences.prompt_networks")
prompt_model = _REGISTRY.register
prompt_models = _REGISTRY.all
prompt_model_info = _REGISTRY.get


def prompt_architecture(
    model: Any, products: torch.dtype, shape: Sequence[int], outputs: int
) -> Architecture:
    """The networks of a name, of a module, or of a function that makes one.

    Raises:
        UsageError: there is no such model, or every point is a target and it looks ahead, so that
            it would read the values that it is asked for.
    """
    if isinstance(model, str) and re.split(r"[\s(]", model.strip())[0].lower() in prompt_models():
        return named(model, prompt_model_info)
    made = architecture(model, products)
    if outputs > 1 and looks_ahead(made, shape, outputs):
        raise UsageError(
            f"{made.name} looks ahead, and would read the values that it is asked for; use "
            "--model attention, or prompts of which only the last point is asked (every=false)."
        )
    return made


@torch.no_grad()
def looks_ahead(made: Architecture, shape: Sequence[int], outputs: int) -> bool:
    """Whether what a model says at some point changes when that point's value or a later one does.

    Args:
        shape: of a prompt, ``(d + 1, T)``.
        outputs: ``T``.
    """
    own = {name: p[None] for name, p in made.initialise(shape, outputs, 0).items()}
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, *shape, generator=draw)
    half = shape[-1] // 2
    other = x.clone()
    other[..., -1, half:] += 1
    one, changed = (made.forward(own, part).logits[..., : half + 1] for part in (x, other))
    return not torch.allclose(one, changed, atol=1e-5)
