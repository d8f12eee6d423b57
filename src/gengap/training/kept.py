"""Trained models as bytes and back: safetensors for networks, skops for scikit-learn estimators.

Neither format can run code when it is read.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from zipfile import BadZipFile

from torch import Tensor

from gengap.base.errors import UsageError
from gengap.models.networks import Architecture, Module, Network
from gengap.records.run import KeptModel

# An estimator of more bytes than this is kept only when it is asked for.
SMALL = 256 << 10
# Packages whose classes may be built again from a file, but for modules that do things on import.
TRUSTED = ("sklearn.", "numpy.", "scipy.", "gengap.")
# What gradient boosting prepares categories with; a partial of anything else names that as well.
HARMLESS = ("functools.partial", "sklearn.utils.validation.check_array")
BUSY = ("__", "conftest", "tests", "_testing", "testing", "cli", "f2py", "distutils")
BUFFER = "buffer:"
DAMAGED = "The kept model is damaged; free it with gengap clean and train it again."


def networks_to_bytes(network: Network, runs: int, step: int) -> Iterator[KeptModel]:
    """The first ``runs`` networks of a fleet after ``step`` steps, one by one."""
    from safetensors.torch import save

    buffers = {
        f"{BUFFER}{name}": value.detach().cpu().contiguous()
        for name, value in _buffers(network.architecture)
    }
    stacked = {name: p.detach().cpu() for name, p in network.parameters.items()}
    for place in range(runs):
        own = {name: p[place].contiguous() for name, p in stacked.items()}
        yield KeptModel(step, "safetensors", save({**own, **buffers}))


def network_from_bytes(
    model: KeptModel, architecture: Architecture, shape: Sequence[int]
) -> Network:
    """The network of a kept model, as a fleet of one.

    Args:
        architecture: one that ``initialise`` was called on with the problem's shape; its buffers
            are set.
        shape: of one input.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(model.content)
    except SafetensorError:
        raise UsageError(DAMAGED) from None
    # The file comes in another order each time, and depth is told by the order of layers.
    module = getattr(architecture, "_module", None)
    defined = [] if module is None else [name for name, _ in module.named_parameters()]
    names = [name for name in sorted(tensors) if not name.startswith(BUFFER)]
    own = {name: tensors[name][None] for name in (*defined, *names) if name in tensors}
    for name in tensors:
        if name.startswith(BUFFER) and "/" in name:  # of a further network
            architecture.branch(name.removeprefix(BUFFER).split("/")[0])  # type: ignore[attr-defined]
    for name, value in _buffers(architecture):
        value.copy_(tensors[f"{BUFFER}{name}"])
    architecture.train(False)
    return Network(architecture, own, tuple(shape))


def _buffers(architecture: Any) -> list[tuple[str, Tensor]]:
    """Buffers of a module, such as BatchNorm's statistics; layers that vectorise have none."""
    return architecture.buffers() if isinstance(architecture, Module) else []


def estimator_to_bytes(estimator: Any, step: int = 0, small: bool = False) -> KeptModel | None:
    """A fitted estimator, or None where it cannot be kept.

    Args:
        small: give None for an estimator of more than ``SMALL`` bytes.
    """
    try:
        import skops.io
    except ImportError:
        return None
    with suppress(Exception):  # Anybody's estimator may hold what no format but pickle knows.
        if small and len(pickle.dumps(estimator)) > SMALL:
            return None
        return KeptModel(step, "skops", skops.io.dumps(estimator))
    return None


def estimator_from_bytes(model: KeptModel) -> Any:
    """The estimator of a kept model.

    Raises:
        UsageError: skops is missing, or the file holds types of packages that are not trusted.
    """
    try:
        import skops.io
    except ImportError:
        raise UsageError(
            'A kept scikit-learn model needs skops; run pip install "gengap[skops]".'
        ) from None
    if strange := untrusted(model):
        raise UsageError(
            f"The kept model holds {strange}, which gengap does not build from a file; train it "
            "again."
        )
    unknown = skops.io.get_untrusted_types(data=model.content)
    return skops.io.loads(model.content, trusted=unknown)


def untrusted(model: KeptModel) -> str:
    """The first type or function in a skops file that is not built from it; empty without any.

    Raises:
        UsageError: it is damaged.
    """
    import skops.io

    try:
        unknown = skops.io.get_untrusted_types(data=model.content)
    except (BadZipFile, KeyError, ValueError):  # no archive, no schema, no bytes at all
        raise UsageError(DAMAGED) from None
    return next((name for name in unknown if not _trusted(name)), "")


def _trusted(name: str) -> bool:
    """Whether a file may name this: a class of the trusted packages; a function could do anything.

    What skops trusts by itself, such as estimators and ufuncs, is not asked about.
    """
    if name in HARMLESS:
        return True
    module, _, kind = name.rpartition(".")
    if not name.startswith(TRUSTED) or any(p.startswith(BUSY) for p in module.split(".")):
        return False
    try:
        return isinstance(getattr(importlib.import_module(module), kind), type)
    except (ImportError, AttributeError):
        return False
