"""The report of a comparison: which method is best, pair by pair, and what that depends on."""

from __future__ import annotations

from typing import Any

from gengap.report.comparison_reading import (
    Row,
    Summary,
    against_reference,
    digits,
    read,
    reference,
)
from gengap.report.document import (
    Block,
    Bullets,
    Document,
    Folded,
    Heading,
    Note,
    Pairs,
    Section,
    Table,
    document,
    facts,
    section,
    settings,
)
from gengap.report.figures.critical_difference import critical_difference_diagram
from gengap.report.figures.drawing import HIGHLIGHTED, MOST_DRAWN, Drawing
from gengap.report.figures.improvement import improvement_drawing
from gengap.report.figures.intervals import intervals_figure
from gengap.report.figures.profiles import profiles_drawing
from gengap.report.figures.rank_changes import rank_changes_drawing
from gengap.report.figures.rows import Figure
from gengap.report.glossary import comparison_terms, says
from gengap.report.numerals import (
    Numerals,
    count,
    counted,
    duration,
    given,
    level_text,
    p_equals,
)
from gengap.report.sentences import comparison as sentences
from gengap.report.tables import comparison as tables
from gengap.report.text import isolate, shorten

NUMBERS = "compare.json"
# With more pairs than this, those without the reference are folded; with more scores, the table.
FEW_PAIRS, FEW_SCORES = 15, 120


def words(summary: Row, stability: Any) -> Row:
    """The answer and the findings of a comparison in numbers, for its ``compare.json``."""
    return {
        "answer": sentences.answer(summary),
        "findings": sentences.findings(summary, stability),
    }


def answer(found: Any) -> str:
    """The verdict in a sentence or two."""
    return str(read(found)["answer"])


def terminal(found: Any, quiet: bool = False) -> list[Block]:
    """What the command prints: the answer, the methods, and what must be known with them."""
    summary = read(found)
    if quiet:
        return [summary["answer"]]
    about, more = summary["comparison"], len(summary["methods"]) - tables.MOST_PRINTED
    better = "higher" if about["higher_is_better"] else "lower"
    note = (
        f"{shorten(about['metric'])}, {better} is better; {level_text(about['level'])} limits for "
        f"these environments{f'; {more} more methods in the report' if more > 0 else ''}"
    )
    table = tables.terminal_table(summary, digits(summary))
    return [summary["answer"], table, Note(note), Bullets(summary["findings"])]


def drawings(found: Any) -> dict[str, str]:
    """Return the texts of SVG files by name.

    ``intervals`` is always there; ``critical-difference``, ``improvement``, ``profiles`` and
    ``rank-stability`` are as far as the scores allow.

    Raises:
        UsageError: ``found`` is not what ``compare.json`` holds.
    """
    summary = read(found)
    means = intervals_figure(summary, digits(summary))
    drawn: Drawn = {"intervals": means, **_drawn(summary)}
    return {
        name: (one.drawing() if isinstance(one, Figure) else one).standalone()
        for name, one in drawn.items()
    }


def build(found: Any, *, page: bool, command: str = "") -> Document:
    """The whole report; only a ``page`` has figures, and only there tables are folded."""
    summary = read(found)
    about, number = summary["comparison"], digits(summary)
    level, small = level_text(about["level"]), "Small print gives" if page else "Brackets hold"
    drawn = _drawn(summary) if page else {}
    first, friedman = _first_drawn(summary), _friedman(summary)
    adjusted = says("comparison", "adjusted") if about["missing_cells"] else ""
    base = about["baseline"] and isolate(about["baseline"])
    return document(
        about["name"] or "scores",
        "methods compared",
        _facts(summary),
        [summary["answer"], *summary["findings"]],
        [
            section(
                "Means and their limits",
                says("comparison", "means", adjusted=adjusted),
                intervals_figure(summary, number),
            )
            if page
            else None,
            section(
                "Methods",
                f"{'In the same order. ' if page else ''}"
                f"{says('comparison', 'methods', small=small, level=level)}",
                tables.methods_table(summary, number),
                "" if page else friedman,
            ),
            _drawn_section(
                drawn.get("critical-difference"),
                "Average ranks",
                f"{says('comparison', 'ranks')} {friedman} {first}".rstrip(),
            ),
            _pairs(summary, number, page),
            _drawn_section(
                drawn.get("improvement"),
                "Probability of improvement",
                says("comparison", "improvement_on", reference=base)
                if base
                else says("comparison", "improvement", level=level),
                first,
            ),
            _drawn_section(
                drawn.get("profiles"),
                "Score distributions",
                says("comparison", "profiles", level=level)
                + f" The first {HIGHLIGHTED} by mean are in colour."
                * (len(summary["methods"]) > HIGHLIGHTED),
            ),
            _rankings(summary, drawn.get("rank-stability"), first),
            _environments(summary, number, page),
            section(
                "Where these numbers come from",
                _left_out(summary, page),
                _settings(summary),
                Heading("Terms"),
                comparison_terms(summary),
            ),
        ],
        f"Every number here is also in {NUMBERS}.",
    )


Drawn = dict[str, Drawing | Figure]
DRAWN = {
    "critical-difference": critical_difference_diagram,
    "improvement": improvement_drawing,
    "profiles": profiles_drawing,
    "rank-stability": rank_changes_drawing,
}


