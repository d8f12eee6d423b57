"""Why a study's unseen environments cost what they cost: every diagnosis, of one method.

Each part is a module of this folder with a function of its own name from
:class:`~gengap.questions.diagnosis.material.Material` to a finding. A part that cannot tell raises
a :class:`~gengap.base.errors.UsageError` that says why, and the others go on.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gengap.base.errors import UsageError, unknown
from gengap.base.files import json_values
from gengap.base.finding import Finding
from gengap.base.progress import Progress
from gengap.questions.diagnosis.material import material
from gengap.questions.diagnosis.refitted import refitted
from gengap.study.result import Result

# In the order in which they are told.
PARTS = ("decomposition", "columns", "segments", "factors", "subgroups", "inside_outside")


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Finding):
    """What was found about why unseen environments cost.

    Attributes:
        result: the study's result.
        method: the method whose losses are explained.
        parts: findings by name, in the order of :data:`PARTS`; last ``refitted``, the columns
            that the method was trained again without.
        absent: parts that could not tell, with the reason.
    """

    kind: ClassVar[str] = "explanation"
    result: Result
    method: str
    parts: dict[str, Any]
    absent: dict[str, str]

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "answer": self.answer,
            "study": self.result.name,
            "key": self.result.execution.study,
            "method": self.method,
            **{name: json_values(found) for name, found in self.parts.items()},
            "absent": self.absent,
        }


def explain(
    result: Result,
    method: str | None = None,
    *,
    parts: Sequence[str] | None = None,
    along: Sequence[str] = (),
    subgroups: Sequence[str] = (),
    without: Sequence[str] = (),
    store: str | Path | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Explanation:
    """Say why unseen environments cost what they cost.

    Args:
        result: a study's result with its data: what ``run()`` gave, or
            :func:`gengap.study.source.reopened`.
        method: whose losses are explained; the baseline's when not given.
        parts: which of :data:`PARTS`; all when not given.
        along: factors or numeric columns to follow the cost along; all when not given.
        subgroups: columns whose levels are the subgroups; all that have levels when not given.
        without: columns to train the method again without, one at a time.
        store: where these trainings are recorded, apart from the study; in memory when not given.
        seed: decides whatever is drawn at random.
        progress: called before each part.

    Raises:
        UsageError: the data are not at hand, or there is no such method or part.
    """
    wanted = PARTS if parts is None else tuple(parts)
    for name in wanted:
        if name not in PARTS:
            raise unknown(f"There is no part {name!r} of an explanation", name, PARTS)
    own = material(result, method)
    asked: dict[str, dict[str, Any]] = {
        "factors": {"along": along} if along else {},
        "subgroups": {"columns": subgroups} if subgroups else {},
    }
    found: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for number, name in enumerate(part for part in PARTS if part in wanted):
        if progress is not None:
            progress(Progress(number, len(wanted), name.replace("_", " ")))
        part = importlib.import_module(f"gengap.questions.diagnosis.{name}")
        try:
            found[name] = getattr(part, name)(own, seed=seed, **asked.get(name, {}))
        except UsageError as reason:
            if asked.get(name):  # what was named is not there
                raise
            absent[name] = str(reason)
    if without:
        found["refitted"] = refitted(own, without, store=store, progress=progress)
    return Explanation(result, own.method, found, absent)
