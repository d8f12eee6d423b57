"""Examples that come in batches, such as a ``torch.utils.data.DataLoader`` or the pieces of a file.

A batch is its examples, or ``(examples, labels)``, or ``(examples, labels, environments)``. Batches
are judged as they come, so what is judged may be larger than memory. What a guard is fitted on may
be too: of more than 20,000 examples, or 134 million values, it takes a random sample of so many.
Every example draws a number from a seed and those with the smallest numbers are kept, which gives
each the same chance, in one pass, however the examples are divided into batches. A sample is as
exchangeable with new examples as the whole, so the false-alarm rate is kept as ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.guard.decision import Decision, answers_of
from gengap.guard.rows import examples_of

MOST_ROWS, MOST_VALUES = 20_000, 1 << 27  # of a sample
ROWS = (list, tuple, str, bytes, Mapping, Set, pd.DataFrame, pd.Series, Tensor, np.ndarray)
ARRAYS = ("__array__", "toarray")


class Batch(NamedTuple):
    """Examples ``(n, ...)`` and, where they are known, labels and environments ``(n,)``."""

    X: Any
    y: Any = None
    environment: Any = None


def in_batches(X: Any) -> bool:
    """Whether this is an iterable of batches rather than rows of examples."""
    rows = isinstance(X, ROWS) or any(hasattr(X, name) for name in ARRAYS)
    return isinstance(X, Iterable) and not rows


def batches_of(X: Iterable[Any]) -> Iterator[Batch]:
    """The batches, one at a time.

    Raises:
        UsageError: there are none, or a batch has more parts than a batch has.
    """
    number = -1
    for number, batch in enumerate(X):
        parts = batch if isinstance(batch, list | tuple) else (batch,)
        if not 1 <= len(parts) <= len(Batch._fields):
            raise UsageError(
                f"Batch {number} of X has {len(parts)} parts; a batch is its examples, or "
                "(examples, labels), or (examples, labels, environments)."
            )
        yield Batch(*parts)
    if number < 0:
        raise UsageError("X gives no batches; a generator can be read once only, so make it anew.")


def sampled(X: Iterable[Any], seed: int, labelled: bool = True) -> tuple[Batch, str]:
    """At most ``MOST_ROWS`` of the examples, in order, and a sentence where these are not all.

    Args:
        X: batches.
        seed: of the sample.
        labelled: whether labels are needed.

    Raises:
        UsageError: batches that do not fit together, or labels that are missing.
    """
    draw, most, total, limit = generator(seed, "guard", "batches"), MOST_ROWS, 0, 1.0
    kept: list[Batch] = []
    numbers: list[np.ndarray] = []
    for number, batch in enumerate(batches_of(X)):
        batch = _checked(batch, number, kept, labelled)
        most = min(most, max(MOST_VALUES // max(math.prod(batch.X.shape[1:]), 1), 1))
        own = draw.random(len(batch.X))
        total += len(own)
        low = np.flatnonzero(own < limit)
        if len(low) or not kept:
            kept.append(_some(batch, low))
            numbers.append(own[low])
        if sum(map(len, numbers)) > 2 * most:
            (kept, numbers), limit = _smallest(kept, numbers, most)
    ((whole,), _), _ = _smallest(kept, numbers, most)
    if total <= most:
        return whole, ""
    return whole, f" Fitted on {most:,} of {total:,} examples, a random sample of the batches."


def check_alone(**given: Any) -> None:
    """Refuse labels beside batches, of which they are a part."""
    for name, values in given.items():
        if values is not None:
            raise UsageError(f"X comes in batches, so leave {name} out: it comes in them too.")


def joined(decisions: Sequence[Decision]) -> Decision:
    """Decisions on several batches as one."""
    names = [name for name in Decision.__annotations__ if name != "prediction"]
    parts = {name: np.concatenate([getattr(d, name) for d in decisions]) for name in names}
    return Decision(prediction=answers_of(decisions), **parts)


def _smallest(
    kept: list[Batch], numbers: list[np.ndarray], most: int
) -> tuple[tuple[list[Batch], list[np.ndarray]], float]:
    """The examples with the ``most`` smallest numbers, in order, as one batch; and the largest."""
    whole = Batch(*(_whole([b[k] for b in kept]) for k in range(len(Batch._fields))))
    drawn = np.concatenate(numbers)
    if len(drawn) > most:
        at = np.sort(np.argpartition(drawn, most)[:most])
        whole, drawn = _some(whole, at), drawn[at]
    return ([whole], [drawn]), float(drawn.max(initial=0.0))


def _some(batch: Batch, rows: np.ndarray) -> Batch:
    """Some rows of every part."""
    X = batch.X.iloc[rows] if isinstance(batch.X, pd.DataFrame) else batch.X[rows]
    return Batch(X, *(None if part is None else part[rows] for part in batch[1:]))


def _whole(parts: list[Any]) -> Any:
    """The rows of several batches as one table, tensor or array."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], pd.DataFrame):
        return pd.concat(parts, ignore_index=True)
    return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)


def _checked(batch: Batch, number: int, before: list[Batch], labelled: bool) -> Batch:
    """A batch with arrays for labels and environments, if it is like those before it."""
    X = examples_of(batch.X)
    if X is None:
        raise UsageError(f"The rows of batch {number} differ in length; give rows of one length.")
    if labelled and batch.y is None:
        raise UsageError(f"Batch {number} has no labels; give batches of (examples, labels).")
    y, environment = (
        part if part is None else np.asarray(part.cpu() if isinstance(part, Tensor) else part)
        for part in batch[1:]
    )
    for name, part in (("labels", y), ("environments", environment)):
        several = name == "labels" and part is not None and part.ndim == 2
        if part is not None and part.shape != (len(X),) and not (several and len(part) == len(X)):
            raise UsageError(
                f"Batch {number} has {len(X)} rows but {name} of shape {part.shape}; give one per "
                "row."
            )
    made = Batch(X, y, environment)
    if before and _form(made) != _form(before[0]):
        raise UsageError(
            f"Batch {number} of X is not like the first one; give tables with the same columns, or "
            "rows of one shape, and the same parts in every batch."
        )
    return made


def _form(batch: Batch) -> tuple[Any, ...]:
    columns = list(batch.X.columns) if isinstance(batch.X, pd.DataFrame) else batch.X.shape[1:]
    return isinstance(batch.X, Tensor), columns, *(part is None for part in batch)
