"""The report of a study with why its unseen environments cost: a section for each diagnosis.

Every part has a module here with ``sentences(found)``, what must be known first, and
``section(found)``, its tables and figures.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gengap.report import EXPLANATION, study
from gengap.report.document import Block, Bullets, Document, Note, Section, section
from gengap.report.numerals import Numerals

if TYPE_CHECKING:
    from gengap.questions.diagnosis.explanation import Explanation

NUMBERS = EXPLANATION
TITLES = {
    "decomposition": "what moved",
    "columns": "columns",
    "segments": "segments",
    "factors": "along factors",
    "subgroups": "subgroups",
    "inside_outside": "inside against outside",
}
# Sections of a study's report before the diagnoses.
BEFORE = ("Cost of unseen environments", "Methods", "Difficulty or unfamiliarity")


def answer(found: Explanation) -> str:
    """Why unseen environments cost, in a few sentences."""
    said = [line for name in found.parts for line in _sentences(found, name)[:1]]
    return " ".join(said) or "Nothing could be told about why unseen environments cost."


def terminal(found: Explanation, quiet: bool = False) -> list[Block]:
    """What the command prints: the study's answer, then what each part found."""
    if quiet:
        return [answer(found)]
    told = [Bullets(lines) for name in found.parts if (lines := _sentences(found, name))]
    return [study.answer(found.result), *told, *map(Note, _absent(found))]


def build(found: Explanation, *, page: bool, command: str = "") -> Document:
    """The study's whole report, with a section for each diagnosis after what it measured."""
    whole = study.build(found.result, page=page, command=command)
    first = [line for name in found.parts for line in _sentences(found, name)[:1]]
    own: list[Section | None] = [_section(found, name) for name in found.parts]
    own.append(section("What could not be told", Bullets(_absent(found))))
    told = [part for part in own if part is not None]
    place = max(
        (k + 1 for k, part in enumerate(whole.sections) if part.heading in BEFORE), default=0
    )
    sections = [*whole.sections[:place], *told, *whole.sections[place:]]
    return replace(
        whole,
        findings=[*whole.findings, *first],
        sections=sections,
        closing=f"{whole.closing} What explains them is in {NUMBERS}.",
    )


def _absent(found: Explanation) -> list[str]:
    return [f"Not told, {TITLES[name]}: {reason}" for name, reason in found.absent.items()]


def _sentences(found: Explanation, name: str) -> list[str]:
    said: list[str] = _part(name).sentences(found.parts[name], *_numbers(found, name))
    return said


def _section(found: Explanation, name: str) -> Section | None:
    made: Section | None = _part(name).section(found.parts[name], *_numbers(found, name))
    return made


def _numbers(found: Explanation, name: str) -> tuple[Numerals, ...]:
    """How losses are printed, for the part that does not say it."""
    fraction = found.result.plan.score.fraction
    return (Numerals(fraction, 1 if fraction else None),) if name == "refitted" else ()


def _part(name: str) -> Any:
    return importlib.import_module(f"gengap.report.explanation.{name}")
