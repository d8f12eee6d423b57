"""The report of a study: what unseen environments cost, by method, environment and rule."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from typing import Any

from markupsafe import escape

from gengap.base.errors import listing
from gengap.report.document import (
    Block,
    Bullets,
    Document,
    Folded,
    Heading,
    Note,
    Pairs,
    Panels,
    Section,
    document,
    facts,
    section,
    settings,
)
from gengap.report.figures import study as figures
from gengap.report.figures.curves import curves_drawing
from gengap.report.figures.drawing import HIGHLIGHTED
from gengap.report.figures.frontier import spending_drawing
from gengap.report.glossary import says, study_terms
from gengap.report.numerals import Numerals, count, counted, duration
from gengap.report.reading import Row, Summary, read
from gengap.report.sentences.sequential import sequential_sentences
from gengap.report.sentences.study import answer as sentence
from gengap.report.sentences.study import place
from gengap.report.sentences.study_findings import best_remedy, caveats, findings, peeking
from gengap.report.sizes import sizes_section, sizes_sentences
from gengap.report.streams import streams_section
from gengap.report.tables import study as tables
from gengap.report.text import clean, isolate, shorten

NUMBERS = "gap.json"
# Bytes left for environments in a page of 1 MB, and what a row takes beside its name: one line of
# a figure and one of a table, and for the headline method one more line of a figure.
ROOM, ROW, HEADLINE_ROW = 800_000, 580, 900
FEW_PANELS, FEW_ROWS = 4, 30
MOST_ROWS = 100  # environments of a method on a page, those with the largest cost
MANY, DEAREST = 50, 20  # above so many, how costs are spread is drawn, and the dearest of them
MANY_FOLDED, FEW_FOLDED = 12, 6  # above so many methods folded away, only these few have own lines
CURVES = {
    "unseen": ("Score in unseen environments", "score"),
    "in distribution": ("Score in the training environments, on rows kept apart", "score"),
    "train": ("Score on the rows trained on", "score"),
    "gradient_norm": ("Norm of the gradient", "norm"),
    "weight_norm": ("Norm of the weights", "norm"),
}
UNSEEN, REFERENCE = "unseen", "reference"
Panel = tuple[Row, list[Row]]  # a method, and its environments that are shown


def answer(found: Any) -> str:
    """Return the answer in one sentence of plain text, with hyphens for minus signs."""
    return sentence(read(found))


def terminal(found: Any, quiet: bool = False) -> list[Block]:
    """What the command prints: the answer, what was decided, and the methods."""
    summary = read(found)
    said: list[Block] = [sentence(summary), *caveats(summary)]
    if decided := sequential_sentences(summary):
        said.append("\n".join(decided))
    said += sizes_sentences(summary)
    if quiet:
        return said
    if remedy := best_remedy(summary):
        said.append(remedy)
    metric = shorten(summary.metric)
    unit = f"{metric} in %, differences in points" if summary.number.percent else metric
    note = Note(f"{unit}; seen: in distribution; a positive cost is worse off; 95% intervals")
    return [*said, tables.terminal_table(summary), *_terminal_targets(summary), note]


def _terminal_targets(summary: Summary) -> list[Block]:
    head = summary.headline
    if head is None or not summary.targets:
        return []
    return [
        f"Each target of {isolate(head['method'])}:",
        tables.terminal_targets(summary, head["method"]),
    ]


def build(found: Any, *, page: bool, command: str = "") -> Document:
    """The whole report; only a ``page`` has figures, and only a page is kept below 1 MB."""
    summary = read(found)
    head, study = summary.headline, summary.study
    methods = sorted(summary.methods, key=lambda row: row is not head)
    panels, cut = _panels(summary, methods, ROOM if page else math.inf)
    drawn = _drawn(summary, panels, cut) if page else []
    skipped = tables.skipped_table(summary)
    rule = study["selection_rule"]
    methods_words = says(
        "study",
        "methods",
        chosen=f", hyperparameters chosen by the rule {isolate(rule)}" if rule else "",
        metric=summary.metric,
        small="Small print gives"
        if page
        else "Positive gaps and costs are worse off; brackets hold",
    )
    return document(
        study["name"] or "gengap",
        "cost of unseen environments",
        _facts(summary),
        [sentence(summary), *findings(summary)],
        [
            section("Cost of unseen environments", says("study", "costs"), *drawn)
            if drawn
            else None,
            section("Methods", methods_words, tables.methods_table(summary)),
            _targets(summary),
            _spending(summary, page) if summary.spending else None,
            streams_section(summary, page=page),
            ordered_section(summary) if page else None,
            _difficulty(summary, panels) if page else None,
            _rules(summary, page) if summary.rules else None,
            _environments(summary, panels, cut) if panels else None,
            sizes_section(summary, page=page),
            _curves(summary) if page and summary.curves else None,
            section(
                f"Warnings{' and skipped methods' if skipped else ''}",
                Bullets(study["warnings"]),
                skipped,
            ),
            section(
                "Where these numbers come from",
                _settings(summary),
                Heading("Terms"),
                study_terms(bool(study["higher_is_better"])),
            ),
        ],
        f"Every number here is also in {NUMBERS}.",
    )


def _targets(summary: Summary) -> Section | None:
    if not summary.targets:
        return None
    return section("Targets", says("study", "targets"), tables.targets_table(summary))


def _difficulty(summary: Summary, panels: list[Panel]) -> Section | None:
    head = summary.headline
    own = panels[0][1] if panels and panels[0][0] is head else []
    if head is None or all(row["difficulty"] is None for row in own):
        return None
    most = DEAREST if len(own) > MANY else None
    words = says("study", "difficulty", method=isolate(head["method"]))
    return section(
        "Difficulty or unfamiliarity", words, figures.difficulty_figure(summary, own[:most])
    )


def _rules(summary: Summary, page: bool) -> Section | None:
    head = summary.headline
    return section(
        "Selection rules",
        says("study", "rules"),
        peeking(summary),
        _looks(summary),
        figures.rules_figure(summary, head["method"] if head else "") if page else None,
        tables.rules_table(summary),
        *(Note(f"{isolate(rule)}: {isolate(note)}", True) for rule, note in _rule_notes(summary)),
    )


def _environments(summary: Summary, panels: list[Panel], cut: str) -> Section | None:
    folded = [
        Folded(
            isolate(method["method"]),
            _cost(summary, method),
            [tables.environments_table(summary, method["method"], rows)],
            open=place == 0,
        )
        for place, (method, rows) in enumerate(panels)
    ]
    words = f"{says('study', 'environments')} {cut}".rstrip()
    first, rest = folded[:1], _gathered(folded[1:])
    return section("Environments", words, tables.side_by_side_table(summary), *first, *rest)


def _gathered(folded: list[Folded]) -> list[Folded]:
    """Of many methods that are folded away, one line for all but the first few."""
    if len(folded) <= MANY_FOLDED:
        return folded
    first, rest = folded[:FEW_FOLDED], folded[FEW_FOLDED:]
    return [*first, Folded(f"{len(rest)} further methods", "", rest)]


def _curves(summary: Summary) -> Section | None:
    """Scores and norms along training; the unseen score first, the others folded."""
    order = [row["method"] for row in summary.methods]
    drawn: list[Block] = []
    for name, (title, unit) in CURVES.items():
        rows = sorted(
            (row for row in summary.curves if row["name"] == name),
            key=lambda row: order.index(row["method"]),
        )
        if not rows:
            continue
        score = unit == "score"
        number = summary.number if score else Numerals(False, None)
        shown = (summary.metric + (" in %" if number.percent else "")) if score else unit
        drawing = curves_drawing(f"curve-{name.replace(' ', '-')}", title, shown, rows, number)
        drawn += [Folded(title, "", [drawing])] if drawn else [Heading(title), drawing]
    words = (
        "With default hyperparameters, averaged over splits; bands are 95% intervals over seeds. "
        f"At most {HIGHLIGHTED} methods are drawn; {NUMBERS} has all."
    )
    return section("Along training", words, *drawn) if drawn else None


def _spending(summary: Summary, page: bool) -> Section | None:
    """What each method took, beside what it won."""
    rows = tables.spending_rows(summary)
    number, larger = summary.number, bool(summary.study["higher_is_better"])
    score = f"{summary.metric} where unseen{' in %' * number.percent}"
    cost = f"cost of unseen{' in points' * number.percent}"
    drawn = [
        spending_drawing(number, rows, "score_unseen", score, larger_is_better=larger),
        spending_drawing(number, rows, "cost_of_unseen", cost, larger_is_better=False),
    ]
    shown = page and any(drawn)
    words = says("study", "spending") + f" {says('study', 'spending_drawn')}" * shown
    table = tables.spending_table(summary, rows, numbered=shown)
    return section("What it took", words, *drawn if page else (), table)


def ordered_section(summary: Summary) -> Section | None:
    """Scores along environments that are numbers, of runs that had not seen all and of others."""
    found = summary.ordered
    if not found.get("rows"):
        return None
    by, number = isolate(found["by"]), summary.number
    order = [row["method"] for row in summary.methods]
    unit = summary.metric + (" in %" if number.percent else "")
    drawn = []
    titles = {UNSEEN: f"Trained on a part of {by}", REFERENCE: f"Having seen all of {by}"}
    for role, title in titles.items():
        rows = sorted(
            (Row({**row, "steps": row["at"]}) for row in found["rows"] if row["role"] == role),
            key=lambda row: order.index(row["method"]),
        )
        trained = (found["trained_from"], found["trained_to"])
        drawn.append(
            curves_drawing(
                f"ordered-{role}", title, unit, rows, number, by, linear=True,
                shaded=trained if role == UNSEEN else None,
            )
        )  # fmt: skip
    words = says("study", "ordered", by=by)
    blocks = [block for drawing in drawn for block in (Heading(drawing.title), drawing)]
    return section(f"Scores along {by}", words, *blocks)


def _drawn(summary: Summary, panels: list[Panel], cut: str) -> list[Block]:
    """The figures of all methods, then of each one's environments on one axis."""
    blocks: list[Block] = [figures.methods_figure(summary)] if summary.methods else []
    if all(len(rows) < 2 for _, rows in panels):
        return blocks
    many = max(len(rows) for _, rows in panels) > MANY
    axis = figures.environments_axis(summary)
    drawn = [
        figures.environments_figure(
            summary, rows[: DEAREST if many else None], axis, f"environments-{place}"
        )
        for place, (_, rows) in enumerate(panels)
    ]
    blocks += [Heading("By environment"), *(_spread(summary) if many else [])]
    words = says("study", "dearest", shown=DEAREST) if many else says("study", "panels")
    blocks.append(Note(f"{words} {cut}".rstrip()))
    if len(drawn) <= FEW_PANELS and all(len(rows) <= FEW_ROWS for _, rows in panels):
        return [*blocks, Panels(drawn)]
    folded = [
        Folded(isolate(figure.title), _cost(summary, method), [replace(figure, headed=False)])
        for figure, (method, _) in zip(drawn[1:], panels[1:], strict=True)
    ]
    return [*blocks, drawn[0], *_gathered(folded)]


