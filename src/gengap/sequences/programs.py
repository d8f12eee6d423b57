"""Programs to be found from examples, written whole or step by step by way of what they do.

A unit is a task, a few lists and what becomes of them, and is solved by any program that does it
(score ``success``). Written *whole*, all steps follow from the examples. By *steps*, what is
written first is a subgoal, what the lists will be after the next step, and then the step that makes
them so; the step is run, and the next subgoal follows from what it really made:

    program 31>14 | 05>51     ->   reverse ramp

    subgoal 31>14 | 05>51     ->   13 | 50
    step    31>13 | 05>50     ->   reverse        run: 13, 50
    subgoal 13>14 | 50>51     ->   14 | 51 ...

One network does both, and is trained on the steps of training's programs alone.

Source: K. Shi et al., ExeDec: execution decomposition for compositional generalization in neural
program synthesis (2024), arXiv:2307.13883.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from gengap.models.networks import Architecture
from gengap.sequences.problem import Sequences, sequences_of
from gengap.sequences.program_tokens import (
    BETWEEN,
    CODE,
    FIRST_DIGIT,
    FIRST_FUNCTION,
    MAKES,
    PROGRAM,
    STEP,
    SUBGOAL,
    WORDS,
    asked_for,
    told_lists,
)
from gengap.sequences.ragged import Ragged
from gengap.sequences.tasks.list_programs import run
from gengap.sequences.vocabulary import END, SPECIAL

if TYPE_CHECKING:
    from gengap.sequences.program_feed import ProgramFeed
    from gengap.training.tasks import Task

Way = Literal["whole", "steps"]


@dataclass(frozen=True, eq=False)
class Programs(Sequences):
    """Tasks whose programs are to be found.

    Attributes:
        way: in which programs are written.
        examples: of a task, each with lists of ``size`` digits.
    """

    known_scores: ClassVar[tuple[str, ...]] = ("success",)
    way: Way = "whole"
    examples: int = 3
    size: int = 4

    @cached_property
    def lists(self) -> np.ndarray:
        """What is given and what is wanted, ``(n, 2, m, size)``."""
        rows = self.source.values.reshape(len(self), -1)[:, 1:] - FIRST_DIGIT
        rows = np.pad(rows, ((0, 0), (0, 1))).reshape(len(self), self.examples, -1)
        size = self.size
        return np.stack([rows[..., :size], rows[..., size + 1 : 2 * size + 1]], 1)

    @cached_property
    def longest(self) -> int:
        """Steps of the longest program."""
        return int(self.target.lengths.max()) - 1

    @cached_property
    def pairs(self) -> tuple[Sequences, np.ndarray]:
        """A subgoal and a step for each step of each program, and where each task's begin."""
        count = self.target.lengths - 1
        begins = np.r_[0, np.cumsum(2 * count)]
        source: list[np.ndarray] = [np.zeros(0)] * begins[-1]
        target = source.copy()
        for steps in np.unique(count):
            rows = np.flatnonzero(count == steps)
            functions = self.target.only(rows).values.reshape(len(rows), -1) - FIRST_FUNCTION
            state, wanted = self.lists[rows, 0], self.lists[rows, 1]
            for k in range(steps):
                after = run(functions[:, k], state)
                asked = (asked_for(SUBGOAL, state, wanted), asked_for(STEP, state, after))
                told = (told_lists(after), functions[:, k : k + 1] + FIRST_FUNCTION)
                for part in range(2):
                    ended = np.pad(told[part], ((0, 0), (0, 1)), constant_values=END)
                    for own, row in enumerate(rows):
                        source[begins[row] + 2 * k + part] = asked[part][own]
                        target[begins[row] + 2 * k + part] = ended[own]
                state = after
        special = len(SPECIAL)
        made = sequences_of(
            Ragged.of([row - special for row in source]),
            Ragged.of([row - special for row in target]), WORDS, name=self.name,
        )  # fmt: skip
        return made, begins

    @property
    def shape(self) -> tuple[int, ...]:
        """Both rows of the longest pair that is trained on."""
        own = int(self.widths.max())
        return 2, own if self.way == "whole" else max(own, int(self.pairs[0].widths.max()))

    @property
    def offers(self) -> tuple[str, ...]:
        """Steps are pairs of their own, and not shown before one another."""
        return super().offers if self.way == "whole" else ()

    def goes_on(self, architecture: Architecture) -> bool:
        """Programs are written, whatever the network."""
        return True

    @cached_property
    def fingerprint(self) -> str:
        """Differs where tasks or the way differ."""
        return sha256((super().fingerprint + self.way).encode()).hexdigest()

    def prepare(self, rows: np.ndarray) -> np.ndarray:
        """Words that steps are asked with are known as those of programs are."""
        known = super().prepare(rows)
        known[[CODE[word] for word in (PROGRAM, SUBGOAL, STEP, BETWEEN, MAKES)]] = True
        return known

    def feed(
        self, tasks: Sequence[Task], *, steps: int, batch: int, slots: int, device: str
    ) -> ProgramFeed:
        """Feed the runs of one fleet."""
        from gengap.sequences.program_feed import ProgramFeed

        return ProgramFeed(self, tasks, steps, batch, slots, device)
