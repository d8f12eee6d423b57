"""From JSON values back to the dataclasses that :func:`gengap.base.files.json_values` wrote."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np


def from_json(kind: Any, value: Any) -> Any:
    """A value of an annotated type; None stands for a number that is not finite, and becomes NaN.

    Args:
        kind: a dataclass, or a type as fields of dataclasses are annotated with: numbers, text,
            tuples, arrays, mappings, literals, and what may be None.
        value: as JSON holds it.

    Raises:
        ValueError: the value is not of that type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        return None if value is None else from_json(options[0], value)
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is float:
        return math.nan if value is None else float(_of(value, int, float))
    if kind is np.ndarray:
        return _array(_of(value, list))
    if origin is tuple:
        return _tuple(arguments, _of(value, list))
    if origin in (dict, Mapping):
        return {key: from_json(arguments[1], own) for key, own in _of(value, dict).items()}
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{value!r} is none of {arguments}.")
        return value
    return _of(value, kind)


def _dataclass(kind: Any, value: Any) -> Any:
    given, hints = _of(value, dict), _hints(kind)
    found = {
        f.name: from_json(hints[f.name], given[f.name]) for f in fields(kind) if f.name in given
    }
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    if missing := needed - set(found):
        raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}.")
    return kind(**found)


def _tuple(kinds: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        return tuple(from_json(kinds[0], own) for own in values)
    if len(kinds) != len(values):
        raise ValueError(f"{len(values)} values where {len(kinds)} belong.")
    return tuple(from_json(own, one) for own, one in zip(kinds, values, strict=True))


def _array(values: list[Any]) -> np.ndarray:
    found = np.array(values)
    return found.astype(np.float64) if found.dtype == object else found  # None becomes NaN


def _of(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{value!r} is no {kinds[-1].__name__}.")
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
