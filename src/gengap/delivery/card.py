"""A model's card, as numbers: what it is, what is expected of it, where it fails, what it refuses.

The headings of the card are those of M. Mitchell et al., Model Cards for Model Reporting (2019),
https://doi.org/10.1145/3287560.3287596; :mod:`gengap.report.card` words and draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gengap.base.finding import Finding
from gengap.delivery.choice import Choice
from gengap.delivery.expectation import Expectation
from gengap.delivery.guarding import Refused
from gengap.guard import Guard
from gengap.guard.reach import Reach


@dataclass(frozen=True)
class Column:
    """A column that the model reads: a range of numbers, or how many categories it knows.

    ``open`` where new texts are usual, so that the guard refuses none for being new.
    """

    name: str
    low: float | None
    high: float | None
    categories: int | None
    open: bool = False


@dataclass(frozen=True)
class GuardCard:
    """What a guard is, in numbers.

    Attributes:
        detector: its name; ``sentence`` why it was taken.
        false_alarms: share of normal rows that may be refused.
        rows: that calibrated it; ``low`` and ``high`` limits of this guard's own rate.
        keeps_examples: whether its files hold features of training rows.
        columns: what was seen of each column.
        impossible: share that it refuses of each kind of impossible inputs.
    """

    detector: str
    sentence: str
    false_alarms: float
    rows: int
    low: float
    high: float
    keeps_examples: bool
    columns: list[Column]
    impossible: dict[str, float]


@dataclass(frozen=True, repr=False, eq=False)
class Card(Finding):
    """All that a delivered model's card says.

    Attributes:
        name: of the data; ``target`` what is predicted, empty where it has no name.
        task: whether classes or values are predicted, and the ``classes``.
        environment_word: what an environment is called, and the ``environments`` trained on with
            their ``rows`` in all.
        features: what the model reads: columns of a table, or the shape of an array.
        choice: method, hyperparameters and step, and how they were chosen.
        model: the architecture in words; empty for an estimator.
        seed: of the training.
        trained_rows: rows trained on; ``apart_rows`` kept apart from training.
        versions: of what computed it; ``created`` when, in UTC.
        fingerprint: of the data.
        expected: what the study says of it; None where nothing was measured.
        metric: what ``inside`` is in; with how to read it.
        inside: mean score of this very model on test rows of its own environments.
        guard: which inputs it refuses; None without one.
        refused: what guards refused in environments that their models had not seen.
        sees_unlabelled: whether the method looks at unlabelled inputs of new environments, which
            nobody had when this model was trained.
        steps: of training where it is an agent, the study's; None of another model.
        caveats: warnings of the data that change what the answer means; ``notes`` other ones.
    """

    kind: ClassVar[str] = "card"
    name: str
    target: str
    task: str
    classes: tuple[str, ...]
    environment_word: str
    environments: tuple[str, ...]
    rows: list[int]
    features: list[str]
    choice: Choice
    model: str
    seed: int
    trained_rows: int
    apart_rows: int
    versions: Mapping[str, str]
    created: str
    fingerprint: str
    expected: Expectation | None
    metric: str
    higher_is_better: bool
    fraction: bool
    inside: float
    guard: GuardCard | None
    refused: list[Refused]
    sees_unlabelled: bool
    caveats: list[str]
    notes: list[str]
    steps: int | None = None


def guard_card(guard: Guard) -> GuardCard:
    """What a card says of a guard."""
    low, high = guard.calibration.rate()
    return GuardCard(
        detector=guard.choice.name,
        sentence=guard.choice.sentence,
        false_alarms=guard.calibration.false_alarms,
        rows=len(guard.calibration.scores),
        low=low,
        high=high,
        keeps_examples=guard.keeps_examples,
        columns=columns_of(guard.reach),
        impossible=dict(guard.impossible),
    )


def columns_of(reach: Reach) -> list[Column]:
    """What a guard has seen of each column, in their order."""
    found: dict[int, Column] = {}
    names = reach.columns.names
    for at, place in enumerate(reach.columns.numeric):
        low, high = _number(reach.low[at]), _number(reach.high[at])
        found[place] = Column(names[place], low, high, None)
    for closed, place in zip(reach.closed, reach.columns.categorical, strict=True):
        known = len(reach.columns.categories[place] or ())
        found[place] = Column(names[place], None, None, known, not bool(closed))
    return [found[place] for place in sorted(found)]


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
