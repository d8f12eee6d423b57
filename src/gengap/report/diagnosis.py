"""What a study's examples print: the hardest, where seeds disagree, and which few stand for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from gengap.questions.diagnosis.hardness import Hardness
from gengap.report.document import Block, Heading, Note, text_table
from gengap.report.glossary import says
from gengap.report.numerals import counted, share, tenths

NUMBERS = "examples.json"
SHOWN = 10
Columns = dict[str, tuple[str, Callable[[Any], str]]]  # heading: key, how it is printed
EXAMPLES: Columns = {
    "row": ("example", str),
    "environment": ("environment", str),
    "target": ("target", str),
    "right": ("right", share),
    "difficulty": ("difficulty", tenths),
    "±": ("difficulty_error", tenths),
}
ENVIRONMENTS: Columns = {
    "environment": ("environment", str),
    "examples": ("examples", str),
    "right": ("right", share),
    "unseen": ("right_unseen", share),
    "difficulty": ("difficulty", tenths),
    "hardest tenth": ("hardest", share),
}


def answer(found: Hardness) -> str:
    """With what error a few examples stand for all."""
    said = f"A new model can be scored on the {found.subset} chosen examples instead of all "
    said += str(len(found.examples))
    if math.isnan(found.half_width):
        return f"{said}; these records cannot tell with what error."
    if found.half_width >= 1:
        return f"{said}, but so few examples tell nothing: the error may be ±100 points."
    error = tenths(100 * found.half_width)
    return f"{said}, with an error of ±{error} points (95%, models like these)."


def terminal(found: Hardness, quiet: bool = False) -> list[Block]:
    """What the command prints: hardest examples, environments, churn, and the answer."""
    if quiet:
        return [answer(found)]
    examples = found.examples
    hardest = examples.sort_values("difficulty", ascending=False, kind="stable").head(SHOWN)
    return [
        f"{found.problem}: {counted(found.runs, 'run')}, {counted(len(examples), 'example')} that "
        "runs did not train on.",
        Heading(f"The {len(hardest)} hardest examples"),
        text_table("Examples", *_cells(hardest, EXAMPLES)),
        Heading("Environments, hardest first"),
        text_table("Environments", *_cells(found.environments, ENVIRONMENTS)),
        *_churn(found),
        Note(says("diagnosis", "legend")),
        answer(found),
    ]


def _cells(table: pd.DataFrame, columns: Columns) -> tuple[tuple[str, ...], list[list[str]]]:
    """Headings, and the cells of each row in print."""
    rows = table.to_dict("records")
    cells = [[show(row[key]) for key, show in columns.values()] for row in rows]
    return tuple(columns), cells


def _churn(found: Hardness) -> list[Block]:
    if not found.churn:
        return ["Churn between seeds: no two seeds of a method predicted the same example."]
    rows = (
        (method, share(c.estimate), f"{share(c.low)} to {share(c.high)}", share(c.relative))
        for method, c in found.churn.items()
    )
    table = text_table("Churn", ("method", "churn", "95%", "of chance"), rows)
    return [Heading("Churn between seeds in unseen environments"), table]
