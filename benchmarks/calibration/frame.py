"""Tables of simulated studies: what was measured, what was asked for, and how sure one can be.

A module of this folder is about one command and offers ``tables(studies)``, where ``studies`` is
the number of simulated studies a row; a module whose studies are dear takes a share of it. A row
has its setting and one :class:`Measured` for each :class:`Quantity` of its table. How bad a
quantity is, is a ratio: what was allowed into what was found, above 1 where it is missed (9% false
verdicts of 5% allowed is 1.8, and so is 91% coverage where 95% was promised).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

WORST = 20
SURE = 2.0  # standard errors of the simulation


class Measured(NamedTuple):
    """A number and the standard error that the simulation leaves it."""

    value: float
    error: float = 0.0


NOTHING = Measured(math.nan)


@dataclass(frozen=True)
class Quantity:
    """What the numbers of a column are, and what they ought to be.

    Attributes:
        name: the column's heading.
        most: not above this; infinite where nothing was promised.
        least: not below this.
        percent: whether it is a share, printed in percent.
    """

    name: str
    most: float = math.inf
    least: float = -math.inf
    percent: bool = True

    def miss(self, found: Measured) -> float:
        """What was found over what is allowed; 0 where nothing was promised or nothing found."""
        ratios = [0.0]
        if math.isfinite(self.most):
            ratios.append(found.value / self.most)
        if math.isfinite(self.least):
            short = (1 - found.value) / (1 - self.least) if self.percent else 0.0
            ratios.append(short if self.percent else self.least / found.value)
        return max(0.0 if math.isnan(ratio) else ratio for ratio in ratios)

    def missed(self, found: Measured) -> bool:
        """Whether the goal is missed beyond the noise of the simulation."""
        beyond = SURE * found.error
        return found.value - beyond > self.most or found.value + beyond < self.least

    def goal(self) -> str:
        """What was asked for, in words; empty where nothing was."""
        ends = (("at least", self.least), ("at most", self.most))
        return ", ".join(f"{word} {self.text(end)}" for word, end in ends if math.isfinite(end))

    def text(self, value: float) -> str:
        """A number as the table prints it."""
        if math.isnan(value):
            return "-"
        return f"{100 * value:.3g}%" if self.percent else f"{value:.3g}"

    def cell(self, found: Measured) -> str:
        """A number, bold where the goal is missed."""
        return f"**{self.text(found.value)}**" if self.missed(found) else self.text(found.value)


class Row(NamedTuple):
    """One simulated setting: a word per setting of its table, a number per quantity."""

    setting: tuple[str, ...]
    found: tuple[Measured, ...]


@dataclass(frozen=True)
class Table:
    """Simulated studies of one kind.

    Attributes:
        title: its heading, which also names the table in the list of the worst rows.
        words: what was simulated, and what the columns say, in a paragraph.
        settings: headings of the columns that say what a row simulates.
        quantities: what was measured.
        rows: one per setting.
    """

    title: str
    words: str
    settings: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    rows: tuple[Row, ...]


def share(hits: ArrayLike) -> Measured:
    """The share of studies in which something happened, ``(studies,)`` of 0 and 1."""
    found = np.asarray(hits, dtype=np.float64)
    # An error of 0 at a share of 0 or 1 would claim certainty: Agresti and Coull's two of each.
    smoothed = (found.sum() + 2) / (len(found) + 4)
    return Measured(float(found.mean()), math.sqrt(smoothed * (1 - smoothed) / (len(found) + 4)))


def average(values: ArrayLike) -> Measured:
    """The mean of ``(studies,)`` numbers."""
    found = np.asarray(values, dtype=np.float64)
    return Measured(float(found.mean()), float(found.std(ddof=1)) / math.sqrt(len(found)))


def markdown(table: Table) -> str:
    """A table with its heading, its goals and the largest error of its simulation."""
    goals = [f"{q.name} {q.goal()}" for q in table.quantities if q.goal()]
    heads = [*table.settings, *(quantity.name for quantity in table.quantities)]
    rule = ["---"] * len(table.settings) + ["---:"] * len(table.quantities)
    lines = [f"## {table.title}", "", table.words, ""]
    if goals:
        lines += [f"Asked for: {'; '.join(goals)}. {_noise(table)}".rstrip(), ""]
    lines += [_line(heads), _line(rule)]
    for row in table.rows:
        cells = [q.cell(one) for q, one in zip(table.quantities, row.found, strict=True)]
        lines.append(_line([*row.setting, *cells]))
    return "\n".join(lines) + "\n"


def worst(tables: list[Table]) -> str:
    """The rows farthest from what was asked for, over all tables, the worst first."""
    found = sorted(
        (
            (quantity.miss(one), table, row, quantity, one)
            for table in tables
            for row in table.rows
            for quantity, one in zip(table.quantities, row.found, strict=True)
            if quantity.goal() and not math.isnan(one.value)
        ),
        key=lambda entry: -entry[0],
    )
    lines = [
        _line(["table", "setting", "quantity", "asked for", "found", "simulation error"]),
        _line(["---"] * 4 + ["---:"] * 2),
    ]
    for _, table, row, quantity, one in found[:WORST]:
        setting = ", ".join(f"{h}: {s}" for h, s in zip(table.settings, row.setting, strict=True))
        lines.append(
            _line([table.title, setting, quantity.name, quantity.goal(), quantity.cell(one),
                   f"± {quantity.text(one.error)}"])
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def missed(tables: list[Table]) -> tuple[int, int]:
    """How many numbers miss their goal beyond the simulation's noise, and of how many."""
    asked = [
        quantity.missed(one)
        for table in tables
        for row in table.rows
        for quantity, one in zip(table.quantities, row.found, strict=True)
        if quantity.goal() and not math.isnan(one.value)
    ]
    return sum(asked), len(asked)


def _noise(table: Table) -> str:
    errors = [
        (one.error, quantity)
        for row in table.rows
        for quantity, one in zip(table.quantities, row.found, strict=True)
        if quantity.goal() and quantity.percent and not math.isnan(one.value)
    ]
    if not errors:
        return ""
    error, quantity = max(errors, key=lambda pair: pair[0])
    return f"Simulation error up to {quantity.text(error)}."


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
