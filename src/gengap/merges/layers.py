"""Which layer of a model a tensor belongs to, and how deep that lies, from the names alone.

Tensors of one layer share the part of their names up to the first number, or without numbers all
but the last word: ``blocks.3.attention.weight`` and ``blocks.3.norm.bias`` are of ``blocks.3``,
``head.weight`` of ``head``, and ``weight0`` and ``bias0`` are of ``0``. Layers are in the order of
the tensors, which in a ``state_dict()`` is that of their definition. Files hold names in order of
the alphabet, or in none; where names are in that order, or numbers fall, layers are in order of
their numbers, names that begin as embeddings do come before the numbered ones and other names
after them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gengap.base.errors import UsageError, listing

_NUMBERED = re.compile(r"[^\W\d]+(\d+)")
_FIRST = re.compile(r"embed|patch|stem|tokens?\b|\bw[tp]e\b|positional|conv_?1\b|input", re.I)


def layer_of(name: str) -> str:
    """The layer that a tensor is of.

    >>> [layer_of(name) for name in ("h.3.mlp.weight", "head.bias", "0.weight", "bias2")]
    ['h.3', 'head', '0', '2']
    """
    if alone := _NUMBERED.fullmatch(name):
        return alone[1]
    words = name.split(".")
    numbered = [place for place, word in enumerate(words) if word.isdigit()]
    if numbered:
        return ".".join(words[: numbered[0] + 1])
    return ".".join(words[:-1]) or name


def depths(names: Iterable[str], layers: Sequence[str] | None = None) -> dict[str, float]:
    """The depth of each tensor's layer, 0 for the first and 1 for the last; a lone layer is last.

    Args:
        names: of all tensors.
        layers: how the names of each layer begin, first to last; worked out when not given.

    Raises:
        UsageError: a tensor is of none of the layers given.
    """
    names = list(names)
    if layers is None:
        homes = {name: layer_of(name) for name in names}
        found = list(dict.fromkeys(homes.values()))
        defined = names != sorted(names) and not _falling(found)
        order = found if defined else _ordered(found)
    else:
        homes, order = {name: _home(name, layers) for name in names}, list(layers)
    last = max(len(order) - 1, 1)
    place = {layer: 1.0 if len(order) == 1 else k / last for k, layer in enumerate(order)}
    return {name: place[homes[name]] for name in names}


def _home(name: str, layers: Sequence[str]) -> str:
    own = name, layer_of(name)
    fitting = [layer for layer in layers if layer in own or name.startswith(f"{layer}.")]
    if not fitting:
        raise UsageError(
            f"The tensor {name} is of none of the layers given ({listing(layers)}); name its layer."
        )
    return max(fitting, key=len)


def _falling(layers: Sequence[str]) -> bool:
    """Whether of two layers whose names differ in the number alone the larger comes first."""
    last: dict[str, int] = {}
    for layer in layers:
        stem, number = re.fullmatch(r"(.*?)(\d*)", layer, re.S).groups()  # type: ignore[union-attr]
        if number and int(number) < last.get(stem, -1):
            return True
        last[stem] = int(number or -1)
    return False


def _ordered(found: list[str]) -> list[str]:
    """Layers first to last by their names."""
    numbers = any(re.search(r"\d", layer) for layer in found)

    def key(layer: str) -> tuple[int, list[int | str]]:
        numbered = bool(re.search(r"\d", layer))
        group = 1 if numbered or not numbers else (0 if _FIRST.search(layer) else 2)
        # Words and numbers take turns, so that only like is compared with like.
        parts = re.split(r"(\d+)", layer)
        return group, [int(part) if k % 2 else part for k, part in enumerate(parts)]

    return sorted(found, key=key)
