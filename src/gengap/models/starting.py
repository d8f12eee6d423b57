"""Weights that training starts from in place of drawn ones, from a safetensors file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.paths import readable, typed
from gengap.models.networks import Parameters


@dataclass(frozen=True, eq=False)
class Start:
    """Weights by name and what they are known by.

    Attributes:
        weights: of one network.
        digest: of names, shapes and numbers.
    """

    weights: Parameters
    digest: str

    def placed(self, own: Parameters) -> Parameters:
        """Drawn parameters with the weights in their place where names and shapes agree."""
        return {
            name: self.weights[name].clone() if self._has(name, drawn) else drawn
            for name, drawn in own.items()
        }

    @torch.no_grad()
    def fill(self, held: Iterable[tuple[str, Tensor]]) -> None:
        """Set what a module holds besides, such as statistics of batches, in place."""
        for name, value in held:
            if self._has(name, value):
                value.copy_(self.weights[name])

    def check(self, own: Parameters, network: str) -> None:
        """Refuse weights none of which are the network's.

        Raises:
            UsageError: no name and shape agree; the first of both is named.
        """
        if any(self._has(name, drawn) for name, drawn in own.items()):
            return
        theirs, drawn = next(iter(self.weights.items())), next(iter(own.items()))
        raise UsageError(
            f"None of the weights to start from is one of {network}: the first of the file is "
            f"{theirs[0]} {tuple(theirs[1].shape)}, of the network {drawn[0]} "
            f"{tuple(drawn[1].shape)}; name the --model that they were trained in."
        )

    def _has(self, name: str, drawn: Tensor) -> bool:
        return name in self.weights and self.weights[name].shape == drawn.shape


def start_of(weights: Parameters, where: str = "") -> Start:
    """Weights as they are, numbers as float32.

    Args:
        weights: of one network.
        where: they are from, for the error, e.g. ``" in start.safetensors"``.

    Raises:
        UsageError: a weight is no finite number.
    """
    digest = hashlib.sha256()
    placed: Parameters = {}
    for name in sorted(weights):
        numbers = weights[name].float() if weights[name].is_floating_point() else weights[name]
        if not bool(torch.isfinite(numbers).all()):
            raise UsageError(f"The weight {name}{where} holds numbers that are not finite.")
        placed[name] = numbers
        digest.update(f"{name}{tuple(numbers.shape)}".encode() + numbers.numpy().tobytes())
    return Start(placed, digest.hexdigest()[:16])


def read_start(path: str | Path | Start) -> Start:
    """Read weights from a file; those that are read already stay as they are.

    Raises:
        UsageError: there is no such file, it is not safetensors, or a weight is no finite number.
    """
    if isinstance(path, Start):
        return path
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(readable(typed(str(path))))
    except OSError as error:
        raise UsageError(f"Cannot read the weights {path}: {error.strerror or error}.") from None
    except SafetensorError:
        raise UsageError(
            f"{path} is not a safetensors file; save the weights with "
            "safetensors.torch.save_file(model.state_dict(), path)."
        ) from None
    return start_of(found, f" in {path}")
