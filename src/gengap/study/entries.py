"""What a study trains: its methods, each with every model, and why some cannot apply."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.methods.bc import BC
from gengap.methods.erm import ERM
from gengap.methods.registry import (
    GUIDED,
    HAMMING_WEIGHT,
    LINEAR_END,
    RARE,
    SAME_STEP,
    SIMULATOR,
    TRANSITIONS,
    WEIGHTS,
    WITH_MODEL,
    registered,
)
from gengap.methods.scheduled import ScheduledTraining
from gengap.study.checkpoints import checkpoints_of
from gengap.study.plan import Entry
from gengap.study.remedies import with_remedies
from gengap.study.resolve import is_named_estimator, resolve
from gengap.training.inputs import input_of, said_of_categories, said_of_inputs

if TYPE_CHECKING:
    from gengap.study.study import Study

# What plain training is called, which nothing needs to join for comparison.
PLAIN = (ERM, BC, ScheduledTraining)


ADAPTING = (
    "Adapters see inputs of the unseen environments, without targets, as they answer them, those "
    "of a batch together; methods without one answer each input by itself."
)


@dataclass(frozen=True)
class Entries:
    """The methods of a study.

    Attributes:
        entries: what is trained; the first is the baseline.
        added: names of those that nobody asked for.
        skipped: why others are left out, by name.
        warnings: sentences about them.
    """

    entries: tuple[Entry, ...]
    added: list[str]
    skipped: dict[str, str]
    warnings: list[str]


def entries_of(study: Study, fewest: int) -> Entries:
    """Resolve the methods of a study.

    Args:
        fewest: the smallest number of training environments.

    Raises:
        UsageError: no method is left.
    """
    from gengap.models.networks import MLP

    problem, offered = study.problem, tuple(getattr(study.problem, "offers", ()))
    if getattr(problem, "guided", None) is not None:
        offered = (*offered, GUIDED)
    if not all(hasattr(model, "pairs_after") for model in study.architectures.values()):
        offered = tuple(need for need in offered if need != SAME_STEP)
    if HAMMING_WEIGHT in problem.factors:
        offered = (*offered, WEIGHTS)
    resolved = partial(
        resolve,
        task=problem.targets,
        environments=fewest,
        trials=study.trials,
        hidden_features=study.architecture != MLP(()),
        lacks=(*problem.lacks, *set(RARE).difference(offered)),
        estimators=problem.supports_estimators,
    )
    found, skipped = resolved(list(study.methods), baseline=study.baseline)
    added: list[str] = []
    plain = "bc" if TRANSITIONS in offered else "random" if SIMULATOR in offered else "erm"
    alone = study.plain_training and len(found) == 1 and found[0].name != plain
    if alone and found[0].method not in (None, *PLAIN):
        found, added = [*found, *resolved([plain])[0]], [plain]
    seeing = [e.name for e in found if e.method is not None and registered(e.name).sees_unseen]
    warnings = [
        f"{name} sees unlabelled unseen inputs: of the training part of what its split leaves "
        "out, without targets. Methods that see none do not know where they are going."
        for name in seeing
    ]
    unfit = {e.name: why for e in found if (why := study.metric_used.why_not(e.estimator))}
    unfit |= {e.name: why for e in found if (why := _not_linear(study, e))}
    if len(unfit) == len(found):
        raise UsageError(f"No method is left to run: {' '.join(unfit.values())}")
    found = [entry for entry in found if entry.name not in unfit]
    modelled = list(_of_models(study, found))
    clashing = _clashing(study, modelled, fewest)
    if len(clashing) == len(modelled):
        raise UsageError(f"No method is left to run: {' '.join(clashing.values())}")
    unfit |= clashing
    trained = [_with_settings(study, e) for e in modelled if e.name not in clashing]
    remedied, left = with_remedies(study, trained)
    entries = tuple(remedied)
    if any(e.remedy is not None and e.remedy.kind == "adapter" for e in entries):
        warnings.append(ADAPTING)
    kinds = {e.name: e.settings["input"] for e in entries if e.estimator is not None}
    if isinstance(study.environments, Environments):
        warnings += said_of_inputs(kinds, problem.X)
        changed = any(entry.settings.get("input") not in ("raw", "table") for entry in entries)
        warnings += said_of_categories(problem.X) if changed else []
    return Entries(entries, added, skipped | unfit | left, warnings)


def _clashing(study: Study, entries: Sequence[Entry], fewest: int) -> dict[str, str]:
    """Why methods cannot train a module that calls a weight as they call one of their own."""
    from gengap.models.networks import Module
    from gengap.training.train import called_alike, context_of

    problem, found = study.problem, dict[str, str]()
    for model, made in study.architectures.items():
        if not isinstance(made, Module):
            continue
        alone = copy.deepcopy(made)
        own = alone.initialise(problem.shape, problem.outputs, 0)
        if all(name[0].isdigit() for name in own):  # as of layers in a row
            continue
        context = context_of(
            problem, alone, own, slots=fewest, steps=study.scored_at[-1], device="cpu"
        )
        for entry in entries:
            if entry.method is None or (entry.model or model) != model:
                continue
            method = entry.method(**entry.trials[0])
            if name := called_alike(problem, method, alone, own, context):
                found[entry.name] = (
                    f"{entry.name} trains a weight of its own that it calls {name}, as the model "
                    "calls one; give that layer of the model another name."
                )
    return found


def _not_linear(study: Study, entry: Entry) -> str:
    """Why a method that reckons with the last layer's gradients does not suit a module, if so."""
    from gengap.models.modules import Module, ends_linearly

    if entry.method is None or LINEAR_END not in registered(entry.name).needs:
        return ""
    problem = study.problem
    for name, made in study.architectures.items():
        asked = made, problem.shape, problem.outputs, problem.dtype
        if isinstance(made, Module) and not ends_linearly(*asked):
            return f"{entry.name} needs {LINEAR_END}, with which {name} does not end."
    return ""


def several(model: Any) -> list[Any]:
    """The models that one argument names: ``"lstm,transformer(positions=alibi,layers=1)"``."""
    if isinstance(model, str):
        return [part.strip() for part in re.split(r",(?![^(]*\))", model)]
    return list(model) if isinstance(model, list | tuple) else [model]


def _of_models(study: Study, entries: Sequence[Entry]) -> list[Entry]:
    """Each method of networks once with every model, where there are several."""
    if len(study.architectures) == 1:
        return list(entries)
    found: list[Entry] = []
    for entry in entries:
        if entry.method is None:
            found.append(entry)
            continue
        found += [
            replace(entry, name=f"{entry.name}{WITH_MODEL}{model}", model=model)
            for model in study.architectures
        ]
    return found


def _with_settings(study: Study, entry: Entry) -> Entry:
    if entry.method is not None:
        steps = study.steps_of(entry.name)
        settings: dict[str, Any] = {
            "steps": steps,
            "batch": study.batch,
            "checkpoints": checkpoints_of(study.checkpoints, steps),
        }
        if study.precision != "fp32":  # absent otherwise, so that runs keep their keys
            settings["precision"] = study.precision
        if study.started is not None:
            settings["start"] = study.started.digest
        model = entry.model or next(iter(study.architectures))
        return replace(entry, model=model, settings=settings)
    if study.prepared_inputs is None:
        named = is_named_estimator(entry.name)
        kind = input_of(entry.estimator, study.problem.X, named)
    else:
        kind = "prepared" if study.prepared_inputs else "raw"
    return replace(entry, settings={"input": kind})
