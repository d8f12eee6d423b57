"""The registry: one record per method and detector, stating its paper, its needs and its cost.

``gengap methods``, ``gengap detectors``, the README's tables, the compatibility checks and the
tests all read it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gengap.base.errors import UsageError, listing, suggest

if TYPE_CHECKING:
    from gengap.detectors.base import Detector
    from gengap.methods.base import Method

M = TypeVar("M", bound="type[Method]")
D = TypeVar("D", bound="type[Detector]")


@dataclass(frozen=True)
class Paper:
    """Where a method comes from; ``link`` is an arXiv or DOI address."""

    title: str
    authors: str
    year: int
    link: str

    def __str__(self) -> str:
        return f"{self.authors} {self.year}, {self.title}"

    @property
    def short(self) -> str:
        """``"Sun, Saenko 2016"``, or ``"Ganin et al. 2016"`` for more than two authors."""
        names = self.authors.split(", ")
        return f"{names[0]} et al. {self.year}" if len(names) > 2 else f"{self.authors} {self.year}"


@dataclass(frozen=True)
class MethodInfo:
    """What the registry knows about a method.

    Attributes:
        name: what the user types.
        summary: one line that says what the method does.
        paper: the source.
        tasks: the kinds of problem it applies to.
        needs: what it needs beyond examples and targets, in words.
        passes: forward-backward passes over a batch per step; plain training is 1.
        minimum_environments: fewest training environments with which it differs from nonsense.
        method: the dataclass of hyperparameters that implements it.
    """

    name: str
    summary: str
    paper: Paper
    tasks: tuple[str, ...]
    needs: tuple[str, ...]
    passes: float
    minimum_environments: int
    method: type[Method]

    def why_not(self, task: str, environments: int, hidden_features: bool = True) -> str | None:
        """Say in a sentence why the method cannot apply, or return None when it can."""
        if task not in self.tasks:
            fitting = " and ".join(self.tasks)
            return f"{self.name} applies to {fitting} only; the target is a {task}."
        if environments < self.minimum_environments:
            return (
                f"{self.name} needs at least {self.minimum_environments} training environments; "
                f"a split has {environments}."
            )
        if "hidden features" in self.needs and not hidden_features:
            return f"{self.name} needs hidden features; a linear model has none, use --model mlp."
        return None


_METHODS: dict[str, MethodInfo] = {}


def register(
    name: str,
    *,
    summary: str,
    paper: Paper,
    tasks: tuple[str, ...] = ("classification", "regression"),
    needs: tuple[str, ...] = (),
    passes: float = 1.0,
    minimum_environments: int = 1,
) -> Callable[[M], M]:
    """Class decorator that enters a method's record into the registry."""

    def enter(method: M) -> M:
        if name in _METHODS:
            raise ValueError(f"two methods are called {name!r}")
        _METHODS[name] = MethodInfo(
            name, summary, paper, tasks, needs, passes, minimum_environments, method
        )
        return method

    return enter


def methods() -> dict[str, MethodInfo]:
    """All registered methods by name, plain training first."""
    package = importlib.import_module("gengap.methods")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"gengap.methods.{module.name}")
    return dict(sorted(_METHODS.items(), key=lambda item: (item[0] != "erm", item[0])))


def method_info(name: str) -> MethodInfo:
    """Look a method up; an unknown name raises :class:`UsageError` with the nearest known one."""
    known = methods()
    if name not in known:
        raise UsageError(
            f"There is no method {name!r}{suggest(name, known)} (there are: {listing(known, 30)}, "
            "and sklearn:NAME for any scikit-learn estimator)."
        )
    return known[name]


@dataclass(frozen=True)
class DetectorInfo:
    """What the registry knows about a post-hoc detector.

    Attributes:
        name: what the user types.
        summary: one line that says what strangeness means to it.
        paper: the source.
        tasks: the kinds of problem it applies to.
        needs: fields of :class:`~gengap.models.outputs.Outputs` it reads when scoring, and
            "labels" or "head" where fitting reads them.
        cost: what an example costs beyond the model, in words.
        detector: the dataclass of hyperparameters that implements it.
    """

    name: str
    summary: str
    paper: Paper
    tasks: tuple[str, ...]
    needs: tuple[str, ...]
    cost: str
    detector: type[Detector]


_DETECTORS: dict[str, DetectorInfo] = {}


def register_detector(
    name: str,
    *,
    summary: str,
    paper: Paper,
    needs: tuple[str, ...],
    cost: str,
    tasks: tuple[str, ...] = ("classification",),
) -> Callable[[D], D]:
    """Class decorator that enters a detector's record into the registry."""

    def enter(detector: D) -> D:
        if name in _DETECTORS:
            raise ValueError(f"two detectors are called {name!r}")
        _DETECTORS[name] = DetectorInfo(name, summary, paper, tasks, needs, cost, detector)
        return detector

    return enter


def detectors() -> dict[str, DetectorInfo]:
    """All registered detectors by name, the maximum softmax probability first."""
    package = importlib.import_module("gengap.detectors")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"gengap.detectors.{module.name}")
    return dict(sorted(_DETECTORS.items(), key=lambda item: (item[0] != "msp", item[0])))


def detector_info(name: str) -> DetectorInfo:
    """Look a detector up; an unknown name raises :class:`UsageError` with the nearest known one."""
    known = detectors()
    if name not in known:
        raise UsageError(
            f"There is no detector {name!r}{suggest(name, known)} "
            f"(there are: {listing(known, 40)})."
        )
    return known[name]
