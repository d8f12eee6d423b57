"""Training curves in words: when each method fits, when it generalises, and every run drawn."""

from __future__ import annotations

import math

from gengap.questions.diagnosis.training import MethodCurves, RunCurves, Training
from gengap.report.document import (
    Block,
    Document,
    Folded,
    Note,
    Table,
    document,
    facts,
    section,
    settings,
    text_table,
)
from gengap.report.figures.drawing import Drawing
from gengap.report.figures.training import Points, training_drawing
from gengap.report.numerals import Numerals, count, counted
from gengap.report.text import clean, isolate

NUMBERS = "training.json"
TRAINED, KEPT, UNSEEN = "rows trained on", "rows kept apart", "unseen"
NAMED = 3  # methods that the answer speaks of
MOST_DRAWN = 12
NOT_NOTED = (
    "Rows trained on were not scored, so fitting is read on rows kept apart of the training "
    "environments; gengap run --curves notes them."
)


def answer(found: Training) -> str:
    """When the first methods fit and when they generalise."""
    if found.level is None:
        return (
            f"{counted(len(found.methods), 'method')} along training; {words(found)} is no share "
            "of what is right, so there is no level at which a run has fitted."
        )
    said = [_method(found, each) for each in found.methods[:NAMED]]
    return " ".join([*said, *([] if found.noted else [NOT_NOTED])])


def terminal(found: Training, quiet: bool = False) -> list[Block]:
    """What the command prints: a row per method, and the answer."""
    if quiet or found.level is None:
        return [answer(found)]
    return [_table(found), Note(_legend(found)), answer(found)]


def build(found: Training, *, page: bool, command: str = "") -> Document:
    """The whole report; ``command`` is what the user typed."""
    sizes = [counted(len(found.methods), "method"), counted(_most_runs(found), "run") + " of each"]
    drawn = found.methods[:MOST_DRAWN]
    folded = [
        Folded(isolate(each.method), "", [_drawing(found, each, place)], open=not place)
        for place, each in enumerate(drawn)
    ]
    table = _table(found) if found.level is not None else None
    more = len(found.methods) - len(drawn)
    left = Note(f"{counted(more, 'more method')} in the .json file.") if more else None
    legend = "Thin lines are runs, one per split and seed; thick ones their mean."
    if found.level is not None:
        legend = f"{legend} The line across is at {_level(found)}."
    return document(
        clean(found.study),
        "training curves",
        facts([words(found), *sizes]),
        [answer(found)],
        [
            section("Along training", legend, *(folded if page else []), left),
            section("Fitting and generalising", _legend(found), table) if table else None,
            section(
                "Where these numbers come from",
                settings(
                    {"command": command, "data fingerprint": found.fingerprint},
                    code=("command", "data fingerprint"),
                ),
            ),
        ],
        "Every number here is also in the .json file beside this report.",
    )


def drawings(found: Training) -> dict[str, str]:
    """A drawing of each method as a file."""
    return {
        f"training-{place}": _drawing(found, each, place).standalone()
        for place, each in enumerate(found.methods[:MOST_DRAWN], 1)
    }


def words(found: Training) -> str:
    """The metric as it is read."""
    return found.metric.replace("_", " ")


def _number(found: Training) -> Numerals:
    return Numerals(found.fraction, 1 if found.fraction else 2)


def _level(found: Training) -> str:
    return Numerals(True, None if found.level is None else 0).score(found.level)


def _drawing(found: Training, method: MethodCurves, place: int) -> Drawing:
    number = _number(found)
    runs = {
        name: [points for run in method.runs if (points := _points(run, own))]
        for name, own in ((TRAINED, "train"), (KEPT, "inside"), (UNSEEN, "unseen"))
    }
    unit = words(found) + (" in %" if number.percent else "")
    reached = [("fits", method.fits), ("generalises", method.generalises)]
    return training_drawing(
        f"training-{place}", f"{clean(method.method)} along training", unit,
        {name: own for name, own in runs.items() if own}, number, found.level, reached,
    )  # fmt: skip


def _points(run: RunCurves, own: str) -> Points:
    scores = zip(run.steps, getattr(run, own), strict=True)
    return [(step, score) for step, score in scores if not math.isnan(score)]


def _most_runs(found: Training) -> int:
    return max(len(each.runs) for each in found.methods)


def _table(found: Training) -> Table:
    rows = []
    for each in found.methods:
        delays = [run.delay for run in each.runs if run.delay is not None]
        rows.append(
            (
                each.method,
                count(len(each.runs)),
                _with_range(each.fits, [delay.fits for delay in delays]),
                _with_range(each.generalises, [delay.generalises for delay in delays]),
                _with_range(each.delay, [delay.steps for delay in delays]),
            )
        )
    return text_table("Delays", ("method", "runs", "fits", "generalises", "delay"), rows)


def _with_range(median: float | None, steps: list[int | None]) -> str:
    """The median and both ends over runs: ``150 (120 to never)``."""
    if all(step is None for step in steps):
        return "never"
    said = "never" if median is None else count(median)
    known = [step for step in steps if step is not None]
    high = "never" if len(known) < len(steps) else count(max(known))
    return f"{said} ({count(min(known))} to {high})" if len(steps) > 1 else said


def _legend(found: Training) -> str:
    where = TRAINED if found.noted else f"{KEPT} of the training environments"
    return (
        f"Median over runs, with the first and the last; fits: the first step scored at which "
        f"{words(found)} on {where} is {_level(found)} or more; generalises: where environments "
        "are unseen; delay: from the one to the other."
    )


def _method(found: Training, each: MethodCurves) -> str:
    name, level = isolate(clean(each.method)), _level(found)
    last = count(max((run.steps[-1] for run in each.runs if run.steps), default=0))
    most = " in most runs" if len(each.runs) > 1 else ""
    if each.fits is None and each.generalises is None:
        return f"{name} does not come to {level}{most} by step {last}."
    if each.fits is None:
        return (
            f"{name} generalises at step {count(each.generalises or 0)} and does not come to "
            f"{level} on {TRAINED if found.noted else KEPT}{most} by step {last}."
        )
    fits = f"{name} fits ({level}) at step {count(each.fits)}"
    if each.generalises is None:
        return f"{fits} and does not generalise{most} by step {last}."
    if each.generalises <= each.fits:
        return f"{fits} and generalises no later, at step {count(each.generalises)}."
    times = each.generalises / each.fits
    return f"{fits} and generalises at step {count(each.generalises)}, {times:.1f} times as many."
