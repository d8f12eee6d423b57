"""Two files, normal and other: which detector tells them apart, and are the others clean?

The normal examples are dealt into five folds; under each seed two of them are new to everything and
the detectors are fitted on the rest. With a target a model trains on the rest too, and all
detectors that apply are graded; without one there is no model, and only detectors that need nothing
but the inputs are. Seeds share the other examples and most of the training, so limits are those of
a single seed, as if further seeds told nothing new. The other set is audited for hidden inliers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from gengap.base.errors import UsageError, suggest
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.base.seeds import generator
from gengap.detectors.registry import DetectorInfo
from gengap.detectors.tools.neighbours import nearest
from gengap.environments.columns import recognise
from gengap.environments.core import Environments
from gengap.environments.parts import TEST, TRAIN, VALIDATION
from gengap.environments.preparation import Preparation
from gengap.environments.recognition import FEATURES
from gengap.environments.targets import refuse_several
from gengap.models.outputs import Outputs
from gengap.questions.detection.cases import Strangeness, score_all, unfit
from gengap.questions.detection.selection import candidates
from gengap.records.store import Store
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.separation.audit import Contamination, contamination
from gengap.statistics.separation.delong import mean_auroc_interval
from gengap.statistics.separation.intervals import separation_intervals
from gengap.statistics.separation.unit_tests import unit_tests
from gengap.study.study import Study
from gengap.study.trained import (
    Trained,
    everything,
    model_name,
    one_model,
    refuse_pipeline,
    train_models,
)

FEWEST = 20  # normal examples: five folds of four
SUSPECTS = 20
REPLICATES = 500
HALVES = "half of the normal examples"
Run = tuple[Strangeness, np.ndarray]


@dataclass(frozen=True, eq=False)
class Separated:
    """What one detector makes of the two sets.

    Attributes:
        name: the detector.
        auroc, aupr_out, aupr_in, fpr: other against normal examples, averaged over seeds.
        flagged: share of the others flagged where 5% of normal ones are to be; NaN where too few
            are held out to set such a threshold.
        false_alarms: share of held-out normal examples flagged, which set no threshold.
        tests: share flagged of each kind of synthetic input.
    """

    name: str
    auroc: Interval
    aupr_out: Interval
    aupr_in: Interval
    fpr: Interval
    flagged: float
    false_alarms: float
    tests: dict[str, float]


@dataclass(frozen=True, repr=False, eq=False)
class TwoSets(Finding):
    """Detectors graded on two sets.

    Attributes:
        normal, other: number of examples; ``held_out`` normal ones are graded under each seed.
        model: what was trained, empty without a target.
        seeds: runs.
        level: confidence level.
        detectors: by name, best AUROC first.
        skipped: why others are missing, by name.
        hidden: largest share of normal examples among the others that distances allow.
        suspects: rows of the other set, counted from 0, that are likeliest to be normal.
    """

    kind: ClassVar[str] = "detection"
    normal: int
    other: int
    held_out: int
    model: str
    seeds: int
    level: float
    detectors: dict[str, Separated]
    skipped: dict[str, str]
    hidden: Interval
    suspects: tuple[int, ...]


def separate(
    normal: np.ndarray | pd.DataFrame,
    other: np.ndarray | pd.DataFrame,
    target: str | np.ndarray | None = None,
    model: Any = "mlp",
    *,
    detectors: Sequence[str] | None = None,
    seeds: int = 3,
    steps: int = 300,
    level: float = 0.95,
    store: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TwoSets:
    """Grade detectors on telling other examples from normal ones.

    Args:
        normal: ``(n, ...)`` numbers or a DataFrame; at least 20 examples.
        other: ``(m, ...)`` with the same features; labels are not needed.
        target: a column of ``normal``, or ``(n,)`` labels; None trains no model.
        model, detectors, steps, level, store, progress: as in
            :func:`gengap.questions.detection.evaluate`.
        seeds: runs, each with other normal examples held out.

    Raises:
        UsageError: too few examples, features that differ, or no detector that applies.
    """
    from gengap.questions.detection.evaluation import check_counts, wanted

    check_level(level)
    check_counts(seeds=seeds, steps=steps)
    e = _normal(normal, target)
    refuse_several(e, "A model whose detectors are graded")
    has_model = target is not None
    model = refuse_pipeline(model) if has_model else "linear"
    study = one_model(e, model, seeds=seeds, steps=steps)
    others = study.problem.encode_alike(other)
    infos = wanted(detectors)
    skipped: dict[str, str] = {}
    runs = []
    with Store(store if store is not None else "sqlite://") as records:
        shown = _models(study, records, progress) if has_model else _inputs(study)
        for seed, shower in zip(study.seed_list, shown, strict=True):
            task = e.task if has_model else None
            run = _run(study, shower, others, infos, skipped, seed, task)
            infos = {name: info for name, info in infos.items() if name not in skipped}
            if not infos:
                raise UsageError(f"No detector applies: {next(iter(skipped.values()))}")
            runs.append(run)
    graded = [_graded(name, [run[name] for run in runs], level) for name in infos]
    graded.sort(key=lambda one: -one.auroc.estimate)
    audit = _audit(study, others, level)
    return TwoSets(
        normal=len(e),
        other=len(others),
        held_out=int(np.sum(study.plan.parts(0) != TRAIN)),
        model="" if not has_model else model if isinstance(model, str) else model_name(study),
        seeds=seeds,
        level=level,
        detectors={one.name: one for one in graded},
        skipped=skipped,
        hidden=audit.share,
        suspects=tuple(int(row) for row in audit.order[:SUSPECTS] if audit.closer[row] > 0.5),
    )


def _models(
    study: Study, store: Store, progress: Callable[[Progress], None] | None
) -> Iterator[Trained | _Inputs]:
    """Under each seed one model of all normal examples that are not held out."""
    plan = replace(study.plan, cells=(everything(study.plan),))
    yield from train_models(study, store, progress, plan=plan)


def _inputs(study: Study) -> Iterator[Trained | _Inputs]:
    for seed in study.seed_list:
        rows = np.flatnonzero(study.plan.parts(seed) == TRAIN)
        yield _Inputs(study.problem.prepare(rows).inputs)


def _normal(normal: np.ndarray | pd.DataFrame, target: str | np.ndarray | None) -> Environments:
    """The normal examples, in two random halves as the trainers ask for environments."""
    if len(normal) < FEWEST:
        raise UsageError(
            f"There are {len(normal)} normal examples; give at least {FEWEST}, so that some can be "
            "held out."
        )
    half = generator(0, "halves").permutation(len(normal)) % 2
    if isinstance(target, str):
        if not isinstance(normal, pd.DataFrame):
            raise UsageError("A target is named for tables only; give arrays of labels instead.")
        if target not in normal.columns:
            raise UsageError(
                f"The normal examples have no column {target!r}{suggest(target, normal.columns)}; "
                "check the target."
            )
        if not set(recognise(normal.drop(columns=target)).values()) & set(FEATURES):
            raise UsageError(f"No usable feature is left beside target {target!r}; add some.")
        frame = normal.assign(**{HALVES: half})
        return Environments.from_frame(frame, target, HALVES)
    # Without a target nothing trains, and any labels will do.
    y = half if target is None else target
    return Environments.from_arrays(normal, y, half)


def _run(
    study: Study, trained: Trained | _Inputs, others: np.ndarray, infos: dict[str, DetectorInfo],
    skipped: dict[str, str], seed: int, task: str | None,
) -> dict[str, Run]:  # fmt: skip
    """Strangeness by detector, and which held-out examples set its threshold."""
    problem = study.problem
    part = study.plan.parts(seed)
    held, rest = np.flatnonzero(part != TRAIN), np.flatnonzero(part == TRAIN)
    fitting = trained.outputs(problem.matrix[rest], problem.y[rest] if task else None)
    skipped.update(unfit(infos, task))
    usable = {
        name: candidates(info.detector, 1) for name, info in infos.items() if name not in skipped
    }
    calibration = part[held] == VALIDATION
    tests = unit_tests(problem.matrix[rest], seed=seed)
    scores, failed = score_all(
        usable,
        fitting,
        trained.outputs(problem.matrix[held]),
        trained.outputs(others),
        {test: trained.outputs(made) for test, made in tests.items()},
        calibration,
    )
    skipped.update(failed)
    return {name: (own[0], calibration) for name, own in scores.items()}


@dataclass(frozen=True, eq=False)
class _Inputs:
    """No model: prepared inputs stand for features."""

    prepared: Preparation

    def outputs(self, matrix: np.ndarray, y: np.ndarray | None = None) -> Outputs:
        """Features and inputs of encoded examples ``(n, ...)``."""
        inputs = self.prepared.apply(matrix)
        flat = torch.from_numpy(np.ascontiguousarray(inputs.reshape(len(inputs), -1)))
        return Outputs(features=flat, inputs=torch.from_numpy(inputs))


def _graded(name: str, runs: list[Run], level: float) -> Separated:
    pairs = [(found.known, found.strangers) for found, _ in runs]
    each = [separation_intervals(*pair, level=level, replicates=REPLICATES) for pair in pairs]

    tests = {
        test: float(np.mean([f.flagged(f.tests[test]) for f, _ in runs]))
        for test in runs[0][0].tests
    }
    return Separated(
        name,
        mean_auroc_interval(pairs, level),
        _averaged([i.aupr_out for i in each]),
        _averaged([i.aupr_in for i in each]),
        _averaged([i.fpr for i in each]),
        float(np.mean([f.flagged(f.strangers) for f, _ in runs])),
        float(np.mean([f.flagged(f.known[~mask]) for f, mask in runs])),
        tests,
    )


def _averaged(intervals: list[Interval]) -> Interval:
    """Estimates and limits averaged over runs, as if these shared all their noise."""
    low, middle, high = np.mean([(i.low, i.estimate, i.high) for i in intervals], axis=0)
    return Interval(float(middle), float(low), float(high), intervals[0].level)


def _audit(study: Study, others: np.ndarray, level: float) -> Contamination:
    """Hidden inliers among the others, by distances between prepared inputs."""
    problem = study.problem
    held = torch.from_numpy(study.plan.parts(study.seed_list[0]) == TEST)
    prepared = problem.prepare(np.flatnonzero(~held)).inputs
    own, other = (
        torch.from_numpy(prepared.apply(m).reshape(len(m), -1)) for m in (problem.matrix, others)
    )
    usual, found = (nearest(own[~held], part, 1)[0][:, 0].numpy() for part in (own[held], other))
    return contamination(usual, found, level=level)
