"""How many runs train together: as many as memory and cache allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch

from gengap.methods.replay import MOST_NUMBERS
from gengap.models.networks import Architecture
from gengap.training.problem import Problem

T = TypeVar("T")

# Beyond this many runs a batched product gains nothing, while more would be lost to an interrupt.
MOST_RUNS = 64
# Activations of a step that stay in a core's cache; larger fleets spend their time on memory.
CACHE_BYTES = 8 << 20
# Parameters, gradients, two moments, and the temporaries of the optimizer and of the methods.
COPIES = 12


@dataclass(frozen=True)
class Footprint:
    """What one run adds to a fleet, in bytes.

    Attributes:
        total: memory in all.
        activations: what the forward pass keeps for the backward pass, of one of its stages.
    """

    total: int
    activations: int

    def runs_at_once(self, memory: int) -> int:
        """Runs that fit the memory bound (bytes) and the cache, at least one."""
        by_cache = max(2, CACHE_BYTES // max(self.activations, 1))
        return max(1, min(MOST_RUNS, by_cache, memory // max(self.total, 1)))


def footprint(
    problem: Problem,
    architecture: Architecture,
    *,
    steps: int,
    batch: int,
    slots: int,
    passes: float,
    replays: int = 0,
) -> Footprint:
    """Estimate the memory one run adds to a fleet.

    Counts parameters with their copies, the activations that the backward pass keeps (measured
    on a few examples), the inputs, the drawn row numbers, a Gram matrix over the batch, which
    kernel methods build, and what was seen around each transition that a run remembers. A network
    may have ``stages(shape)``, such as the tokens of a row that it reads one after another: what a
    stage touches is what the cache must hold.
    """
    parameters = architecture.initialise(problem.shape, problem.outputs, seed=0)
    weights = sum(p.numel() for p in parameters.values())
    stacked = {name: p[None].requires_grad_() for name, p in parameters.items()}

    def kept(examples: int) -> int:
        found: dict[int, int] = {}  # numbers by address, since layers may keep the same tensor

        def count(tensor: torch.Tensor) -> torch.Tensor:
            found[tensor.data_ptr()] = tensor.numel()
            return tensor

        probe = torch.zeros((1, examples, *problem.shape), dtype=problem.dtype)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            output = architecture.forward(stacked, probe)
        del output  # not before here, or an address could be another tensor's by now
        return sum(found.values())

    examples = slots * batch
    activations = 4 * examples * ((kept(4) - kept(2)) // 2)  # weights are kept as well
    inputs = 4 * examples * 3 * math.prod(problem.shape)
    gram = 4 * 3 * examples**2
    rows = 4 * steps * slots * (batch + 2)
    played = min(2 * math.prod(problem.shape) * min(replays, steps * examples), MOST_NUMBERS)
    total = 4 * COPIES * weights + inputs + int(activations * (2 + passes)) + gram + rows
    total += 4 * played
    stages = architecture.stages(problem.shape) if hasattr(architecture, "stages") else 1
    return Footprint(total, activations // stages)


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut into consecutive pieces of nearly equal size, none longer than ``size``."""
    count = -(-len(items) // max(size, 1))
    bounds = [round(k * len(items) / count) for k in range(count + 1)] if count else []
    return [items[a:b] for a, b in pairwise(bounds)]
