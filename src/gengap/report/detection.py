"""The report of graded detectors: what each tells apart, and what rejecting by it buys."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gengap.questions.detection.evaluation import Evaluation
from gengap.questions.detection.grading import Detected
from gengap.questions.detection.two_sets import TwoSets
from gengap.report.document import (
    Block,
    Cell,
    Column,
    Document,
    Maker,
    Note,
    Pairs,
    Section,
    Table,
    document,
    make_table,
    section,
    text_table,
)
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.numerals import MISSING, Numerals, level_text, share
from gengap.report.sentences.detection import (
    AREA,
    at_share,
    evaluation_sentences,
    gains,
    two_sets_sentences,
)
from gengap.statistics.intervals import Interval

Found = Evaluation | TwoSets
NUMBERS = "report.json"
CHANCE = 0.5
ROUGHLY = Numerals(False, 2)
LEGEND = (
    "unseen, class: AUROC of an unseen environment and of new classes against held-out examples of "
    "what the model knows. errors: AUROC of wrong against right answers in the unseen environment. "
    "noise: share of uniform noise flagged at 5% false alarms. gain, cost: what rejecting the "
    "strangest 10% of the unseen environment gains there, and the share of the cost of unseen that "
    "it removes."
)
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


def answer(found: Found) -> str:
    """The answer in a few sentences."""
    return " ".join(_sentences(found))


def terminal(found: Found, quiet: bool = False) -> list[Block]:
    """What the command prints: a row per detector, what the columns are, and the answer."""
    if quiet:
        return [answer(found)]
    if isinstance(found, TwoSets):
        return [_two_sets_table(found), Note(_two_sets_legend(found)), answer(found)]
    return [_terminal_table(found), Note(LEGEND), answer(found)]


def build(found: Found, *, page: bool, command: str = "") -> Document:
    """The whole report; ``command`` is what the user typed. Only a ``page`` has figures."""
    title, facts = _two_sets_head(found) if isinstance(found, TwoSets) else _head(found)
    says = (
        "AUROC: the chance that a stranger scores above an inlier. Lines are "
        f"{level_text(found.level)} intervals."
    )
    return document(
        title,
        "detectors",
        facts,
        _sentences(found),
        [
            section("What each detector tells apart", says, *_figures(found)) if page else None,
            *(_two_sets_sections(found) if isinstance(found, TwoSets) else _sections(found)),
            _skipped(found),
            section("Where these numbers come from", Pairs([("Command", command, True)]))
            if command
            else None,
        ],
        "Every number here is also in the .json file beside this report.",
    )


def _sentences(found: Found) -> list[str]:
    return two_sets_sentences(found) if isinstance(found, TwoSets) else evaluation_sentences(found)


def _head(found: Evaluation) -> tuple[str, str]:
    return found.problem, (
        f"{len(found.environments)} environments left out in turn, {found.model}, seeds: "
        f"{found.seeds}, looks at unseen environments by a choice: {found.looks}"
    )


def _two_sets_head(found: TwoSets) -> tuple[str, str]:
    return "Normal and other", (
        f"{found.normal} normal examples, {found.other} others, {found.model or 'no model'}, "
        f"seeds: {found.seeds}"
    )


def _skipped(found: Found) -> Section | None:
    """Why detectors are missing; those that want for a model alone are named in one sentence."""
    hidden = [name for name, reason in found.skipped.items() if "does not show" in reason]
    model_less = [] if found.model else hidden
    rows = [item for item in found.skipped.items() if item[0] not in model_less]
    says = (
        f"Give --target to use what needs a model, {len(model_less)} in all: "
        f"{', '.join(model_less)}."
    )
    table = text_table("Detectors that do not apply", ("detector", "why"), rows, numeric=False)
    return section("Skipped", says if model_less else "", table)


def _figures(found: Found) -> list[Figure]:
    if isinstance(found, TwoSets):
        areas = {name: one.auroc for name, one in found.detectors.items()}
        return [_areas("sets", "Other against normal", areas)]
    kinds = (
        ("unseen", f"Unseen {found.environment_word}", lambda d: d.unseen),
        ("classes", "New classes", lambda d: d.classes),
        ("errors", "Wrong answers where unseen", lambda d: d.errors),
    )
    drawn = []
    for identifier, title, of in kinds:
        known = {name: of(d) for name, d in found.detectors.items() if of(d) is not None}
        drawn += [_areas(identifier, title, known)] if known else []
    return drawn


def _areas(identifier: str, title: str, intervals: Mapping[str, Interval]) -> Figure:
    """AUROC of each detector with its interval."""
    known = [(name, i) for name, i in intervals.items() if not math.isnan(i.estimate)]
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
    unit = "points of accuracy" if found.task == "classification" else "mean absolute error"
    new = found.task == "classification" and any(d.classes is not None for d in graded)
    best = graded[0]
    return [
        section("Separation", SEPARATION, _separation_table(graded)),
        section("Right, wrong, strange", THREE_WAYS, _three_ways_table(graded)) if new else None,
        section(
            "What rejecting buys",
            f"Gained in an unseen {found.environment_word} ({unit}), and share of the cost of "
            "unseen removed, by the share rejected. Rejecting at random gains and removes nothing "
            "on average.",
            _rejecting_table(graded, found.task),
        ),
        section(
            "Synthetic inputs",
            "Share flagged where 5% of known examples are to be.",
            _table(
                "Synthetic inputs",
                graded,
                {name: _flagged_maker(name) for name in best.tests},
            ),
        ),
        section(
            f"Thresholds by {found.environment_word}",
            f"Share flagged by {best.name} of each where it was known (false alarms) and unseen, "
            "at a threshold meant for 5%.",
            text_table(
                f"Thresholds by {found.environment_word}",
                (found.environment_word, "known", "unseen"),
                (
                    (name, share(float(known)), share(float(unseen)))
                    for name, known, unseen in zip(
                        found.environments, best.false_alarms, best.flagged, strict=True
                    )
                ),
            ),
        ),
    ]


def _table(
    caption: str, graded: Sequence[Detected], cells: Mapping[str, Callable[[Detected], Cell]]
) -> Table:
    """One row per detector, and a column for each heading."""
    makers: list[Maker] = [(Column("detector", numeric=False), lambda d: Cell(d.name))]
    makers += [(Column(head), make) for head, make in cells.items()]
    return make_table(caption, graded, makers, "dense")


def _separation_table(graded: Sequence[Detected]) -> Table:
    return _table(
        "Separation",
        graded,
        {
            "AUROC": lambda d: _area_cell(d.unseen),
            "for another": lambda d: Cell(AREA.limits(d.new_environment)),
            "AUPR unseen": lambda d: _area_cell(d.aupr_out),
            "AUPR known": lambda d: _area_cell(d.aupr_in),
            "FPR at 95%": lambda d: _area_cell(d.fpr),
            "new class": lambda d: _area_cell(d.classes),
            "errors": lambda d: _area_cell(d.errors),
            "µs an example": lambda d: Cell(f"{d.microseconds:.3g}"),
        },
    )


def _three_ways_table(graded: Sequence[Detected]) -> Table:
    heads = ("detector", "wrong over right", "strange over right", "strange over wrong")
    rows = [
        (
            Cell(d.name),
            _area_cell(d.three_ways.error_over_correct),
            _area_cell(d.three_ways.stranger_over_correct),
            _area_cell(d.three_ways.stranger_over_error),
        )
        for d in graded
        if d.three_ways is not None
    ]
    return replace(text_table("Right, wrong, strange", heads, ()), rows=tuple(rows), kind="dense")


def _rejecting_table(graded: Sequence[Detected], task: str) -> Table:
    number = gains(task)
    cells: dict[str, Callable[[Detected], Cell]] = {}
    for place, row in enumerate(graded[0].rejecting):
        gained, removed = _rejected_makers(number, place)
        cells[f"gained at {share(row.rejected)}"] = gained
        cells[f"cost removed at {share(row.rejected)}"] = removed
    best = sorted(graded, key=lambda d: -at_share(d).gain.estimate)
    return _table("What rejecting buys", best, cells)


def _rejected_makers(
    number: Numerals, place: int
) -> tuple[Callable[[Detected], Cell], Callable[[Detected], Cell]]:
    """What rejecting the share at a place gains, and what of the cost of unseen it removes."""

    def gained(detected: Detected) -> Cell:
        gain = detected.rejecting[place].gain
        return Cell(number(gain.estimate, plus=True), number.limits(gain, plus=True))

    def removed(detected: Detected) -> Cell:
        cut = detected.rejecting[place].removed
        if not cut.defined:
            return Cell(MISSING)
        return Cell(share(cut.estimate), f"{share(cut.low)} to {share(cut.high)}")

    return gained, removed


def _flagged_maker(test: str) -> Callable[[Detected], Cell]:
    return lambda detected: Cell(share(detected.tests[test].estimate))


def _terminal_table(found: Evaluation) -> Table:
    number = gains(found.task)
    heads = ("detector", "unseen", "limits", "class", "errors", "noise", "gain", "cost")
    rows = []
    for d in found.detectors.values():
        row, uniform = at_share(d), d.tests.get("uniform")
        rows.append(
            (
                d.name,
                AREA(d.unseen.estimate),
                ROUGHLY.limits(d.unseen),
                AREA(None if d.classes is None else d.classes.estimate),
                AREA(None if d.errors is None else d.errors.estimate),
                share(None if uniform is None else uniform.estimate),
                number(row.gain.estimate, plus=True),
                share(row.removed.estimate) if row.removed.defined else MISSING,
            )
        )
    return text_table("Detectors", heads, rows)


def _two_sets_sections(found: TwoSets) -> list[Section | None]:
    return [section("Separation", _two_sets_legend(found), _two_sets_table(found))]


def _two_sets_legend(found: TwoSets) -> str:
    return (
        f"AUPR: average precision for the others, {found.other} beside {found.held_out} held-out "
        "normal examples. FPR95: share of the others accepted where 95% of normal examples are. "
        "flagged: share of the others flagged at a threshold meant for 5% false alarms. alarms: "
        "what it gave on normal examples."
    )


def _two_sets_table(found: TwoSets) -> Table:
    """One row per detector; columns in which nothing could be measured are left out."""
    heads = ("detector", "AUROC", "limits", "AUPR", "FPR95", "flagged", "alarms")
    rows = [
        (
            one.name,
            AREA(one.auroc.estimate),
            ROUGHLY.limits(one.auroc),
            AREA(one.aupr_out.estimate),
            share(one.fpr.estimate),
            share(one.flagged),
            share(one.false_alarms),
        )
        for one in found.detectors.values()
    ]
    told = [k for k in range(len(heads)) if any(row[k] != MISSING for row in rows)]
    return text_table(
        "Separation", (heads[k] for k in told), ([row[k] for k in told] for row in rows)
    )


def _area_cell(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell(MISSING)
    return Cell(AREA(interval.estimate), AREA.limits(interval))


def _end(value: float) -> float | None:
    return None if math.isnan(value) else min(max(value, 0.0), 1.0)
