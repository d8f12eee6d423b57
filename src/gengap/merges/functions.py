"""Each merge of the registry as a function on dicts of tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from typing import Any

from torch import Tensor

from gengap.base.errors import UsageError
from gengap.merges.merging import Model, merge_models
from gengap.merges.registry import BASE, IMPORTANCE, SCORES, MergeInfo, merge_info, merges

_GIVEN = {BASE: "base", SCORES: "score", IMPORTANCE: "importance"}


def names() -> list[str]:
    """What the functions are called."""
    return [name.replace("-", "_") for name in merges()]


def function(name: str) -> Callable[..., dict[str, Tensor]]:
    """The merge that is called so, as a function of models.

    Raises:
        AttributeError: there is none.
    """
    known = {own.replace("-", "_"): own for own in merges()}
    if name not in known:
        raise AttributeError(f"module 'gengap.merges' has no attribute {name!r}")
    return _made(merge_info(known[name]))


def merge_by(
    info: MergeInfo, models: Sequence[Model], base: Model | None = None, **given: Any
) -> dict[str, Tensor]:
    """Merge as a record of the registry says.

    Args:
        info: of the merge.
        given: hyperparameters of the merge, and what :func:`~gengap.merges.merging.merge_models`
            takes.

    Raises:
        UsageError: what the merge needs is not given, or what was given does not fit.
    """
    known = inspect.signature(merge_models).parameters
    beside = {key: given.pop(key) for key in list(given) if key in known}
    have = {**beside, "base": base}
    for need in info.needs:
        if need in _GIVEN and have.get(_GIVEN[need]) is None:
            raise UsageError(f"{info.name} needs {need}; give {_GIVEN[need]}.")
    return merge_models(info.merge.make(**given), models, base, **beside)


def _made(info: MergeInfo) -> Callable[..., dict[str, Tensor]]:
    def merge(
        models: Sequence[Model], base: Model | None = None, **given: Any
    ) -> dict[str, Tensor]:
        return merge_by(info, models, base, **given)

    merge.__name__ = merge.__qualname__ = info.name.replace("-", "_")
    merge.__doc__ = f"{info.summary[0].upper()}{info.summary[1:]} ({info.paper.short}).\n\n" + (
        f"{inspect.getdoc(inspect.getmodule(info.merge))}"
    )
    merge.__signature__ = _signature(info)  # type: ignore[attr-defined]
    return merge


def _signature(info: MergeInfo) -> inspect.Signature:
    """Models, base, hyperparameters with their defaults, and what else may be given."""
    ordinary = list(inspect.signature(merge_models).parameters.values())[1:]
    own = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type
        )
        for name, f in info.merge.fields().items()
        if f.default is not MISSING
    ]
    return inspect.Signature([*ordinary[:2], *own, *ordinary[2:]])
