"""A model's fingerprint, by which a guard knows the model it was made for.

It is a hash of what the model computes with, in a fixed order: a network's submodules with their
settings and its state dict, an estimator's parameters and fitted attributes, but for those that do
not change what it says (:data:`IDLE`). Of functions the qualified names count, and the names that
they use; code in a module's ``forward`` is not seen. Nothing is pickled, so the fingerprint
survives saving and loading the model. Inside compiled objects (trees, search structures) arrays
alone count; the rest are counters that change with use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gengap.models.passes import uncompiled

SKORCH = ("classes_", "predict_nonlinearity")
IDLE = frozenset({"_sklearn_version", "n_jobs", "verbose"})


def fingerprint(model: Any) -> str:
    """Hexadecimal hash of a network or of a fitted estimator."""
    if isinstance(model, nn.Module):
        model = uncompiled(model)
    digest = hashlib.sha256(type(model).__name__.encode())
    _add(model, digest, {})
    return digest.hexdigest()


def _add_network(model: nn.Module, digest: Any) -> None:
    """Add a network's submodules with their settings and its state dict."""
    for name, module in model.named_modules():
        kind = type(module).__qualname__
        digest.update(f"\x1e{name}\x1f{kind}\x1f{module.extra_repr()}".encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        _add(tensor, digest, {})


def _add(value: Any, digest: Any, seen: dict[int, Any], arrays_only: bool = False) -> None:
    """Add a value to a hash, by what it is rather than where it lies."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy()
    if isinstance(value, memoryview):
        value = np.asarray(value)
    if isinstance(value, nn.Module):
        _add_network(value, digest)
    elif isinstance(value, np.ndarray):
        _add_array(value, digest, seen)
    elif value is None or isinstance(value, str | bytes | bool | int | float | np.generic):
        if not arrays_only:
            digest.update(f"\x1f{value!r}".encode())
    elif id(value) not in seen:
        seen[id(value)] = value  # held, or its id could be given to another
        if isinstance(value, Mapping):
            keys = sorted((key for key in value if key not in IDLE), key=str)
            parts = [part for key in keys for part in (str(key), value[key])]
        elif isinstance(value, list | tuple):
            parts = list(value)
        else:
            digest.update(type(value).__qualname__.encode())
            _add_name(value, digest)
            parts, arrays_only = _state(value, arrays_only)
        for part in parts:
            _add(part, digest, seen, arrays_only)


def _add_name(value: Any, digest: Any) -> None:
    """Add what a function or class is called; of Python functions also the names they use."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        home = getattr(value, "__module__", None)
        name = getattr(value, "__qualname__", value.__name__)
        used = getattr(getattr(value, "__code__", None), "co_names", ())
        digest.update(f"\x1f{home}\x1f{name}\x1f{used}".encode())


def _add_array(values: np.ndarray, digest: Any, seen: dict[int, Any]) -> None:
    digest.update(f"\x1f{values.shape}{values.dtype.kind}".encode())
    if values.dtype.names:  # fields one by one: the bytes between them are arbitrary
        for name in values.dtype.names:
            _add_array(values[name], digest, seen)
    elif values.dtype.kind == "O":
        for part in values.ravel():
            _add(part, digest, seen)
    else:
        digest.update(np.ascontiguousarray(values).tobytes())


def _state(value: Any, arrays_only: bool) -> tuple[list[Any], bool]:
    """What an object holds, and whether only its arrays count."""
    from sklearn.base import BaseEstimator

    if isinstance(value, type):
        return [], True
    if isinstance(network := getattr(value, "module_", None), nn.Module):
        # skorch: its own state is the bytes of a file, never twice the same.
        parts = [getattr(value, name, None) for name in SKORCH]
        return [network, *parts, type(getattr(value, "criterion_", None))], arrays_only
    try:
        state = value.__getstate__()
    except (TypeError, AttributeError):
        return [], True
    return [state], arrays_only or not isinstance(value, BaseEstimator)
