"""Reads rows without a model: their numbers, and indicators of their categories, are the features.

They come in the columns' own units; :class:`~gengap.models.estimator_outputs.Scale` brings them to
one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.models.columns import Columns
from gengap.models.estimator_outputs import LARGEST
from gengap.models.outputs import Outputs


@dataclass(frozen=True)
class RowReader:
    """How rows are read that no model looks at.

    Attributes:
        columns: of a table; None for an array, every value of which is a feature.
        model: None.
        classes: None.
    """

    columns: Columns | None
    model: None = field(default=None, init=False)
    classes: None = field(default=None, init=False)

    @property
    def plan(self) -> dict[str, Any]:
        """As JSON values."""
        return {"rows": None if self.columns is None else asdict(self.columns)}

    def read(
        self, X: Any, *, batch: int = 1024, labels: Any = None, hidden: bool = True
    ) -> Outputs:
        """Features ``(n, d)`` of the rows; see :func:`gengap.models.reading.outputs_of`."""
        if self.columns is not None:
            values = self.columns.encoded(X)
        else:
            rows = X.detach().cpu().numpy() if isinstance(X, Tensor) else np.asarray(X)
            values = rows.reshape(len(rows), prod(rows.shape[1:]))
        cut = np.clip(values.astype(np.float64, copy=False), -LARGEST, LARGEST)
        return Outputs(features=torch.from_numpy(cut.astype(np.float32)))

    def predict(self, outputs: Outputs, X: Any) -> np.ndarray:
        """Nothing ``(n,)``."""
        return np.full(len(outputs), None, dtype=object)


def row_reader(X: Any) -> RowReader:
    """Find out what the rows are made of.

    Raises:
        UsageError: there is nothing to compare them by.
    """
    numbers = isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype.kind in "fiub")
    reader = RowReader(None if numbers else Columns.of(X))
    if reader.read(X[:1]).features.shape[1] == 0:  # type: ignore[union-attr]
        raise UsageError(
            "Without a model rows are compared by numbers and by categories that recur, and X has "
            "neither; give columns of such."
        )
    return reader
