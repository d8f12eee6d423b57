"""Networks of a user's own code: a file names the code and holds the weights, never the code.

Whoever opens the folder hands over what the name stands for. Nothing is imported because a file
says so, so a folder from a stranger runs nothing. The layers must be those that were trained: two
networks may share all shapes of weights and still compute other things.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from gengap.base.errors import UsageError
from gengap.base.printable import sentence
from gengap.models.factories import built_mlp, small_cnn
from gengap.models.given_modules import GivenModule
from gengap.models.networks import MLP, Architecture, Module, Network, architecture


def code_of(model: Any, name: str) -> tuple[str, str]:
    """Which code makes a network, as ``module:name``, and its layers; empty where gengap's does.

    Args:
        model: a network or an estimator.
        name: of the architecture, as runs are known by.
    """
    if not isinstance(model, Network) or isinstance(model.architecture, MLP) or name == "cnn":
        return "", ""
    made: Any = model.architecture
    if isinstance(made, Module) and getattr(made.factory, "func", None) in (built_mlp, small_cnn):
        return "", ""
    if isinstance(made, Module):
        made = made.factory.module if isinstance(made.factory, GivenModule) else made.factory
    if not hasattr(made, "__qualname__"):
        made = type(made)
    return f"{made.__module__}:{made.__qualname__}", layers_of(model.architecture)


def layers_of(made: Architecture) -> str:
    """A digest of a network's layers, in words and so without their weights."""
    module = getattr(made, "_module", None)
    return hashlib.sha256(str(module if module is not None else made.name).encode()).hexdigest()


def made_by(code: str, modules: Mapping[str, Any] | None) -> Architecture:
    """The architecture that some code makes, which the caller must have handed over.

    Raises:
        UsageError: it was not handed over, or is no network.
    """
    if code not in (modules or {}):
        shown = sentence(code)
        raise UsageError(
            f"This model's network is made by {shown}, code that the folder does not hold and that "
            "is not run unasked; if you trust it, give it as "
            f'gengap.load(folder, modules={{"{shown}": ...}}) or '
            f"gengap predict --model-code {shown}."
        )
    made: Architecture = architecture(dict(modules or {})[code])
    return made


def initialised(code: str, made: Architecture, shape: Any, outputs: int) -> Any:
    """The parameters that some code's network begins with.

    Raises:
        UsageError: the code fails.
    """
    try:
        return made.initialise(shape, outputs, 0)
    except UsageError:
        raise
    except Exception as error:
        said = sentence(f"{type(error).__name__}: {error}")
        raise UsageError(
            f"{sentence(code)} cannot make a network for examples of shape {tuple(shape)} "
            f"({said}); give the code that the model was trained with."
        ) from error


def refuse_other(code: str, same: bool) -> None:
    """Raise :class:`UsageError` unless the network is the one that was trained."""
    if not same:
        raise UsageError(
            f"{sentence(code)} makes another network than the one that was trained; give the code "
            "as it was then."
        )
