"""Which detector finds what: every detector on every environment left out, and what it buys.

For each seed and environment a model trains on the others; every detector is fitted on that model's
outputs and asked about held-out examples of the environments it knows, about the unseen
environment, and about synthetic inputs. Once per seed a model also trains without some classes.
What comes out, with environments (or classes) as the unit:

    unseen      AUROC between known environments and the unseen one
    classes     AUROC between known classes and new ones
    errors      AUROC between the model's right and wrong answers in the unseen environment
    tests       share of each kind of synthetic input flagged at 5% false alarms
    thresholds  false alarms in each known environment, and share flagged of each unseen one
    rejecting   score and cost of unseen after rejecting the strangest
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from gengap.base.errors import SuspiciousInput, UsageError, check_whole, listing
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.detectors.registry import DetectorInfo, detector_info
from gengap.detectors.registry import detectors as registered
from gengap.environments.checks import drop_small
from gengap.environments.core import Environments
from gengap.environments.parts import FOLDS
from gengap.environments.splits import parse_splits
from gengap.environments.targets import refuse_several, refuse_times
from gengap.questions.detection.cases import (
    Case,
    Entries,
    class_case,
    unfit,
    unseen_cases,
)
from gengap.questions.detection.grading import Detected, graded
from gengap.questions.detection.selection import candidates, choose_by_others
from gengap.questions.detection.strangers import class_groups, hold_out_classes
from gengap.records.store import Store
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.separation.rejecting import mean_over_environments
from gengap.study.keys import BATCH, STEPS
from gengap.study.protocol import batch_of
from gengap.study.study import Study
from gengap.study.trained import everything, model_name, one_model, refuse_pipeline, train_models

FEWEST = 3
MOST_SEEDS = 1_000


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Finding):
    """Detectors, graded.

    Attributes:
        problem: name of the data; ``environment_word`` is what one environment is called.
        environments: names, ``E``.
        task: ``"classification"`` or ``"regression"``.
        model: what was trained, with ``seeds`` runs per environment left out.
        level: confidence level of all intervals.
        detectors: by name, best AUROC on unseen environments first.
        skipped: why others are missing, by name.
        by_auroc: the detector chosen for each environment by AUROC on the others.
        by_gain: the same by the score gained from rejecting 10%.
        chosen_auroc, chosen_gain: what choosing so is worth.
        looks: looks at unseen environments that one choice took, hyperparameters included.
    """

    kind: ClassVar[str] = "detection"
    problem: str
    environment_word: str
    environments: tuple[str, ...]
    task: str
    model: str
    seeds: int
    level: float
    detectors: dict[str, Detected]
    skipped: dict[str, str]
    by_auroc: tuple[str, ...]
    by_gain: tuple[str, ...]
    chosen_auroc: Interval
    chosen_gain: Interval
    looks: int


def evaluate(
    environments: Any,
    model: Any = "mlp",
    *,
    detectors: Sequence[str] | None = None,
    seeds: int = 3,
    steps: int | None = None,
    trials: int = 1,
    level: float = 0.95,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Evaluation:
    """Grade detectors on environments left out in turn.

    Args:
        environments: at least 3, with labels; or levels that agents learn on, whose logged
            observations are then the examples, and the model an agent that clones the logged play.
        model: ``"mlp"``, ``"mlp(64,64)"``, ``"linear"``, ``"cnn"``, ``"sklearn:NAME"``, an
            estimator, or a function that returns a ``torch.nn.Module``.
        detectors: names; None is all that apply.
        seeds: runs per environment left out.
        steps: training steps of a network; 300, or what the levels suggest, unless given.
        trials: candidates of hyperparameters per detector, the defaults first; each environment
            gets the one that is best on the others.
        level: confidence level of all intervals.
        store: database URL or path where runs and their models are kept, and found again; None
            keeps them in memory.
        progress: called with a :class:`~gengap.base.progress.Progress`.

    Raises:
        UsageError: fewer than 3 environments, times that may end without an event, an unknown
            model or detector, or none that applies.
    """
    check_level(level)
    found = asked(environments)
    steps = found.steps if steps is None else steps
    check_counts(seeds=seeds, steps=steps, trials=trials)
    refuse_times(found.examples, "gengap detect")
    if isinstance(environments, Environments):
        refuse_several(environments, "gengap detect")
    e = drop_small(found.examples)
    if len(e.names) < FEWEST:
        raise UsageError(
            f"Detectors cannot be graded on {len(e.names)} environments; give at least {FEWEST}, "
            "or group the rows by a finer column."
        )
    infos = wanted(detectors)
    skipped = unfit(infos, e.task, len(e.target_names))
    entries = {
        name: candidates(info.detector, trials)
        for name, info in infos.items()
        if name not in skipped
    }
    study = one_model(
        e, refuse_pipeline(model), seeds=seeds, steps=steps, batch=found.batch, splits=found.splits
    )
    with Store(store if store is not None else "sqlite://") as records:
        cases = _cases(study, records, entries, skipped, progress, found.by_class)
    entries = {name: own for name, own in entries.items() if name not in skipped}
    if not entries:
        raise UsageError(f"No detector applies: {next(iter(skipped.values()))}")
    grades = {
        name: graded(name, cases, len(e.names), len(own), level) for name, own in entries.items()
    }
    grades = dict(sorted(grades.items(), key=lambda item: -item[1].unseen.estimate))
    names = tuple(grades)
    by_auroc = choose_by_others([grades[name].auroc for name in names])
    by_gain = choose_by_others([grades[name].gains for name in names])
    tuned = sum(len(own) for own in entries.values() if len(own) > 1)
    return Evaluation(
        problem=e.name,
        environment_word=e.kind,
        environments=e.names,
        task=e.task,
        model=model if isinstance(model, str) else model_name(study),
        seeds=seeds,
        level=level,
        detectors=grades,
        skipped=skipped,
        by_auroc=tuple(names[k] for k in by_auroc.chosen),
        by_gain=tuple(names[k] for k in by_gain.chosen),
        chosen_auroc=mean_over_environments(by_auroc.values, level),
        chosen_gain=mean_over_environments(by_gain.values, level),
        looks=by_auroc.looks + tuned * (len(e.names) - 1),
    )


@dataclass(frozen=True)
class Asked:
    """What detectors are graded on.

    Attributes:
        examples: with environments.
        splits: how environments are left out.
        steps: training steps of a network; ``batch`` examples of an environment in each.
        by_class: whether models that lack classes are asked too; actions are no classes to lack.
    """

    examples: Environments
    splits: str = "leave-one-out"
    steps: int = STEPS
    batch: int = BATCH
    by_class: bool = True


def asked(given: Any) -> Asked:
    """Environments as they are; of levels the observations that were logged, and how to train.

    Raises:
        UsageError: they are neither.
    """
    if isinstance(given, Environments):
        return Asked(given)
    if not hasattr(given, "examples"):
        raise UsageError(
            f"Detectors look at tables, at images and at what agents see, and {given.name} is "
            "none of these."
        )
    if (given.sizes >= FOLDS).sum() < FEWEST:
        raise UsageError(
            f"Only {int((given.sizes >= FOLDS).sum())} of {len(given.names)} environments of "
            f"{given.name} have {FOLDS} logged episodes or more, of which some are to be held out; "
            "log more (gengap collect --episodes), or name a coarser factor with --environment."
        )
    splits = "leave-one-out" if given.splits == "auto" else given.splits
    examples = given.examples()
    batch = batch_of(given.drawn, examples, parse_splits(splits))
    return Asked(examples, splits, given.steps, batch, by_class=False)


def check_counts(**counts: int) -> None:
    """Raise :class:`UsageError` unless each is a whole number from 1, seeds at most 1,000."""
    check_whole(**counts)
    if (seeds := counts["seeds"]) > MOST_SEEDS:
        raise UsageError(f"seeds must be at most {MOST_SEEDS:,}, not {seeds:,}; give fewer.")


def wanted(names: Sequence[str] | None) -> dict[str, DetectorInfo]:
    """Registry records of the detectors named; None is all, and an empty list an error."""
    if names is not None and len(names) == 0:
        raise UsageError("No detector is named; name one (see gengap detectors) or leave it out.")
    return registered() if names is None else {name: detector_info(name) for name in names}


def _cases(
    study: Study,
    store: Store,
    entries: Entries,
    skipped: dict[str, str],
    progress: Callable[[Progress], None] | None,
    by_class: bool,
) -> list[Case]:
    """All cases, also of classes held out if asked; failed detectors are entered in ``skipped``."""
    e, seeds = study.environments, study.seed_list
    runs = len(study.plan.cells) * len(seeds)
    groups = class_groups(e, len(seeds)) if by_class else []
    total = 2 * (runs + len(groups))
    cases: list[Case] = []
    done = 0

    def tell(done: float, doing: str) -> None:
        if progress is not None:
            progress(Progress(done, total, doing))

    def add(found: Iterable[tuple[list[Case], dict[str, str]]]) -> None:
        nonlocal done
        for own, failed in found:
            cases.extend(own)
            done += 1
            skipped.update(failed)
            for name in failed:
                left.pop(name, None)
            tell(runs + done, f"scoring, seed {own[0].seed}")

    left = {name: own for name, own in entries.items() if name not in skipped}
    models = train_models(study, store, lambda now: tell(now.done, f"training {now.doing}"))
    add(unseen_cases(study, models, left))
    for seed, group in zip(seeds, groups, strict=False):
        add(_class_case(study, store, group, seed, left))
    return cases


def _class_case(
    study: Study, store: Store, group: Sequence[str], seed: int, entries: Entries
) -> Iterator[tuple[list[Case], dict[str, str]]]:
    """The case of a group of classes; none where too little is left to train on without them."""
    e = study.environments
    try:
        held_out = hold_out_classes(e, group)
    except UsageError:
        return
    known = replace(held_out.known, name=f"{e.name} without {listing(group)}")
    with warnings.catch_warnings():  # what is suspicious was said of the whole
        warnings.simplefilter("ignore", SuspiciousInput)
        own = replace(study, environments=known, seeds=[seed], name=known.name)
    plan = replace(own.plan, cells=(everything(own.plan),))
    (trained,) = train_models(own, store, plan=plan)
    case, failed = class_case(own, trained, held_out, e, entries)
    yield [case], failed
