"""Models merged tensor by tensor; what cannot be merged is said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from gengap.base.errors import UsageError
from gengap.merges.agreement import (
    check_finite,
    check_forms,
    check_ties,
    forms,
    merges_as,
    same,
    ties,
)
from gengap.merges.base import Choice, Merge, Place, Visit
from gengap.merges.layers import depths

Model = Mapping[str, Tensor]


@dataclass(frozen=True)
class Given:
    """Models to merge and what is known of them; nothing here is ever changed."""

    models: Sequence[Model]
    base: Model | None
    importance: Sequence[Model] | None
    called: tuple[str, ...]

    def visit(self, name: str, place: Place) -> Visit:
        """One tensor of all models, as it is merged."""
        kind = merges_as(name, self.models[0][name].dtype)
        models = [model[name].detach() for model in self.models]
        base = None if self.base is None else self.base[name].detach()
        tensors = models if base is None else [*models, base]
        check_finite(name, tensors, self.called)
        if self.importance is not None:
            parts = [part[name].detach().to(kind) for part in self.importance]
            place = replace(place, importance=parts)
        return [t.to(kind) for t in models], None if base is None else base.to(kind), place


def merge_models(
    merge: Merge,
    models: Sequence[Model],
    base: Model | None = None,
    *,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    steps: Sequence[int] | None = None,
    score: Callable[[Model], float] | None = None,
    importance: Sequence[Model] | None = None,
    layers: Sequence[str] | None = None,
) -> dict[str, Tensor]:
    """Merge models, or checkpoints of one run, into one.

    Args:
        merge: how.
        models: tensors by name, the same names and shapes in each; in order where they are
            checkpoints of one run.
        base: what the models were fine-tuned from.
        seed: of what a merge draws.
        weights: what each model is to count; only their ratios matter.
        steps: after which each checkpoint was taken.
        score: of a merged model on validation examples; larger is better.
        importance: of each weight of each model, such as the diagonal of the Fisher information;
            names and shapes as in ``models``.
        layers: how the names of each layer begin, first to last; see
            :mod:`gengap.merges.layers` for what is taken when not given.

    Returns:
        New tensors by name, of the types of the first model. Tensors of whole numbers, which must
        be equal in all models, are taken over, and tied ones are tied again.

    Raises:
        UsageError: the models do not fit together, hold what is not finite, or something that the
            merge needs is missing.
    """
    if not models:
        raise UsageError("There are no models to merge; give at least one.")
    called = tuple(f"model {k + 1}" for k in range(len(models)))
    every = [*models] if base is None else [*models, base]
    names = (*called, "the base")[: len(every)]
    check_forms([forms(model) for model in every], names)
    tied = [ties(model) for model in every]
    check_ties(tied, names)
    if importance is not None:
        _check_importance(models, importance)
    given = Given(models, base, importance, names)
    places = _places(models[0], seed, layers)

    def scored(weights: Sequence[float]) -> float:
        assert score is not None
        return score(_merged(merge, given, weights, places, tied[0]))

    choice = Choice(
        len(models),
        None if weights is None else tuple(weights),
        None if steps is None else tuple(steps),
        base is not None,
        scored if score else None,
    )
    chosen = choose(merge, choice)
    return _merged(merge, given, chosen, places, tied[0])


def choose(merge: Merge, choice: Choice) -> tuple[float, ...]:
    """The weight of each model, for whatever was preferred in any unit.

    Raises:
        UsageError: preferences or steps that cannot be meant.
    """
    if choice.preferences is not None:
        if not merge.preferable:
            raise UsageError(
                f"{type(merge).__name__} finds the weights of models itself; leave weights out."
            )
        choice = replace(choice, preferences=_shares(choice.preferences, choice.number))
    steps = choice.steps
    if steps is not None and (len(steps) != choice.number or list(steps) != sorted(set(steps))):
        raise UsageError(
            f"steps must be {choice.number} increasing whole numbers, one for each checkpoint."
        )
    return tuple(float(w) for w in merge.weights(choice))


def _shares(preferences: Sequence[float], number: int) -> tuple[float, ...]:
    total = math.fsum(preferences)
    if (
        len(preferences) != number
        or any(not p >= 0 for p in preferences)
        or not 0 < total < math.inf
    ):
        raise UsageError(
            f"weights must be {number} numbers of at least 0, one for each model, and not all 0."
        )
    return tuple(p / total for p in preferences)


def _check_importance(models: Sequence[Model], importance: Sequence[Model]) -> None:
    if len(importance) != len(models):
        raise UsageError(
            f"There are {len(models)} models and the importance of {len(importance)}; give one for "
            "each."
        )
    first = forms(models[0])
    for k, part in enumerate(importance):
        for name, form in first.items():
            if merges_as(name, form.dtype) is None:
                continue
            if name not in part or tuple(part[name].shape) != form.shape:
                raise UsageError(
                    f"The importance for model {k + 1} has no tensor {name} of the shape in the "
                    "model; work it out for every weight."
                )
            check_finite(name, [part[name]], [f"the importance for model {k + 1}"])
            if bool((part[name] < 0).any()):
                raise UsageError(
                    f"The importance for model {k + 1} is negative in {name}; give squares or "
                    "magnitudes."
                )


def _places(model: Model, seed: int, layers: Sequence[str] | None) -> dict[str, Place]:
    """The place of each tensor that is merged, before weights are chosen."""
    kinds = {name: merges_as(name, tensor.dtype) for name, tensor in model.items()}
    deep = depths([name for name, kind in kinds.items() if kind is not None], layers)
    return {name: Place(name, depth, seed, ()) for name, depth in deep.items()}


def _merged(
    merge: Merge,
    given: Given,
    weights: Sequence[float],
    places: Mapping[str, Place],
    tied: Mapping[str, str],
) -> dict[str, Tensor]:
    places = {name: replace(place, weights=tuple(weights)) for name, place in places.items()}
    if merge.looks:
        found = merge.look(given.visit(name, place) for name, place in places.items())
        places = {name: replace(place, found=found) for name, place in places.items()}
    merged: dict[str, Tensor] = {}
    for name, tensor in given.models[0].items():
        if name in tied:
            merged[name] = merged[tied[name]]
        elif name not in places:
            parts = [model[name].detach() for model in given.models]
            merged[name] = same(name, parts, given.called)
        else:
            merged[name] = merge.tensor(*given.visit(name, places[name])).to(tensor.dtype)
    return merged