def _spread(summary: Summary) -> list[Block]:
    """How costs are spread over environments, methods below each other."""
    drawing = figures.environments_spread(summary)
    return [Note(says("study", "spread")), drawing] if drawing else []


def _panels(summary: Summary, methods: list[Row], room: float) -> tuple[list[Panel], str]:
    """Return panels, the headline method's first, and a sentence about any left out for size.

    ``room`` is what their rows may take in bytes; the first method is cut to fit, of others go the
    first rows whole.
    """
    panels: list[Panel] = []
    whole = True
    for method in methods:
        every = summary.environments_of(method["method"])
        rows = every if room == math.inf else every[:MOST_ROWS]
        if panels and room < math.inf:
            rows = [Row(row | {"environment": shorten(row["environment"], 80)}) for row in rows]
        sizes = list(accumulate(_size(row, HEADLINE_ROW if not panels else ROW) for row in rows))
        fitting = bisect_right(sizes, room)
        whole = whole and fitting == len(every)
        if fitting and (fitting == len(rows) or not panels):
            panels.append((method, rows[:fitting]))
            room -= sizes[fitting - 1]
    return panels, "" if whole else says("study", "cut", numbers=NUMBERS)


def _size(row: Row, each: int) -> int:
    """Bytes that an environment takes: its name, four times a label of it, and its numbers."""
    full, label = (escape(text) for text in (row["environment"], shorten(row["environment"], 60)))
    return each + len(full.encode()) + 4 * len(label.encode())


