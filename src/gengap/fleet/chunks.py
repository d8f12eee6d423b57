"""How many runs train together: as many as the memory bound allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch

from gengap.fleet.networks import Architecture
from gengap.fleet.tasks import Data

T = TypeVar("T")

# Beyond this many runs a batched product gains nothing, while less would be lost to an interrupt.
MOST_RUNS = 64
# Parameters, gradients, two moments, and the temporaries of the optimizer and of the methods.
COPIES = 12


def bytes_per_run(
    data: Data, architecture: Architecture, *, steps: int, batch: int, slots: int, passes: float
) -> int:
    """Estimate the memory one run adds to a fleet, in bytes.

    Counts parameters with their copies, the activations that the backward pass keeps (measured
    on two examples), the inputs, the drawn row numbers, and a Gram matrix over the batch, which
    kernel methods build.
    """
    parameters = architecture.initialise(data.shape, data.outputs, seed=0)
    weights = sum(p.numel() for p in parameters.values())
    stacked = {name: p[None].requires_grad_() for name, p in parameters.items()}
    own = {p.data_ptr() for p in stacked.values()}
    kept = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        if tensor.data_ptr() not in own:
            kept += tensor.numel()
        return tensor

    probe = torch.zeros((1, 2, *data.shape))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
        architecture.forward(stacked, probe)
    examples = slots * batch
    per_example = 3 * int(probe[0, 0].numel()) + kept // 2 * (2 + passes)
    floats = COPIES * weights + examples * per_example + 3 * examples**2
    return int(4 * floats + 4 * steps * slots * (batch + 2))


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut into consecutive pieces of nearly equal size, none longer than ``size``."""
    count = -(-len(items) // max(size, 1))
    bounds = [round(k * len(items) / count) for k in range(count + 1)] if count else []
    return [items[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


def runs_at_once(memory: int, per_run: int) -> int:
    """Runs that fit the memory bound (bytes), at least one."""
    return max(1, min(MOST_RUNS, memory // max(per_run, 1)))
