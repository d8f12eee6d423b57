"""Graded detectors as one HTML file, in the style of the other reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gengap.questions.detection.evaluation import Evaluation
from gengap.questions.detection.grading import Detected
from gengap.questions.detection.two_sets import TwoSets
from gengap.questions.detection.wording import (
    TWO_SETS_HEADER,
    area,
    at_share,
    limits,
    points,
    sentences,
    share,
    two_sets_legend,
    two_sets_rows,
)
from gengap.report.figures import Figure, FigureRow, axis_for, figure, interval_marks
from gengap.report.page import render_page
from gengap.report.tables import Cell, Column, Table
from gengap.statistics.intervals import Interval
from gengap.statistics.separation.rejecting import Rejection

CHANCE = 0.5
SEPARATION = (
    "Unseen environments and new classes against held-out examples of what the model knows; errors "
    "are wrong against right answers in the unseen environment. AUROC is also given for another "
    "environment from the same source, as an interval. AUPR is the average precision of either "
    "side, and FPR the share of the unseen accepted where 95% of the known are. Small print gives "
    "intervals with environments or classes as the unit."
)
THREE_WAYS = (
    "AUROC for each pair among right answers, wrong answers and examples of new classes; the "
    "second of each pair should be the stranger. Near 0.5 for strangers against errors, a detector "
    "finds what is difficult rather than what is new."
)


def render_html(found: Evaluation | TwoSets, command: str = "") -> str:
    """The report as a complete HTML page; ``command`` is what the user typed."""
    content = _two_sets(found) if isinstance(found, TwoSets) else _evaluation(found)
    model_less = _without_model(found)
    skipped = Table(
        "Detectors that do not apply",
        (Column("detector", numeric=False), Column("why", numeric=False)),
        tuple(
            (Cell(name), Cell(reason))
            for name, reason in found.skipped.items()
            if name not in model_less
        ),
    )
    level = f"{100 * found.level:g}%"
    return render_page(
        "detection.html.j2",
        {
            **content,
            "sentences": sentences(found),
            "skipped": skipped,
            "model_less": model_less,
            "command": command,
            "level": level,
        },
    )


def _without_model(found: Evaluation | TwoSets) -> list[str]:
    """Detectors that were skipped for want of a model alone."""
    if found.model:
        return []
    return [name for name, reason in found.skipped.items() if "does not show" in reason]


def _evaluation(found: Evaluation) -> dict[str, object]:
    graded = list(found.detectors.values())
    unit = "points of accuracy" if found.task == "classification" else "mean absolute error"
    figures = [_areas("unseen", f"Unseen {found.kind}", {d.name: d.unseen for d in graded})]
    new = {d.name: d.classes for d in graded if d.classes is not None}
    wrong = {d.name: d.errors for d in graded if d.errors is not None}
    if new:
        figures.append(_areas("classes", "New classes", new))
    if wrong:
        figures.append(_areas("errors", "Wrong answers where unseen", wrong))
    tables = [
        ("Separation", SEPARATION, _separation_table(graded)),
        (
            "What rejecting buys",
            f"Gained in an unseen {found.kind} ({unit}), and share of the cost of unseen removed, "
            "by the share rejected. Rejecting at random gains and removes nothing on average.",
            _rejecting_table(graded, found.task),
        ),
        (
            "Synthetic inputs",
            "Share flagged where 5% of known examples are to be.",
            _tests_table(graded),
        ),
        (
            f"Thresholds by {found.kind}",
            f"Share flagged by {graded[0].name} of each where it was known (false alarms) and "
            "unseen, at a threshold meant for 5%.",
            _threshold_table(found, graded[0]),
        ),
    ]
    if found.task == "classification" and new:
        tables.insert(1, ("Right, wrong, strange", THREE_WAYS, _three_ways_table(graded)))
    facts = (
        f"{len(found.environments)} environments left out in turn, {found.model}, seeds: "
        f"{found.seeds}, looks at unseen environments by a choice: {found.looks}"
    )
    return {"title": found.problem, "facts": facts, "figures": figures, "tables": tables}


def _two_sets(found: TwoSets) -> dict[str, object]:
    texts = two_sets_rows(found)
    told = [k for k in range(len(TWO_SETS_HEADER)) if any(row[k] != "n/a" for row in texts)]
    columns = tuple(Column(TWO_SETS_HEADER[k] or "limits", numeric=k > 0) for k in told)
    rows = tuple(tuple(Cell(row[k]) for k in told) for row in texts)
    areas = {name: one.auroc for name, one in found.detectors.items()}
    facts = f"{found.normal} normal examples, {found.other} others, {found.model or 'no model'}"
    return {
        "title": "Normal and other",
        "facts": f"{facts}, seeds: {found.seeds}",
        "figures": [_areas("sets", "Other against normal", areas)],
        "tables": [("Separation", two_sets_legend(found), Table("Separation", columns, rows))],
    }


def _areas(identifier: str, title: str, intervals: Mapping[str, Interval]) -> Figure:
    """AUROC of each detector with its interval."""
    known = {name: i for name, i in intervals.items() if not math.isnan(i.estimate)}
    rows = [
        FigureRow(
            name,
            area(i.estimate),
            interval_marks(i.estimate, (_end(i.low), _end(i.high))),
            detail=limits(i),
        )
        for name, i in sorted(known.items(), key=lambda item: -item[1].estimate)
    ]
    ends = [end for i in known.values() for end in (i.estimate, _end(i.low), _end(i.high))]
    return figure(
        identifier,
        title,
        f"One row per detector, {len(rows)} in all; the number of each is beside it in text.",
        "AUROC; 0.5 is chance, further right is better",
        rows,
        axis_for([CHANCE, *ends]),
        zero=False,
    )


def _separation_table(graded: Sequence[Detected]) -> Table:
    heads = (
        "AUROC",
        "for another",
        "AUPR unseen",
        "AUPR known",
        "FPR at 95%",
        "new class",
        "errors",
        "µs an example",
    )
    rows = tuple(
        (
            Cell(d.name),
            _area_cell(d.unseen),
            Cell(limits(d.new_environment)),
            _area_cell(d.aupr_out),
            _area_cell(d.aupr_in),
            _area_cell(d.fpr),
            _area_cell(d.classes),
            _area_cell(d.errors),
            Cell(f"{d.microseconds:.3g}"),
        )
        for d in graded
    )
    return Table("Separation", (Column("detector", numeric=False), *map(Column, heads)), rows)


def _three_ways_table(graded: Sequence[Detected]) -> Table:
    heads = ("wrong over right", "strange over right", "strange over wrong")
    rows = tuple(
        (
            Cell(d.name),
            _area_cell(d.three_ways.error_over_correct),
            _area_cell(d.three_ways.stranger_over_correct),
            _area_cell(d.three_ways.stranger_over_error),
        )
        for d in graded
        if d.three_ways is not None
    )
    columns = (Column("detector", numeric=False), *map(Column, heads))
    return Table("Right, wrong, strange", columns, rows)


def _rejecting_table(graded: Sequence[Detected], task: str) -> Table:
    shares = [row.rejected for row in graded[0].rejecting]
    columns = [Column("detector", numeric=False)]
    for rejected in shares:
        columns += [
            Column(f"gained at {share(rejected)}"),
            Column(f"cost removed at {share(rejected)}"),
        ]
    best = sorted(graded, key=lambda d: -at_share(d).gain.estimate)
    rows = tuple(
        (Cell(d.name), *(cell for row in d.rejecting for cell in _rejected(row, task)))
        for d in best
    )
    return Table("What rejecting buys", tuple(columns), rows)


def _rejected(row: Rejection, task: str) -> tuple[Cell, Cell]:
    gain = f"{points(row.gain.low, task)} to {points(row.gain.high, task)}"
    removed = f"{share(row.removed.low)} to {share(row.removed.high)}"
    return (
        Cell(points(row.gain.estimate, task), gain if row.gain.defined else ""),
        Cell(share(row.removed.estimate), removed) if row.removed.defined else Cell("n/a"),
    )


def _tests_table(graded: Sequence[Detected]) -> Table:
    names = list(graded[0].tests)
    rows = tuple(
        (Cell(d.name), *(Cell(share(d.tests[name].estimate)) for name in names)) for d in graded
    )
    columns = (Column("detector", numeric=False), *map(Column, names))
    return Table("Synthetic inputs", columns, rows)


def _threshold_table(found: Evaluation, best: Detected) -> Table:
    columns = (Column(found.kind, numeric=False, named=True), Column("known"), Column("unseen"))
    rows = tuple(
        (Cell(name), Cell(share(float(known))), Cell(share(float(unseen))))
        for name, known, unseen in zip(
            found.environments, best.false_alarms, best.flagged, strict=True
        )
    )
    return Table(f"Thresholds by {found.kind}", columns, rows)


def _area_cell(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell("n/a")
    return Cell(area(interval.estimate), limits(interval))


def _end(value: float) -> float | None:
    return None if math.isnan(value) else min(max(value, 0.0), 1.0)
