"""Prompts as a problem: points of a function are read, and its value at the next is asked for.

An example is one prompt, so environments are families of functions, the functions themselves, or
scales of the inputs. A function that training never saw, of a family it knows, is what *learning in
context* is about; one of a family that it does not know is what a cost of unseen is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from gengap.environments.core import Environments
from gengap.models.networks import Architecture
from gengap.training.tables import Tables


@dataclass(frozen=True, eq=False)
class Prompts(Tables):
    """Prompts ``X (n, d + 1, T)``: inputs, then values, of which the last is not given away.

    Targets are all ``T`` values, for models that do not look ahead, or the last.
    """

    steps: int = field(default=1500, init=False)
    batch: int = field(default=64, init=False)
    model: str = "attention"

    def architecture(self, model: Any, products: torch.dtype = torch.float32) -> Architecture:
        """The networks of a model's name, of a module, or of a function that makes one."""
        from gengap.sequences.prompt_models import prompt_architecture

        return prompt_architecture(model, products, self.shape, self.outputs)


def prompts_of(
    x: np.ndarray,
    y: np.ndarray,
    environment: Any,
    *,
    every: bool,
    factors: Mapping[str, Any],
    name: str,
    kind: str,
    model: str = "attention",
) -> Prompts:
    """Prompts of points ``x (n, T, d)`` and their values ``y (n, T)``.

    Args:
        environment: of each prompt, ``(n,)``.
        every: whether every value is a target, or the last only.
        factors: columns of ``n`` values.
        kind: what an environment is called.
        model: that a study takes unless told otherwise.
    """
    targets: Any = y[:, -1]
    if every:
        targets = {f"after {points}": y[:, points] for points in range(y.shape[1])}
    made = Prompts.of(
        Environments.from_arrays(
            read(x, y), targets, environment, factors=factors, task="regression", name=name
        )
    )
    return replace(made, kind=kind, model=model)


def read(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a model reads, ``(n, d + 1, T)`` float32: the last value is 0."""
    values = np.concatenate([y[:, : x.shape[1] - 1], np.zeros((len(x), 1))], 1)
    return np.concatenate([x, values[..., None]], 2).swapaxes(1, 2).astype(np.float32)
