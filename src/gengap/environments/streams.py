"""In what order a model that adapts meets the inputs it is to answer.

Seven settings of the literature, from the kindest to the hardest. Everything that a model sees
before an input may change its answer to it, so a setting is part of a result.

=====================  ============================================================================
``reset``              one environment after another, and the model is put back before each
``continual``          the same without putting it back
``gradual``            the same, and of two that follow each other the second fades in as the first
                       fades out
``mixed``              all environments together
``correlated``         one environment after another, put back before each; within it similar
                       targets come together
``mixed-correlated``   all environments together, similar targets together
``strangers``          one environment after another, nothing is put back, and half of every batch
                       are inputs that fit no class (:mod:`gengap.training.strangers`)
=====================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gengap.base.errors import UsageError, check_whole, listing, suggest

STRANGERS = "strangers"
ORDERS = ("reset", "continual", "gradual", "mixed", "correlated", "mixed-correlated", STRANGERS)
APART = ("reset", "correlated")  # orders that put the model back before each environment
FADE = 0.5  # share of two neighbours' inputs over which one turns into the other
CLASSES = 20  # that the values of a target make


class Visit(NamedTuple):
    """One batch: positions ``(b,)`` of its units, and whether the model is put back before it."""

    places: np.ndarray
    reset: bool


@dataclass(frozen=True)
class Stream:
    """An order of units and the size of the batches they come in.

    Attributes:
        order: one of ``ORDERS``.
        batch: units that are answered together, 1 or more; of strangers half.
    """

    order: str = "reset"
    batch: int = 32

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UsageError(
                f"There is no stream {self.order!r}{suggest(self.order, ORDERS)}; name "
                f"{listing(ORDERS)}."
            )
        check_whole(stream_batch=self.batch)

    @property
    def answered(self) -> int:
        """Units of a batch that are to be answered, the others being strangers."""
        return max(1, self.batch // 2) if self.order == STRANGERS else self.batch

    def visits(
        self, environment: np.ndarray, target: np.ndarray, draw: np.random.Generator
    ) -> list[Visit]:
        """The batches in the order in which they come; every unit is in one of them.

        Args:
            environment: ``(n,)`` codes; environments come in an order that is drawn.
            target: ``(n,)`` or ``(n, k)`` true classes or values, which order correlated streams
                and which no model sees.
            draw: what orders are drawn from.
        """
        codes = draw.permutation(np.unique(environment))
        groups = [draw.permutation(np.flatnonzero(environment == code)) for code in codes]
        if self.order.startswith("mixed"):
            groups = [draw.permutation(np.concatenate(groups))] if groups else []
        if self.order.endswith("correlated"):
            groups = [_alike_together(own, target, draw) for own in groups]
        if self.order == "gradual":
            groups = [_faded(groups, draw)] if groups else []
        return [
            Visit(own[batch], number == 0 and self._puts_back(place))
            for place, own in enumerate(groups)
            for number, batch in enumerate(self.batches(len(own)))
        ]

    def batches(self, count: int) -> list[slice]:
        """Of ``count`` units, of nearly equal sizes and no larger than ``answered``.

        None is of a single unit if more than one is asked for and there are more; of an odd number
        in twos, three come together once.
        """
        pieces = -(-count // self.answered)
        if self.answered > 1 and pieces > 1 and count // pieces < 2:
            pieces -= 1
        bounds = [round(k * count / pieces) for k in range(pieces + 1)] if pieces else []
        return [slice(a, b) for a, b in pairwise(bounds)]

    def _puts_back(self, place: int) -> bool:
        return place == 0 or self.order in APART


def times(visits: Sequence[Visit]) -> np.ndarray:
    """When each unit comes ``(n,)``, as a share of the time from one putting back to the next.

    Between 0 and 1, and the same for all units of a batch, which are answered together.
    """
    sizes = np.array([len(visit.places) for visit in visits])
    span = np.cumsum([visit.reset for visit in visits]) - 1
    before = np.cumsum(sizes) - sizes
    first = np.array([before[span == k].min() for k in range(span.max(initial=-1) + 1)])
    middle = (before - first[span] + sizes / 2) / np.bincount(span, sizes)[span]
    found = np.empty(int(sizes.sum()))
    found[np.concatenate([visit.places for visit in visits])] = np.repeat(middle, sizes)
    return found


def _alike_together(own: np.ndarray, target: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Units ordered so that one class comes after another, in an order that is drawn."""
    values = target[own] if target.ndim == 1 else target[own, 0]
    labels = np.unique(values, return_inverse=True)[1]
    if labels.max(initial=0) >= CLASSES:
        labels = np.argsort(np.argsort(values, kind="stable")) * CLASSES // len(own)
    order = draw.permutation(labels.max(initial=-1) + 1)
    return own[np.argsort(order[labels], kind="stable")]


def _faded(groups: list[np.ndarray], draw: np.random.Generator) -> np.ndarray:
    """Environments in a row, each fading into the next.

    A unit at a share ``u`` of its environment's time comes at ``place + u`` plus a draw that is
    uniform within half of ``FADE`` to both sides, so neighbours overlap by that much.
    """
    times = [
        place + (np.arange(len(own)) + 0.5) / len(own) + draw.uniform(-FADE / 2, FADE / 2, len(own))
        for place, own in enumerate(groups)
    ]
    return np.concatenate(groups)[np.argsort(np.concatenate(times), kind="stable")]
