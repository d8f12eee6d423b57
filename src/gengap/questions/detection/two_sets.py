"""Two files, normal and other: which detector tells them apart, and are the others clean?

The normal examples are dealt into five folds; under seed ``s`` fold ``s`` is new to everything and
the detectors are fitted on the rest. With a target a model trains on the rest too, and all
detectors that apply are graded; without one there is no model, and only detectors that need nothing
but the inputs are. Seeds share the other examples and most of the training, so limits are those of
a single seed, as if further seeds told nothing new. The other set is audited for hidden inliers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from gengap.environments.columns import FEATURES, recognise
from gengap.environments.core import Environments
from gengap.environments.preparation import encode, fit_preparation
from gengap.models.outputs import Outputs
from gengap.questions.detection.cases import Strangeness, calibration_half, score_all, wrong_task
from gengap.questions.detection.models import Trained, resolved_model, train
from gengap.questions.detection.selection import candidates
from gengap.questions.forecasting.examples import NOBODY, Examples
from gengap.questions.forecasting.new_examples import joined
from gengap.statistics.intervals import Interval, check_level
from gengap.statistics.separation.audit import Contamination, contamination
from gengap.statistics.separation.delong import mean_auroc_interval
from gengap.statistics.separation.intervals import separation_intervals
from gengap.statistics.separation.unit_tests import unit_tests

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
    progress: Callable[[Progress], None] | None = None,
) -> TwoSets:
    """Grade detectors on telling other examples from normal ones.

    Args:
        normal: ``(n, ...)`` numbers or a DataFrame; at least 20 examples.
        other: ``(m, ...)`` with the same features; labels are not needed.
        target: a column of ``normal``, or ``(n,)`` labels; None trains no model.
        model, detectors, steps, level, progress: as in :func:`gengap.questions.detection.evaluate`.
        seeds: runs, each with another fifth of the normal examples held out.

    Raises:
        UsageError: too few examples, features that differ, or no detector that applies.
    """
    from gengap.questions.detection.evaluation import check_counts, wanted

    check_level(level)
    check_counts(seeds=seeds, steps=steps)
    e = _normal(normal, target)
    X = joined(e.X, other)
    examples = Examples(e, encode(X), X)
    infos = wanted(detectors)
    skipped: dict[str, str] = {}
    resolved = None if target is None else resolved_model(model, e)
    runs = []
    for seed in range(seeds):
        if progress is not None:
            progress(Progress(seed, seeds, f"seed {seed}"))
        run = _run(examples, infos, skipped, resolved, seed, steps)
        infos = {name: info for name, info in infos.items() if name not in skipped}
        if not infos:
            raise UsageError(f"No detector applies: {next(iter(skipped.values()))}")
        runs.append(run)
    graded = [_graded(name, [run[name] for run in runs], level) for name in infos]
    graded.sort(key=lambda one: -one.auroc.estimate)
    audit = _audit(examples, level)
    return TwoSets(
        normal=len(e),
        other=len(X) - len(e),
        held_out=int(examples.held(0).sum()),
        model="" if target is None else model if isinstance(model, str) else str(resolved),
        seeds=seeds,
        level=level,
        detectors={one.name: one for one in graded},
        skipped=skipped,
        hidden=audit.share,
        suspects=tuple(int(row) for row in audit.order[:SUSPECTS] if audit.closer[row] > 0.5),
    )


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
    examples: Examples,
    infos: dict[str, DetectorInfo],
    skipped: dict[str, str],
    model: Any,
    seed: int,
    steps: int,
) -> dict[str, Run]:
    """Strangeness by detector, and which held-out examples set its threshold."""
    n, matrix = len(examples.environments), examples.encoded.matrix
    held = np.flatnonzero(examples.held(seed))
    rest = np.flatnonzero(~examples.held(seed))
    if model is None:
        trained, task = _without_model(examples, rest), None
    else:
        (trained,) = train(model, examples, [NOBODY], seed, steps, lambda share: None)
        task = examples.environments.task
    fitting = trained.outputs(
        matrix[rest], None if model is None else examples.environments.y[rest]
    )
    reasons = {name: task and wrong_task(info, task) for name, info in infos.items()}
    skipped.update({name: reason for name, reason in reasons.items() if reason})
    usable = {
        name: candidates(info.detector, 1) for name, info in infos.items() if not reasons[name]
    }
    calibration = calibration_half(len(held), seed)
    tests = unit_tests(matrix[rest], seed=seed)
    scores, failed = score_all(
        usable,
        fitting,
        trained.outputs(matrix[held]),
        trained.outputs(matrix[n:]),
        {test: trained.outputs(made) for test, made in tests.items()},
        calibration,
    )
    skipped.update(failed)
    return {name: (own[0], calibration) for name, own in scores.items()}


def _without_model(examples: Examples, rows: np.ndarray) -> Trained:
    """Prepared inputs stand for features."""

    def show(prepared: np.ndarray, y: np.ndarray | None) -> Outputs:
        flat = torch.from_numpy(np.ascontiguousarray(prepared.reshape(len(prepared), -1)))
        return Outputs(features=flat, inputs=torch.from_numpy(prepared))

    return Trained(NOBODY, rows, fit_preparation(examples.encoded, rows), show, 0.0, 1.0)


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


def _audit(examples: Examples, level: float) -> Contamination:
    """Hidden inliers among the others, by distances between prepared inputs."""
    n, matrix = len(examples.environments), examples.encoded.matrix
    held = examples.held(0)
    preparation = fit_preparation(examples.encoded, np.flatnonzero(~held))
    flat = preparation.apply(matrix).reshape(len(matrix), -1)
    rows = torch.from_numpy(flat)
    known = rows[:n][torch.from_numpy(~held)]
    usual, found = (
        nearest(known, part, 1)[0][:, 0].numpy()
        for part in (rows[:n][torch.from_numpy(held)], rows[n:])
    )
    return contamination(usual, found, level=level)