def _cost(summary: Summary, method: Row) -> str:
    if method["cost_of_unseen"] is None:
        return "cost not measured"
    return f"costs {summary.number.points(method['cost_of_unseen'])} on average"


def _facts(summary: Summary) -> str:
    """Say in one line what was measured: task, metric, environments, examples, methods."""
    study = summary.study
    counts = {
        "target": len({row["target"] for row in summary.targets}),
        "environment": len(study["environments"]),
        "example": study["examples"],
        "method": len(summary.methods),
        "seed": len(study["seeds"]),
    }
    told = (counted(number, noun) for noun, number in counts.items() if number)
    return facts([study["task"], summary.metric, *told, clean(study["created"])[:10]])


def _settings(summary: Summary) -> Pairs:
    study, chance = summary.study, summary.study["chance"]
    lines = {
        "command": study["command"],
        "data fingerprint": study["fingerprint"],
        **{key: study[key] for key in ("model", "splits")},
        "selection rule": study["selection_rule"],
        "trials per method": count(study["trials"]),
        **{key: count(study[key]) for key in ("steps", "batch")},
        "seeds": listing(study["seeds"]),
        "runs": count(study["runs"]),
        "time": duration(study["seconds"]),
        "constant prediction": None if chance is None else summary.number.score(chance),
        "versions": ", ".join(f"{k} {v}" for k, v in study["versions"].items()),
        "created": study["created"],
    }
    return settings(lines, code=("command", "data fingerprint"))


def _looks(summary: Summary) -> str:
    """Say how often each rule looked at an unseen environment; empty when that was not counted."""
    looks = summary.study["looks"].items()
    each = [f"{count(times)} by {place(rule)}" for rule, times in looks if times]
    return f"Looks at unseen environments: {'; '.join(each)}." if each else ""


def _rule_notes(summary: Summary) -> list[tuple[str, str]]:
    """Return (rule, or rule and method; note), each note once."""
    notes: dict[tuple[str, str], list[str]] = {}
    for row in summary.rules:
        if row["note"]:
            notes.setdefault((row["rule"], row["note"]), []).append(shorten(row["method"]))
    everyone = len({row["method"] for row in summary.rules})
    return [
        (rule if len(methods) == everyone else f"{rule} ({listing(methods)})", note)
        for (rule, note), methods in notes.items()
    ]