def _drawn(summary: Summary) -> Drawn:
    """The drawings that the scores allow, by name."""
    made = {name: make(summary) for name, make in DRAWN.items()}
    return {name: one for name, one in made.items() if one is not None}


def _drawn_section(
    drawing: Drawing | Figure | None, heading: str, words: str, note: str = ""
) -> Section | None:
    if drawing is None:
        return None
    return section(heading, words, Note(note) if note else None, drawing)


def _pairs(summary: Summary, number: Numerals, page: bool) -> Section | None:
    about, base = summary["comparison"], isolate(reference(summary))
    first, others = tables.pairs_tables(summary, number)
    lead = says("comparison", "baseline" if about["baseline"] else "leader", reference=base)
    if not about["baseline"]:
        lead += "; the other pairs follow." if others else "."
    words = says("comparison", "verdicts")
    if len(summary["pairs"]) > 1:
        words += says("comparison", "together", level=level_text(about["level"]))
    words += "."
    if any(row.get("equivalence_adjusted_p") is not None for row in summary["pairs"]):
        words += says("comparison", "equivalent", margin=given(about["margin"]))
    rest: list[Block] = [Heading(others.caption), others] if others else []
    if others and page and len(others.rows) > FEW_PAIRS:
        rest = [Folded(others.caption, str(len(others.rows)), [others])]
    return section("Pairs", f"{lead} {words} {says('comparison', 'views')}", first, *rest)


def _rankings(summary: Summary, changes: Drawing | Figure | None, first: str) -> Section | None:
    table = tables.rankings_table(summary)
    if table is None:
        return None
    notes: dict[str, list[str]] = {}
    for row in summary["rankings"]:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["rule"])
    told = [f"{', '.join(rules)}: {note}" for note, rules in notes.items()]
    told += [first] if changes and first else []
    words = says("comparison", "rankings", rules=len(table.columns) - 1)
    below = (Note(text, below=True) for text in told)
    return section("Rankings by rule", words, table, *below, changes)


def _environments(summary: Summary, number: Numerals, page: bool) -> Section | None:
    methods = len(summary["methods"])
    table: Table | Folded = tables.environments_table(summary, number)
    if page and methods * len(summary["environments"]) > FEW_SCORES:
        size = f"{len(tables.shown_environments(summary))} × {methods}"
        table = Folded("Table of environments and methods", size, [table])
    words = says("comparison", "environments", metric=summary["comparison"]["metric"])
    return section("Environments", words if page else "", table)


def _facts(summary: Summary) -> str:
    """Say in one line what was compared."""
    about = summary["comparison"]
    fewest, most = about["runs_per_cell"]
    return facts(
        [
            about["metric"],
            "higher is better" if about["higher_is_better"] else "lower is better",
            counted(len(summary["methods"]), "method"),
            counted(len(about["environments"]), "environment"),
            f"{counted(most, 'run') if fewest == most else f'{fewest} to {most} runs'} each",
            str(about["created"])[:10],
        ]
    )


def _settings(summary: Summary) -> Pairs:
    about = summary["comparison"]
    lines = {
        "command": about["command"],
        "runs": count(about["runs"]),
        "missing cells": count(about["missing_cells"]),
        "seeds paired across methods": "yes" if about["paired_seeds"] else "no",
        "seeds common to all environments": "yes" if about["crossed_seeds"] else "no",
        "baseline": about["baseline"],
        "level": given(about["level"]),
        "margin": given(about["margin"]),
        "target of the optimality gap": given(about["target"]),
        "bootstrap resamples": count(about["replicates"]),
        "random seed": str(about["seed"]),
        "time": duration(about.get("seconds")),
        "versions": ", ".join(f"{k} {v}" for k, v in about["versions"].items()),
        "created": about["created"],
    }
    return settings(lines)


def _first_drawn(summary: Summary) -> str:
    """Say how many methods a diagram shows; empty where it shows all."""
    methods = len(summary["methods"])
    return f"The first {MOST_DRAWN} of {methods} methods are drawn." if methods > MOST_DRAWN else ""


def _friedman(summary: Summary) -> str:
    """Say what Friedman's test found; empty where methods could not be ranked."""
    ranks = summary.get("ranks")
    if not ranks:
        return ""
    number, p = counted(ranks["environments"], "environment"), p_equals(ranks["iman_davenport_p"])
    words = says("comparison", "friedman", environments=number, p=p)
    return f"{words} {ranks['note']}".strip()


def _left_out(summary: Summary, page: bool) -> str:
    """Say what is not shown, so that a page stays below 1 MB."""
    methods, environments = len(summary["methods"]), len(summary["environments"])
    others, found = len(summary["pairs"]) - len(against_reference(summary)), []
    if page and methods > MOST_DRAWN:
        found.append(f"diagrams show the first {MOST_DRAWN} of {methods} methods")
    if others > tables.MOST_PAIRS:
        found.append(f"the table of other pairs shows {tables.MOST_PAIRS} of {others:,}")
    if (shown := len(tables.shown_environments(summary))) < environments:
        found.append(f"the table of environments shows {shown} of {environments:,}")
    text = f"To keep this report small, {'; '.join(found)}. {NUMBERS} has everything."
    return text if found else ""
