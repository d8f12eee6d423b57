"""The normal examples that a guard is fitted on, and what its model makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.detectors.base import Detector, Fitted
from gengap.guard.batches import check_alone, in_batches, sampled
from gengap.guard.calibration import Calibration, calibrate
from gengap.guard.clusters import clusters_of, medians
from gengap.guard.decision import unusable
from gengap.guard.fitting import bar_of, checked, environments_of, outputs_of_strangers, rows_of
from gengap.guard.impossible import impossible
from gengap.guard.reach import Reach
from gengap.guard.rows import RowForm
from gengap.guard.selection import scores
from gengap.guard.targets import check_finite, read_labelled
from gengap.models.columns import Columns
from gengap.models.estimator_outputs import Scale
from gengap.models.network_outputs import NetworkReader
from gengap.models.outputs import Outputs
from gengap.models.reading import Reader

SHOWN = 200  # examples that are made impossible


@dataclass(frozen=True, eq=False)
class Normal:
    """Examples that a model should answer.

    Attributes:
        form: what a row of them looks like.
        X: ``n`` examples.
        y: ``(n,)`` labels or values, or ``(n, L)``; None without a model.
        names: of the environments, where the rate is kept in each.
        environment: ``(n,)`` number of each row's environment; None where none are named.
        apart: the same where the rate is kept in each, else None.
        cluster: ``(n,)`` number of each row's cluster; None where rows are on their own.
        drawn: sentence that says of how many batches these are a sample; empty where all are here.
    """

    form: RowForm
    X: Any
    y: np.ndarray | None
    names: tuple[str, ...]
    environment: np.ndarray | None
    apart: np.ndarray | None
    cluster: np.ndarray | None
    drawn: str


def normal_examples(
    X: Any,
    y: Any,
    environment: Any,
    cluster: Any,
    *,
    per_environment: bool,
    labelled: bool,
    seed: int,
) -> Normal:
    """The examples as they were given to :meth:`gengap.guard.Guard.fit`, checked.

    Raises:
        UsageError: they do not fit together.
    """
    drawn = ""
    if in_batches(X):
        check_alone(y=y, environment=environment, cluster=cluster)
        (X, y, environment), drawn = sampled(X, seed, labelled=labelled)
    elif not labelled and y is not None:
        raise UsageError("Without a model y says nothing to the guard; leave it out.")
    form, X, y = checked(X, y, labelled)
    names, codes = environments_of(environment, len(X), per_environment)
    apart = codes if per_environment else None
    return Normal(form, X, y, names, codes, apart, clusters_of(cluster, len(X)), drawn)


class Reading(NamedTuple):
    """A model that was read on normal examples.

    Attributes:
        reader: of the model, which knows what its columns mean.
        outputs: of all ``n`` normal examples, as detectors see them.
        task: "classification", "regression" or "multi-label"; None where it is none of these.
        scale: of the features of an estimator, by the rows to fit on; else None.
        hidden: whether hidden layers are read.
    """

    reader: Reader
    outputs: Outputs
    task: str | None
    scale: Scale | None
    hidden: bool

    def strangers(self, X: Any, form: RowForm, columns: Columns, seed: int) -> Outputs | None:
        """What the model makes of the user's strangers; None where there are none."""
        if in_batches(X):
            X = sampled(X, seed, labelled=False)[0].X
        if X is None:
            return None
        return outputs_of_strangers(X, form, columns, self.reader, self.scale, self.hidden)

    def bar(self, seen: Any, reach: Reach) -> Outputs | None:
        """What it makes of some of the rows when they are made impossible."""
        shown = impossible(rows_of(seen, slice(SHOWN)), reach.columns)
        return bar_of(shown, self.reader, self.scale, self.hidden)

    @property
    def classes(self) -> np.ndarray | None:
        """The model's classes, numbers where it does not name them; None where it has none."""
        known, logits = self.reader.classes, self.outputs.logits
        if known is None and self.task == "classification" and logits is not None:
            return np.arange(logits.shape[1])
        return known


def read_normal(
    reader: Reader, normal: Normal, fit: Tensor, hidden: bool, false_alarms: float
) -> Reading:
    """Read a model on normal examples; features of estimators are scaled by the rows ``fit``.

    Raises:
        UsageError: labels and model do not agree, or an output is not finite or too large.
    """
    reader, outputs, task = read_labelled(reader, normal.X, normal.y, hidden, false_alarms)
    scale = None
    if not isinstance(reader, NetworkReader) and outputs.features is not None:
        scale = Scale.of(outputs.features[fit])
        outputs = scale.apply(outputs)
    check_finite(unusable(outputs))
    return Reading(reader, outputs, task, scale, hidden)


def calibrated(
    normal: Normal,
    detector: Detector,
    fitted: Fitted,
    outputs: Outputs,
    held: Tensor,
    reach: Reach,
    false_alarms: float,
) -> tuple[Calibration, np.ndarray | None]:
    """What others are judged by, and the medians of clusters ``(C,)`` where there are any.

    Args:
        outputs: of all ``n`` normal examples.
        held: numbers of the rows to calibrate on, of clusters one row each.
    """
    rows = held.numpy()
    where = None if normal.apart is None else normal.apart[rows]
    strange = scores(detector, fitted, outputs.rows(held))
    beyond = reach(rows_of(normal.X, held)).beyond
    own = calibrate(strange, false_alarms, where, normal.names, beyond)
    if normal.cluster is None:
        return own, None
    whole = torch.from_numpy(np.flatnonzero(np.isin(normal.cluster, normal.cluster[rows])))
    strange = scores(detector, fitted, outputs.rows(whole))
    beyond = reach(rows_of(normal.X, whole)).beyond
    return own, medians(strange, beyond, normal.cluster[whole.numpy()])
