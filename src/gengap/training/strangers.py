"""Strangers in a stream: inputs that fit no class, which a model is to leave unanswered.

*Near*, or weak, strangers are of classes that nothing was trained on: rows of the data that
:func:`with_strangers` takes out of all parts. *Far*, or strong, ones are from elsewhere: noise in
place of an input, every number of it drawn from a normal distribution with the mean and the spread
that inputs have in training. Where there are near ones, every other stranger is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.base.errors import UsageError, listing, suggest
from gengap.environments.core import Environments
from gengap.training.tables import Tables

FAMILIAR, NEAR, FAR = 0, 1, 2
ROWS = 10_000  # about as many tell the spread of training


class Strangers:
    """Strangers as they come, drawn without end.

    Args:
        feed: of one run, which prepares rows.
        problem: the data, whose rows of no class are the near ones.
        draw: what they are drawn from.
        train: training rows, which tell the mean and the spread of a table's columns. Channels of
            images and signals have 0 and 1, as numbers in tables do; categories and columns that
            are constant in training have others.

    Attributes:
        kinds: of each batch ``(2 n,)``, its own inputs first.
    """

    def __init__(
        self, feed: Any, problem: Any, draw: np.random.Generator, train: np.ndarray | None = None
    ) -> None:
        self.feed, self.shape, self.draw = feed, problem.shape, draw
        self.near = draw.permutation(problem.outlier_rows)
        self.mean, self.spread = np.zeros(self.shape), np.ones(self.shape)
        if train is not None and len(self.shape) == 1:
            every = max(1, len(train) // ROWS)
            rows = feed.inputs(torch.from_numpy(train[::every].astype(np.int64))[None])[0].double()
            self.mean, self.spread = rows.mean(0).numpy(), rows.std(0, correction=0).numpy()
        self.came = 0
        self.kinds: list[np.ndarray] = []

    def come(self, count: int) -> Tensor:
        """The next strangers ``(count, *shape)``, prepared as the model takes them."""
        numbers = self.came + np.arange(count)
        self.came += count
        far = self.mean + self.spread * self.draw.standard_normal((count, *self.shape))
        found = torch.from_numpy(far.astype(np.float32))
        near = numbers % 2 == 1 if len(self.near) else np.zeros(count, bool)
        if near.any():
            rows = self.near[numbers[near] // 2 % len(self.near)]
            found[torch.from_numpy(near)] = self.feed.inputs(torch.from_numpy(rows)[None].long())[0]
        self.kinds.append(np.concatenate([np.full(count, FAMILIAR), np.where(near, NEAR, FAR)]))
        return found


def with_strangers(environments: Environments, classes: Sequence[str]) -> Tables:
    """The environments without some classes, whose examples are strangers to all that is left.

    Args:
        classes: names of classes, as targets have them.

    Raises:
        UsageError: there is no such class, fewer than two others, or the target has no classes.
    """
    if not environments.classes or environments.target_names:
        raise UsageError("Classes can be held out as strangers where one target has classes.")
    names = [str(name) for name in environments.classes]
    for name in classes:
        if name not in names:
            raise UsageError(
                f"There is no class {name!r} to hold out{suggest(name, names)}; there are "
                f"{listing(names, 20)}."
            )
    stay = [k for k, name in enumerate(names) if name not in classes]
    if len(stay) < 2:
        raise UsageError("Fewer than two classes are left to tell apart; hold fewer out.")
    held_out = listing([name for name in names if name in classes], 20)
    strange = ~np.isin(environments.y, stay)
    known = Tables.of(environments.select(~strange))
    return replace(
        known,
        y=np.searchsorted(stay, known.y),
        classes=tuple(environments.classes[k] for k in stay),
        outliers=environments.select(strange).X,
        notes=(*known.notes, f"Strangers, of which nothing trains or is scored: {held_out}."),
    )
