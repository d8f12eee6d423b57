"""What fitting a guard takes: checked examples, what the model makes of them, and their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.base import Detector
from gengap.guard.calibration import fewest
from gengap.guard.rows import RowForm, examples_of, form_of, read_rows
from gengap.models.columns import Columns
from gengap.models.estimator_outputs import Scale
from gengap.models.outputs import Outputs
from gengap.models.reading import Reader

SHARE = 1 / 3  # of the examples, to calibrate on


def parts(
    rows: int,
    false_alarms: float,
    environment: np.ndarray | None,
    names: Sequence[str],
    seed: int,
    cluster: np.ndarray | None = None,
) -> tuple[Tensor, Tensor]:
    """Rows to fit on and rows to calibrate on, drawn at random.

    Without environments all rows are drawn alike, which makes calibration examples exchangeable
    with new ones; with environments a share of each one is drawn, and each calibrates itself. Of
    clusters one row each calibrates, and none of their rows is fitted on.

    Raises:
        UsageError: too few examples for the false-alarm rate.
    """
    draw = generator(seed, "guard", "parts")
    least = fewest(false_alarms)
    codes = np.zeros(rows, int) if environment is None else environment
    fit, calibration = [], []
    for code in np.unique(codes):
        own = draw.permutation(np.flatnonzero(codes == code))
        if cluster is not None:  # the first row of each, in random order
            own = own[np.sort(np.unique(cluster[own], return_index=True)[1])]
        # k / alpha - 1 examples keep the rate exactly, any others less than that.
        above = max(round(false_alarms * (SHARE * len(own) + 1)), 1)
        size = fewest(false_alarms, above)
        if len(own) < size + 2:
            where = "" if environment is None else f" of environment {names[code]}"
            kind = "examples" if cluster is None else "clusters"
            raise UsageError(
                f"{len(own)} {kind}{where} are too few for a false-alarm rate of "
                f"{false_alarms:g}: calibration alone takes {least}; give more {kind} or allow "
                "more false alarms."
            )
        calibration.append(own[:size])
        fit.append(own[size:])
    if cluster is not None:
        free = ~np.isin(cluster, cluster[np.concatenate(calibration)])
        fit = [np.flatnonzero(free)]
    fit_rows, calibration_rows = (np.sort(np.concatenate(p)) for p in (fit, calibration))
    return torch.from_numpy(fit_rows), torch.from_numpy(calibration_rows)


def environments_of(
    environment: Any, rows: int, required: bool
) -> tuple[tuple[str, ...], np.ndarray | None]:
    """Names of the environments and the number of each row's."""
    if environment is None:
        if required:
            raise UsageError("per_environment needs environment, one label per row.")
        return (), None
    labels = labels_of(environment, rows)
    try:
        codes, names = pd.factorize(labels, sort=True)
    except TypeError:
        raise UsageError(
            "The labels in environment cannot be compared; give names or whole numbers."
        ) from None
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise UsageError(f"The environment of row {row} is missing; name it or leave it out.")
    return tuple(str(name) for name in names), codes


def labels_of(given: Any, rows: int, what: str = "environment") -> np.ndarray:
    """Labels of environments or clusters ``(n,)``, one for each row."""
    labels = _column(given, what)
    if len(labels) != rows:
        raise UsageError(f"X has {rows} rows but {what} has {len(labels)}; give one label per row.")
    return labels


def rows_of(X: Any, rows: Tensor | slice) -> Any:
    """Some rows of a table, an array or a tensor."""
    if isinstance(X, Tensor):
        return X[rows]
    index = rows if isinstance(rows, slice) else rows.numpy()
    return X.iloc[index] if isinstance(X, pd.DataFrame) else X[index]


def bar_of(
    impossible: Mapping[str, Any], reader: Reader, scale: Scale | None, hidden: bool
) -> Outputs | None:
    """The model's outputs on impossible inputs, as far as it reads them."""
    found = []
    for rows in impossible.values():
        with suppress(UsageError):
            read = reader.read(rows, hidden=hidden)
            found.append(read if scale is None else scale.apply(read))
    if not found:
        return None

    def whole(name: str) -> Tensor | None:
        parts = [getattr(part, name) for part in found]
        return None if any(part is None for part in parts) else torch.cat(parts)

    layers = zip(*(part.layers for part in found), strict=True)
    return replace(
        found[0],
        logits=whole("logits"),
        features=whole("features"),
        inputs=whole("inputs"),
        layers=tuple(torch.cat(part) for part in layers),
    )


def check_options(false_alarms: Any, detector: Any, detectors: Any, seed: Any) -> None:
    """Refuse options of the wrong kind."""
    if not _is(false_alarms, Real) or not 0 < false_alarms < 1:
        raise UsageError(f"false_alarms must lie between 0 and 1, not {false_alarms!r}.")
    if not _is(seed, Integral):
        raise UsageError(f"seed must be a whole number, not {seed!r}.")
    if detector is not None and not isinstance(detector, str | Detector):
        raise UsageError(f"detector must be a name or a Detector, not {detector!r}.")
    if detectors is None:
        return
    if detector is not None:
        raise UsageError("Give detector, to use it, or detectors, to choose among them; not both.")
    names = isinstance(detectors, Sequence) and not isinstance(detectors, str)
    if not names or not detectors or not all(isinstance(name, str) for name in detectors):
        raise UsageError(
            f"detectors must list at least one name, such as ['energy', 'knn'], not {detectors!r}."
        )


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _column(values: Any, name: str) -> np.ndarray:
    """Labels as an array of one dimension."""
    try:
        column = np.asarray(values)
    except ValueError:
        column = np.zeros((0, 0))
    if column.ndim != 1:
        raise UsageError(f"{name} must have one dimension, one label per row of X.")
    return column


def _labels(y: Any) -> np.ndarray:
    """Labels as an array of one dimension, or of two where there are several an example."""
    if y is None:
        raise UsageError("Give y, the labels or values of the rows of X.")
    if hasattr(y, "toarray"):
        y = y.toarray()
    try:
        values = np.asarray(y)
    except ValueError:
        values = np.zeros(())
    if values.ndim not in (1, 2) or values.shape[1:] == (0,):
        raise UsageError("y must have one dimension, or a column for each label or target.")
    return values[:, 0] if values.shape[1:] == (1,) else values


def checked(X: Any, y: Any, labelled: bool) -> tuple[RowForm, Any, np.ndarray | None]:
    """The form of a row, and the examples and labels ``(n,)`` or ``(n, L)`` as arrays."""
    form = form_of(X)
    X = examples_of(X)
    if not labelled:
        return form, X, None
    y = _labels(y)
    if len(y) != len(X):
        raise UsageError(f"X has {len(X)} rows but y has {len(y)}; give one label per row.")
    missing = pd.isna(y).reshape(len(y), -1).any(1)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise UsageError(f"The label of row {row} is missing; leave that row out.")
    return form, X, y


def outputs_of_strangers(
    X: Any, form: RowForm, columns: Columns, reader: Reader, scale: Scale | None, hidden: bool
) -> Outputs:
    """The model's outputs on the user's strangers, as far as they can be read."""
    rows = read_rows(X, form, columns)
    if not rows.readable.any():
        raise UsageError(
            "None of the strangers can be read"
            + (f": the first {rows.reason[0]}" if len(rows.reason) else "")
            + "; give examples of the form of X."
        )
    outputs = reader.read(rows.X, hidden=hidden)
    return outputs if scale is None else scale.apply(outputs)
