"""Agents to put to work: what was trained on levels, asked one observation at a time.

An agent is delivered as any other model is: its examples are the observations that were logged, and
what it answers with is an action. Beside its weights it keeps how observations become numbers and
what its actions are in the simulator, so that :meth:`~gengap.delivery.model.Agent.act` takes what
``reset`` and ``step`` return and gives what ``step`` takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from gengap.base.errors import UsageError
from gengap.control.examples import EPISODE
from gengap.control.levels import Levels, Scaling
from gengap.control.spaces import Actions, Part, Sight
from gengap.delivery.schema import SavedActions, SavedAgent, SavedPart
from gengap.environments.preparation import ColumnCode, Encoded, Preparation, encoded_by
from gengap.study.trained import Trained
from gengap.training.tables import Prepared, Tables


@dataclass(frozen=True, eq=False)
class Play(Tables):
    """What was seen and done in logs, an example each.

    Attributes:
        components: of an action; 0 where actions are numbered.
        unit: ``(n,)`` the unit that each example was logged from; none in a form without rows.
    """

    components: int = 0
    unit: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def encoded(self) -> Encoded:
        """Observations as they are."""
        return encoded_by(self.X, plain(self.X.shape))

    @property
    def outputs(self) -> int:
        """Of a network: actions, or components."""
        return self.components or len(self.classes)

    @property
    def form(self) -> Self:
        """What observations are read by, without any."""
        return replace(super().form, unit=np.zeros(0, np.int64))


def plain(shape: tuple[int, ...]) -> tuple[ColumnCode, ...]:
    """Codes of an array's columns that leave numbers as they are; more dimensions need none."""
    return tuple(ColumnCode(f"x{k}", "number") for k in range(shape[1])) if len(shape) == 2 else ()


def play_of(levels: Levels) -> Play:
    """The logs of levels as examples; vectors of several components stand for their first.

    Raises:
        UsageError: nothing was logged.
    """
    logs, wide = levels.logs, 0 if levels.logs.discrete else levels.logs.action.shape[1]
    if wide > 1:
        levels = replace(levels, logs=replace(logs, action=logs.action[:, :1]))
    found = levels.examples()
    made = Play(**{name: getattr(found, name) for name in found.__dataclass_fields__})
    return replace(made, components=wide, unit=found.factors[EPISODE].to_numpy(), notes=())


def as_play(form: Tables, components: int) -> Play:
    """A form of examples as one of an agent whose actions have so many components."""
    own = {name: getattr(form, name) for name in Tables.__dataclass_fields__}
    return Play(**own, components=components)


def readable(trained: Trained, play: Play) -> Trained:
    """A model of levels as one of their logged observations."""
    return replace(
        trained,
        prepared=Prepared(preparation(trained.prepared, play.shape)),
        train_rows=np.flatnonzero(np.isin(play.unit, trained.train_rows)),
        problem=play,
    )


def preparation(scaling: Scaling | None, shape: tuple[int, ...]) -> Preparation:
    """How observations are scaled; nothing is cut, as nothing is while an agent learns."""
    wide = (shape[0], *(1,) * (len(shape) - 1))
    if scaling is None:
        return Preparation(np.zeros(wide, np.float32), np.ones(wide, np.float32), clip=np.inf)
    return Preparation(scaling.shift, (1 / scaling.scale).astype(np.float32), clip=np.inf)


def saved_agent(levels: Levels) -> SavedAgent:
    """What a file says of what agents see and do."""
    sight: Sight | None = getattr(levels.arena, "sight", None)
    known: Actions | None = getattr(levels.arena, "actions", None)
    wide = 0 if levels.logs.discrete else levels.logs.action.shape[1]
    if known is None:
        ones = np.ones(wide)
        vectors = Actions(0, 0, -ones, ones, (wide,), np.float32)
        known = vectors if wide else Actions(levels.outputs)
    parts = None if sight is None else tuple(SavedPart(**vars(own)) for own in sight.parts)
    low, high = (None if own is None else tuple(own.tolist()) for own in (known.low, known.high))
    actions = SavedActions(
        count=known.count, first=known.first, low=low, high=high, shape=tuple(known.shape),
        dtype=np.dtype(known.dtype).name,
    )  # fmt: skip
    return SavedAgent(parts=parts, actions=actions)


def sight_of(saved: SavedAgent) -> Sight | None:
    """How observations become arrays; None where they are arrays."""
    if saved.parts is None:
        return None
    return Sight(tuple(Part(**own.model_dump()) for own in saved.parts))


def actions_of(saved: SavedAgent, outputs: int) -> Actions:
    """What can be done.

    Raises:
        ValueError: it does not fit a network with so many outputs.
    """
    own = saved.actions
    if own.low is None or own.high is None:
        if own.low is not own.high or own.count != outputs:
            raise ValueError
        return Actions(own.count, own.first, shape=own.shape, dtype=np.dtype(own.dtype))
    low, high = np.array(own.low, np.float64), np.array(own.high, np.float64)
    if not len(low) == len(high) == np.prod(own.shape) == outputs:
        raise ValueError
    return Actions(0, 0, low, high, own.shape, np.dtype(own.dtype))


def seen(sight: Sight | None, shape: tuple[int, ...], given: Any, told: str | None) -> np.ndarray:
    """One observation ``(*shape)`` float32, as the simulator shows it or an array already.

    Raises:
        UsageError: it is another.
    """
    found = np.asarray(given) if sight is None else sight.one(given, told)
    if found.shape != shape or found.dtype.kind not in "fiub":
        raise UsageError(
            f"The observation has shape {found.shape}, and the agent learnt from {shape}; give it "
            "one as the simulator shows it."
        )
    found = found.astype(np.float32)
    if not np.isfinite(found).all():
        raise UsageError("The observation holds numbers that are not finite; mend it.")
    return found
