"""Models of sequences by name, and anybody's module as one.

A model is named with its options, ``transformer(positions=rotary,layers=2)``; what there is stands
in :mod:`gengap.sequences.networks`, one file a model. A user's module takes token numbers
``(n, L)`` and returns logits ``(n, L, V)``, or is called as those of Hugging Face are. If it is
seen not to look ahead it writes its answer token by token, else it answers at slots
(:mod:`gengap.sequences.pairs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from gengap.base.errors import UsageError, unknown
from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.models.networks import Architecture


@dataclass(frozen=True)
class SequenceModelInfo:
    """What the registry knows about a model of sequences.

    Attributes:
        kind: makes it of its options, which are keywords.
        name: what the user types.
        summary: one line that says what it is.
        paper: the source.
    """

    kind: Callable[..., Architecture]
    name: str
    summary: str
    paper: Paper


_REGISTRY = Registry(SequenceModelInfo, "model of sequences", "gengap.sequences.networks")
sequence_model = _REGISTRY.register
sequence_models = _REGISTRY.all
sequence_model_info = _REGISTRY.get


def sequence_architecture(model: Any, products: torch.dtype = torch.float32) -> Architecture:
    """The networks of a model's name, of a module, or of a function that makes one.

    Raises:
        UsageError: there is no such model or option.
    """
    if products != torch.float32:
        raise UsageError("Models of sequences train in fp32, which is faster for them here.")
    if isinstance(model, str):
        return named(model)
    if isinstance(model, nn.Module) or not hasattr(model, "initialise"):
        from gengap.sequences.modules import given_module

        return given_module(model)
    return model


def named(
    text: str, find: Callable[[str], SequenceModelInfo] = sequence_model_info
) -> Architecture:
    """The model of a name with options, ``stack-rnn(width=64)``.

    Args:
        find: looks a name up.

    Raises:
        UsageError: there is no such model or option, or a value cannot be used.
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise UsageError(f"{text!r} is no model; write for example transformer(positions=rotary).")
    name, inside = match.group(1).lower(), match.group(2) or ""
    info = find(name)
    given: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in inside.split(","))):
        key, sign, value = part.partition("=")
        if not sign:
            raise UsageError(f"{part!r} in {text!r} is no option; write name=value.")
        given[key.strip()] = value.strip()
    return info.kind(**_checked(info, given))


def _checked(info: SequenceModelInfo, given: Mapping[str, str]) -> dict[str, Any]:
    known = list(signature(info.kind).parameters)
    hints = get_type_hints(info.kind)
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise unknown(f"{info.name} has no option {key!r}", key, known)
        try:
            found[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise UsageError(f"{key}={value} of {info.name} cannot be used: {said}.") from None
    return found


def titled(name: str, kind: Callable[..., Any], **options: Any) -> str:
    """A model's name with those of its options that are not at their defaults."""
    usual = {own.name: own.default for own in signature(kind).parameters.values()}
    said = [f"{key}={value}" for key, value in options.items() if value != usual[key]]
    return f"{name}({','.join(said)})" if said else name
