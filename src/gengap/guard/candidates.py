"""Which detectors can guard a model, and the one that does: asked for, chosen, or by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector
from gengap.detectors.registry import detector_info, detectors
from gengap.guard.selection import (
    CANDIDATES,
    OF_LABELS,
    ROBUST,
    WITHOUT_CLASSES,
    Choice,
    choose,
    says_nothing,
    trials,
)
from gengap.models.outputs import Outputs

EVERYTHING = tuple(field.name for field in fields(Outputs))
LAYERED = frozenset({"layers", "tail", "maps"})
# Fitted, these hold the features of every training example.
KEEPERS = frozenset(
    {
        "knn", "knn-standardised", "nnguide", "local-outlier-factor", "sage", "residual-spread",
        "quantile-width", "copod", "ecod", "one-class-svm",
    }
)  # fmt: skip


def chosen_detector(
    outputs: Outputs,
    task: str | None,
    detector: str | Detector | None,
    names: Sequence[str] | None,
    environment: np.ndarray | None,
    strangers: Outputs | None,
    bar: Outputs | None,
    false_alarms: float,
    seed: int,
) -> tuple[Detector, Choice]:
    """The detector to use and why, from what the model makes of the rows to fit on."""
    if isinstance(detector, Detector):
        name = name_of(detector) or type(detector).__name__
        return detector, Choice(name, f"{name} was asked for.")
    if detector is not None:
        info = detector_info(detector)
        reason = info.why_not(task, outputs)
        if reason:
            raise UsageError(f"{reason}; choose another detector.")
        return info.detector(), Choice(detector, f"{detector} was asked for.")
    known = {name: detector_info(name) for name in names} if names is not None else detectors()
    usual = {None: WITHOUT_CLASSES, "multi-label": OF_LABELS}.get(task, CANDIDATES)
    wanted = list(known) if names is not None else [name for name in usual if name in known]
    unfit = {
        name: known[name].why_not(task, outputs) or says_nothing(name, outputs) for name in wanted
    }
    candidates = {name: known[name].detector() for name in wanted if not unfit[name]}
    if not candidates:
        raise UsageError(
            "No detector fits the model: " + "; ".join(unfit.values()) + "; name another."
        )
    kind, tried = trials(outputs, environment, strangers, seed)
    if not tried:
        return _fallback(candidates)
    others = {name: reason for name, reason in unfit.items() if reason}
    choice = choose(candidates, kind, tried, others, bar, false_alarms)
    return candidates[choice.name], choice


def name_of(detector: Detector) -> str | None:
    """The name a detector is registered by, or None."""
    kinds = {info.detector: name for name, info in detectors().items()}
    return kinds.get(type(detector))


def needs(detector: Detector) -> tuple[str, ...]:
    """What a detector reads; of one that is not registered nothing is known but everything."""
    name = name_of(detector)
    return EVERYTHING if name is None else detector_info(name).needs


def reads_layers(wanted: Sequence[str | Detector]) -> bool:
    """Whether any of these detectors, or names, reads hidden layers."""
    read = (detector_info(d).needs if isinstance(d, str) else needs(d) for d in wanted)
    return any(LAYERED & set(names) for names in read)


def _fallback(candidates: dict[str, Detector]) -> tuple[Detector, Choice]:
    name = next((name for name in ROBUST if name in candidates), next(iter(candidates)))
    return candidates[name], Choice(
        name,
        f"{name} was taken by default: there was nothing to validate on (give strangers, or "
        "environments, or at least three classes, and enough examples).",
    )
