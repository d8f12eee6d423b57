"""The report of graded detectors: what each tells apart, and what rejecting by it buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from gengap.questions.detection.evaluation import Evaluation
from gengap.questions.detection.grading import Detected
from gengap.questions.detection.two_sets import Separated, TwoSets
from gengap.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Note,
    Section,
    Table,
    document,
    make_table,
    section,
    settings,
    text_table,
)
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.glossary import says
from gengap.report.numerals import MISSING, Numerals, level_text, share
from gengap.report.sentences.detection import (
    AREA,
    at_share,
    evaluation_sentences,
    gains,
    tellable,
    two_sets_sentences,
)
from gengap.statistics.intervals import Interval

Found = Evaluation | TwoSets
NUMBERS = "report.json"
CHANCE = 0.5
ROUGHLY = Numerals(False, 2)
words = partial(says, "detection")


def answer(found: Found) -> str:
    """The answer in a few sentences."""
    return " ".join(_sentences(found))


def terminal(found: Found, quiet: bool = False) -> list[Block]:
    """What the command prints: a row per detector, what the columns are, and the answer."""
    if quiet:
        return [answer(found)]
    if isinstance(found, TwoSets):
        return [_two_sets_table(found), Note(_two_sets_words(found)), answer(found)]
    return [_terminal_table(found), Note(words("legend")), answer(found)]


def build(found: Found, *, page: bool, command: str = "") -> Document:
    """The whole report; ``command`` is what the user typed. Only a ``page`` has figures."""
    if isinstance(found, TwoSets):
        title, settled = "Normal and other", _two_sets_facts(found)
        parts = [section("Separation", _two_sets_words(found), _two_sets_table(found))]
    else:
        title, settled, parts = found.problem, _facts(found), _sections(found)
    areas = words("areas", level=level_text(found.level))
    return document(
        title,
        "detectors",
        settled,
        _sentences(found),
        [
            section("What each detector tells apart", areas, *_figures(found)) if page else None,
            *parts,
            _skipped(found),
            section("Where these numbers come from", settings({"command": command}))
            if command
            else None,
        ],
        "Every number here is also in the .json file beside this report.",
    )


def _sentences(found: Found) -> list[str]:
    if isinstance(found, TwoSets):
        return two_sets_sentences(found)
    return evaluation_sentences(found)


def _facts(found: Evaluation) -> str:
    return (
        f"{len(found.environments)} environments left out in turn, {found.model}, seeds: "
        f"{found.seeds}, looks at unseen environments by a choice: {found.looks}"
    )


def _two_sets_facts(found: TwoSets) -> str:
    return (
        f"{found.normal} normal examples, {found.other} others, {found.model or 'no model'}, "
        f"seeds: {found.seeds}"
    )


def _two_sets_words(found: TwoSets) -> str:
    return words("two_sets", other=found.other, held_out=found.held_out)


def _skipped(found: Found) -> Section | None:
    """Why detectors are missing; those that want for a model alone are named in one sentence."""
    hidden = [name for name, reason in found.skipped.items() if "does not show" in reason]
    model_less = [] if found.model else hidden
    rows = [item for item in found.skipped.items() if item[0] not in model_less]
    table = text_table("Detectors that do not apply", ("detector", "why"), rows, numeric=False)
    asked = words("model_less", number=len(model_less), names=", ".join(model_less))
    return section("Skipped", asked if model_less else "", table)


def _figures(found: Found) -> list[Figure]:
    if isinstance(found, TwoSets):
        areas = {name: one.auroc for name, one in found.detectors.items()}
        return [_areas("sets", "Other against normal", areas)]
    kinds: dict[tuple[str, str], dict[str, Interval | None]] = {
        ("unseen", f"Unseen {found.environment_word}"): _each(found, lambda d: d.unseen),
        ("classes", "New classes"): _each(found, lambda d: d.classes),
        ("errors", "Wrong answers where unseen"): _each(found, lambda d: d.errors),
    }
    return [_areas(*names, areas) for names, areas in kinds.items() if any(areas.values())]


def _each(
    found: Evaluation, of: Callable[[Detected], Interval | None]
) -> dict[str, Interval | None]:
    return {name: of(detected) for name, detected in found.detectors.items()}


def _areas(identifier: str, title: str, areas: Mapping[str, Interval | None]) -> Figure:
    """AUROC of each detector with its interval."""
    known = [(name, i) for name, i in areas.items() if i and not math.isnan(i.estimate)]
    known.sort(key=lambda item: -item[1].estimate)
    ends = [(_end(i.low), _end(i.high)) for _, i in known]
    return Figure(
        identifier,
        title,
        f"One row per detector, {len(known)} in all; the number of each is beside it in text.",
        "AUROC; 0.5 is chance, further right is better",
        [
            interval_row(AREA, name, i.estimate, limits)
            for (name, i), limits in zip(known, ends, strict=True)
        ],
        axis_for([CHANCE, *(i.estimate for _, i in known), *(e for pair in ends for e in pair)]),
        strong=CHANCE,
    )


def _sections(found: Evaluation) -> list[Section | None]:
    graded = list(found.detectors.values())
    best, kind = graded[0], found.environment_word
    classes = found.task == "classification"
    unit = "points of accuracy" if classes else "mean absolute error"
    flagged = zip(found.environments, best.false_alarms, best.flagged, strict=True)
    return [
        section("Separation", words("separation"), _table("Separation", graded, SEPARATION)),
        section("Right, wrong, strange", words("three_ways"), _three_ways_table(graded))
        if classes and any(d.classes is not None for d in graded)
        else None,
        section(
            "What rejecting buys",
            words("rejecting", kind=kind, unit=unit),
            _rejecting_table(graded, gains(found.task)),
        ),
        section(
            "Synthetic inputs",
            words("synthetic"),
            text_table(
                "Synthetic inputs",
                ("detector", *best.tests),
                ((d.name, *(share(d.tests[t].estimate) for t in best.tests)) for d in graded),
            ),
        ),
        section(
            f"Thresholds by {kind}",
            words("thresholds", detector=best.name),
            text_table(
                f"Thresholds by {kind}",
                (kind, "known", "unseen"),
                ((name, share(float(known)), share(float(new))) for name, known, new in flagged),
            ),
        ),
    ]


def _area_cell(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell(MISSING)
    return Cell(AREA(interval.estimate), AREA.limits(interval))


SEPARATION: dict[str, Callable[[Detected], Cell]] = {
    "AUROC": lambda d: _area_cell(d.unseen),
    "for another": lambda d: Cell(AREA.limits(d.new_environment)),
    "AUPR unseen": lambda d: _area_cell(d.aupr_out),
    "AUPR known": lambda d: _area_cell(d.aupr_in),
    "FPR at 95%": lambda d: _area_cell(d.fpr),
    "new class": lambda d: _area_cell(d.classes),
    "errors": lambda d: _area_cell(d.errors),
    "µs an example": lambda d: Cell(f"{d.microseconds:.3g}"),
}


def _table(
    caption: str, graded: Iterable[Detected], cells: Mapping[str, Callable[[Detected], Cell]]
) -> Table:
    """One row per detector, and a column for each heading."""
    columns = [(Column(head), make) for head, make in cells.items()]
    named = (Column("detector", numeric=False), lambda d: Cell(d.name))
    return make_table(caption, graded, [named, *columns], "dense")


def _three_ways_table(graded: Iterable[Detected]) -> Table:
    cells: dict[str, Callable[[Detected], Cell]] = {
        head: partial(_three_ways_cell, name)
        for head, name in (
            ("wrong over right", "error_over_correct"),
            ("strange over right", "stranger_over_correct"),
            ("strange over wrong", "stranger_over_error"),
        )
    }
    return _table("Right, wrong, strange", (d for d in graded if d.three_ways), cells)


def _three_ways_cell(name: str, detected: Detected) -> Cell:
    return _area_cell(getattr(detected.three_ways, name))


def _rejecting_table(graded: list[Detected], number: Numerals) -> Table:
    cells: dict[str, Callable[[Detected], Cell]] = {}
    for place, row in enumerate(graded[0].rejecting):
        at = share(row.rejected)
        cells[f"gained at {at}"] = partial(_gain_cell, number, place)
        cells[f"cost removed at {at}"] = partial(_removed_cell, place)
    best = sorted(graded, key=lambda d: -at_share(d).gain.estimate)
    return _table("What rejecting buys", best, cells)


def _gain_cell(number: Numerals, place: int, detected: Detected) -> Cell:
    gain = detected.rejecting[place].gain
    return Cell(number(gain.estimate, plus=True), number.limits(gain, plus=True))


def _removed_cell(place: int, detected: Detected) -> Cell:
    cut = detected.rejecting[place].removed
    if not tellable(cut):
        return Cell(MISSING)
    return Cell(share(cut.estimate), f"{share(cut.low)} to {share(cut.high)}")


def _terminal_table(found: Evaluation) -> Table:
    heads = ("detector", "unseen", "limits", "class", "errors", "noise", "gain", "cost")
    return text_table(
        "Detectors", heads, map(partial(_row, gains(found.task)), found.detectors.values())
    )


def _row(number: Numerals, d: Detected) -> tuple[str, ...]:
    row, uniform = at_share(d), d.tests.get("uniform")
    return (
        d.name,
        AREA(d.unseen.estimate),
        ROUGHLY.limits(d.unseen),
        _area_cell(d.classes).text,
        _area_cell(d.errors).text,
        share(uniform.estimate) if uniform else MISSING,
        number(row.gain.estimate, plus=True),
        share(row.removed.estimate) if tellable(row.removed) else MISSING,
    )


TWO_SETS: dict[str, Callable[[Separated], str]] = {
    "detector": lambda one: one.name,
    "AUROC": lambda one: AREA(one.auroc.estimate),
    "limits": lambda one: ROUGHLY.limits(one.auroc),
    "AUPR": lambda one: AREA(one.aupr_out.estimate),
    "FPR95": lambda one: share(one.fpr.estimate),
    "flagged": lambda one: share(one.flagged),
    "alarms": lambda one: share(one.false_alarms),
}


def _two_sets_table(found: TwoSets) -> Table:
    """One row per detector; columns in which nothing could be measured are left out."""
    columns = {h: [show(one) for one in found.detectors.values()] for h, show in TWO_SETS.items()}
    told = {head: column for head, column in columns.items() if set(column) != {MISSING}}
    return text_table("Separation", told, zip(*told.values(), strict=True))


def _end(value: float) -> float | None:
    return None if math.isnan(value) else min(max(value, 0.0), 1.0)
