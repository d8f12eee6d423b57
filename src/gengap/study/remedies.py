"""Which remedies of trained models a study tries: merges of them, adapters of them, and both.

Every training method is tried as it is, with each merge, and each of these with each adapter:
``erm``, ``erm + average``, ``erm + tent``, ``erm + average + tent``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from gengap.adapters.registry import BATCH_NORMALISATION, NORMALISATION, AdapterInfo, adapter_info
from gengap.base.errors import UsageError
from gengap.environments.streams import STRANGERS
from gengap.merges.registry import (
    BASE,
    IMPORTANCE,
    PERCEPTRON,
    SCORES,
    MergeInfo,
    merge_info,
)
from gengap.methods.base import Method, headed, stack
from gengap.methods.heads import module_with_heads
from gengap.methods.registry import ALL_ROWS, SIMULATOR, TRANSITIONS, WITH_REMEDY, registered
from gengap.models.networks import MLP, Network
from gengap.study.plan import Entry, Remedy
from gengap.study.resolve import name_and_values
from gengap.training.tables import Tables

if TYPE_CHECKING:
    from gengap.study.study import Study

NORMALISED = {NORMALISATION, BATCH_NORMALISATION}
WITH_NORMALISATION = '--model "mlp(128,128,norm=batch)" or another with norm=batch'
# What cannot be joined of methods that predict with what they fit beside their weights.
NOT_JOINED = {
    "models": "runs do not have in common",
    "trajectory": "checkpoints before the last need not have",
    "base": "the weights before training do not have",
}
GOES_ON = "answers inputs, and here networks go on from what they wrote themselves."
ACTED_IN = "adapters and merges start from models that answer inputs, and in these data agents act"


def with_remedies(study: Study, entries: Sequence[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """All entries of a study, those that are trained first, and why others are left out.

    Raises:
        UsageError: an unknown remedy or hyperparameter, or a study that has no room for remedies.
    """
    if not study.adapters and not study.merges:
        return list(entries), {}
    _check(study, entries)
    skipped: dict[str, str] = {}
    merged = list(_each(entries, study.merges, _merge(study), skipped))
    adapted = _each([*entries, *merged], study.adapters, _adapter(study), skipped)
    found = [*entries, *merged, *adapted]
    if len(found) == len(entries):
        raise UsageError(f"No remedy is left to try: {' '.join(skipped.values())}")
    return found, skipped


def _check(study: Study, entries: Sequence[Entry]) -> None:
    if {TRANSITIONS, SIMULATOR} & {*getattr(study.problem, "offers", ())}:
        raise UsageError(f"Leave --adapters and --merges out: {ACTED_IN}.")
    if study.stream_used.order == STRANGERS:
        _check_strangers(study, entries)


def _check_strangers(study: Study, entries: Sequence[Entry]) -> None:
    problem = study.problem
    if not isinstance(problem, Tables) or problem.targets != "classification":
        raise UsageError(
            "Strangers come into streams of tables, images and signals with classes; name another "
            "--stream."
        )
    for entry in entries:
        if entry.method is not None and registered(entry.name).sees_outliers:
            raise UsageError(
                f"{entry.name} trains on the very strangers that are to come; leave it out, or "
                "name another --stream."
            )


def _each(
    entries: Sequence[Entry], items: Sequence[Any], make: Any, skipped: dict[str, str]
) -> Iterator[Entry]:
    """Every remedy of every entry that has networks."""
    for entry in entries:
        if entry.method is None:
            continue
        for item in items:
            name, values = name_and_values(item)
            made = make(entry, name, values)
            if isinstance(made, Entry):
                yield made
            else:
                skipped[f"{entry.name}{WITH_REMEDY}{name}"] = made


def _merge(study: Study) -> Any:
    def make(entry: Entry, name: str, values: Mapping[str, Any]) -> Entry | str:
        info: MergeInfo = merge_info(name)
        settings = vars(info.merge.make(**values))
        if why := info.why_not(info.of, _at_hand(study, entry)):
            return f"{why} Give weights trained before with --start." if BASE in info.needs else why
        asked = [info.of, *(["base"] if BASE in info.needs else [])]
        if missing := [of for of in asked if of not in registered(entry.name).method.joins]:
            return (
                f"{entry.name} predicts with what it fits beside its weights, which "
                f"{NOT_JOINED[missing[0]]}; {name} cannot join it."
            )
        fewest = max(info.minimum_models, 1 if BASE in info.needs else 2)
        if info.of == "models" and len(entry.trials) < fewest:
            return f"{name} joins the models of several trials; give --trials 2 or more."
        if info.of == "trajectory" and len(study.scored_at) < 2:
            return f"{name} joins the models of several checkpoints; give --checkpoints linear:10."
        trials = entry.trials[:1] if info.of == "models" else entry.trials
        remedy = Remedy(entry, "merge", name, settings, info.of)
        return _derived(entry, remedy, trials)

    return make


def _at_hand(study: Study, entry: Entry) -> set[str]:
    """What merges may need and this study has; weights that are drawn are no base."""
    found = {SCORES} if study.started is None else {SCORES, BASE}
    plain = registered(entry.name).method.output is Method.output
    if plain and isinstance(study.architectures[entry.model], MLP):
        found.add(PERCEPTRON)
    return found if ALL_ROWS in study.problem.lacks else {*found, IMPORTANCE}


def _adapter(study: Study) -> Any:
    def make(entry: Entry, name: str, values: Mapping[str, Any]) -> Entry | str:
        info: AdapterInfo = adapter_info(name)
        settings = vars(info.adapter.Settings.make(**values))
        goes_on = getattr(study.problem, "goes_on", None)
        if goes_on is not None and goes_on(study.architectures[entry.model]):
            return f"{name} {GOES_ON}"
        has_source = ALL_ROWS not in study.problem.lacks
        example = torch.zeros(2, *study.problem.shape, dtype=study.problem.dtype)
        model = _untrained(study, entry)
        why = info.why_not(study.problem.targets, model, has_source, example)
        fewest = info.fewest(model)
        if why is None and study.stream_used.batch < fewest:
            why = f"{name} needs batches of at least {fewest}; give --stream-batch {fewest}."
        if why is not None:
            named = isinstance(study.model, str) and study.model.startswith(("mlp", "cnn"))
            unmet = named and NORMALISED & set(info.needs) and "; the model has none" in why
            return f"{why} Give {WITH_NORMALISATION}." if unmet else why
        told = {"stream": study.stream_used.order, "stream batch": study.stream_used.batch}
        remedy = Remedy(entry, "adapter", name, settings)
        return replace(_derived(entry, remedy, entry.trials), settings={**entry.settings, **told})

    return make


def _derived(entry: Entry, remedy: Remedy, trials: Sequence[Mapping[str, Any]]) -> Entry:
    own = "" if not remedy.values else _said(remedy)
    name = f"{entry.name}{WITH_REMEDY}{remedy.name}{own}"
    return replace(entry, name=name, trials=tuple(trials), remedy=remedy, given=None)


def _said(remedy: Remedy) -> str:
    """Hyperparameters that are not the defaults, so that two settings have two names."""
    kind: Any = (
        adapter_info(remedy.name).adapter.Settings
        if remedy.kind == "adapter"
        else merge_info(remedy.name).merge
    )
    usual = vars(kind.make())
    own = [f"{k}={v:g}" for k, v in remedy.values.items() if v != usual[k]]
    return f" ({', '.join(own)})" if own else ""


def _untrained(study: Study, entry: Entry) -> Any:
    """A model of an entry as adapters meet it, with fresh weights."""
    architecture, problem = study.architectures[entry.model], study.problem
    made = architecture.initialise(problem.shape, problem.outputs, 0)
    network = Network(architecture, {name: p[None] for name, p in made.items()}, problem.shape)
    method = registered(entry.name).method
    return module_with_heads(headed(network, stack([method.make()])))
