"""The report of a comparison: which method is best, pair by pair, and what that depends on."""

from __future__ import annotations

from typing import Any

from gengap.report import glossary
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
    section,
)
from gengap.report.figures.critical_difference import critical_difference_diagram
from gengap.report.figures.drawing import HIGHLIGHTED, MOST_DRAWN, Drawing
from gengap.report.figures.improvement import improvement_drawing
from gengap.report.figures.intervals import intervals_figure
from gengap.report.figures.profiles import profiles_drawing
from gengap.report.figures.rank_changes import rank_changes_drawing
from gengap.report.figures.rows import Figure
from gengap.report.numerals import MISSING, Numerals, counted, duration, given, level_text, p_equals
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
    means = intervals_figure(summary, digits(summary, typeset=True))
    drawn: Drawn = {"intervals": means, **_drawn(summary)}
    return {
        name: (one.drawing() if isinstance(one, Figure) else one).standalone()
        for name, one in drawn.items()
    }


def build(found: Any, *, page: bool, command: str = "") -> Document:
    """The whole report; only a ``page`` has figures, and only there tables are folded."""
    summary = read(found)
    about, number = summary["comparison"], digits(summary, typeset=page)
    drawn = _drawn(summary) if page else {}
    return document(
        about["name"] or "scores",
        "methods compared",
        _facts(summary),
        [summary["answer"], *summary["findings"]],
        [
            _means(summary, number) if page else None,
            section(
                "Methods",
                f"{'In the same order. Small print gives' if page else 'Brackets hold'} "
                f"{level_text(about['level'])} limits, and each heading says for which "
                "environments. Those of ranks are percentiles over resamples of environments and "
                "runs; those of differences are at the level at which Holm's procedure judged the "
                "pair.",
                tables.methods_table(summary, number),
                "" if page else _friedman(summary),
            ),
            _ranks(summary, drawn),
            _pairs(summary, number, page),
            _improvement(summary, drawn),
            _profiles(summary, drawn),
            _rankings(summary, drawn, page),
            _environments(summary, number, page),
            section(
                "Where these numbers come from",
                _left_out(summary, page),
                Pairs(_provenance(summary)),
                Heading("Terms"),
                Pairs(glossary.comparison_terms(summary), "terms"),
            ),
        ],
        f"Every number here is also in {NUMBERS}.",
    )


Drawn = dict[str, Drawing | Figure]


def _drawn(summary: Summary) -> Drawn:
    """The drawings that the scores allow, by name."""
    makers = (
        critical_difference_diagram, improvement_drawing, profiles_drawing, rank_changes_drawing
    )  # fmt: skip
    names = ("critical-difference", "improvement", "profiles", "rank-stability")
    made = {name: make(summary) for name, make in zip(names, makers, strict=True)}
    return {name: one for name, one in made.items() if one is not None}


def _means(summary: Summary, number: Numerals) -> Section | None:
    rule = ' by the rule "mean" below, which allows for missing cells'
    return section(
        "Means and their limits",
        f"The mean over environments, best on top"
        f"{rule if summary['comparison']['missing_cells'] else ''}. Verdicts come from the pairs "
        "below, not from whether these limits overlap.",
        intervals_figure(summary, number),
    )


def _ranks(summary: Summary, drawn: Drawn) -> Section | None:
    if "critical-difference" not in drawn:
        return None
    says = (
        "Each method at its average rank over environments, 1 the best. A bar joins methods whose "
        f"ranks Nemenyi's test does not tell apart. {_friedman(summary)} {_first_drawn(summary)}"
    )
    return section("Average ranks", says.rstrip(), drawn["critical-difference"])


def _pairs(summary: Summary, number: Numerals, page: bool) -> Section | None:
    first, others = tables.pairs_tables(summary, number)
    base = isolate(reference(summary))
    if summary["comparison"]["baseline"]:
        says = f"Every method against the baseline, {base}."
    else:
        says = f"The leader, {base}, against every other method"
        says += "; the other pairs follow." if others else "."
    blocks: list[Block] = []
    if others and page and len(others.rows) > FEW_PAIRS:
        blocks = [Folded(others.caption, str(len(others.rows)), [others])]
    elif others:
        blocks = [Heading(others.caption), others]
    return section("Pairs", f"{says} {_pairs_words(summary)}", first, *blocks)


def _pairs_words(summary: Summary) -> str:
    """Say what the verdicts on pairs rest on."""
    about = summary["comparison"]
    says = (
        '"Better" and "worse" rest on p, adjusted by Holm\'s procedure. The limits of a difference '
        "are drawn at the level at which that procedure judged the pair: they exclude 0 exactly "
        "where the verdict names a winner"
    )
    if len(summary["pairs"]) > 1:
        level = level_text(about["level"])
        says += f", and all of them taken together hold less often than {level}"
    says += "."
    if any(row.get("equivalence_adjusted_p") is not None for row in summary["pairs"]):
        says += (
            ' "Equivalent" stands where no winner is named and two one-sided tests, adjusted by '
            "Holm's procedure among themselves, put the difference within "
            f"±{given(about['margin'])}."
        )
    return f"{says} The other columns are further views of the same differences."


def _improvement(summary: Summary, drawn: Drawn) -> Section | None:
    if "improvement" not in drawn:
        return None
    if summary["comparison"]["baseline"]:
        says = (
            f"How often a run of each method beats one of {isolate(reference(summary))} in the "
            "same environment; 0.5 is no difference."
        )
    else:
        says = (
            "How often a run of the method in the row beats one of the method in the column, in "
            "the same environment; 0.5 is no difference. Bold where the "
            f"{level_text(summary['comparison']['level'])} interval, each pair by itself, excludes "
            "0.5."
        )
    note = Note(_first_drawn(summary)) if _first_drawn(summary) else None
    return section("Probability of improvement", says, note, drawn["improvement"])


def _profiles(summary: Summary, drawn: Drawn) -> Section | None:
    if "profiles" not in drawn:
        return None
    many = len(summary["methods"]) > HIGHLIGHTED
    says = (
        "The share of a method's runs that are better than each threshold, with "
        f"{level_text(summary['comparison']['level'])} bands. A curve above another everywhere is "
        "better by every summary; where curves cross, the order depends on what counts."
        f"{f' The first {HIGHLIGHTED} by mean are in colour.' if many else ''}"
    )
    return section("Score distributions", says, drawn["profiles"])


def _rankings(summary: Summary, drawn: Drawn, page: bool) -> Section | None:
    table = tables.rankings_table(summary)
    if table is None:
        return None
    says = (
        f"{len(table.columns) - 1} ways to turn scores into an order. "
        f"{'Small print gives' if page else 'Brackets hold'} the share of resamples (environments "
        "and runs drawn anew) in which the method comes first."
    )
    notes: dict[str, list[str]] = {}
    for row in summary["rankings"]:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["rule"])
    told = [Note(f"{', '.join(rules)}: {note}", below=True) for note, rules in notes.items()]
    changes = drawn.get("rank-stability")
    if changes and _first_drawn(summary):
        told.append(Note(_first_drawn(summary), below=True))
    return section("Rankings by rule", says, table, *told, changes)


def _environments(summary: Summary, number: Numerals, page: bool) -> Section | None:
    methods = len(summary["methods"])
    table: Table | Folded = tables.environments_table(summary, number)
    if page and methods * len(summary["environments"]) > FEW_SCORES:
        size = f"{len(tables.shown_environments(summary))} × {methods}"
        table = Folded("Table of environments and methods", size, [table])
    metric = summary["comparison"]["metric"]
    says = f"Mean {metric} of each method in each environment; a dot marks the best."
    return section("Environments", says if page else "", table)


def _facts(summary: Summary) -> str:
    """Say in one line what was compared."""
    about = summary["comparison"]
    fewest, most = about["runs_per_cell"]
    parts = [
        about["metric"],
        "higher is better" if about["higher_is_better"] else "lower is better",
        counted(len(summary["methods"]), "method"),
        counted(len(about["environments"]), "environment"),
        f"{counted(most, 'run') if fewest == most else f'{fewest} to {most} runs'} each",
        str(about["created"])[:10],
    ]
    return " · ".join(isolate(shorten(part)) for part in parts if part)


def _provenance(summary: Summary) -> list[tuple[str, str, bool]]:
    """Return (term, value, whether it is code) for all that is needed to repeat the comparison."""
    about = summary["comparison"]
    lines = [
        ("command", about["command"], True),
        ("runs", f"{about['runs']:,}", False),
        ("missing cells", f"{about['missing_cells']:,}", False),
        ("seeds paired across methods", "yes" if about["paired_seeds"] else "no", False),
        ("baseline", about["baseline"] or "", False),
        ("level", given(about["level"]), False),
        ("margin", given(about["margin"]), False),
        ("target of the optimality gap", given(about["target"]), False),
        ("bootstrap resamples", f"{about['replicates']:,}", False),
        ("random seed", str(about["seed"]), False),
        ("time", duration(about.get("seconds")), False),
        ("versions", ", ".join(f"{k} {v}" for k, v in about["versions"].items()), False),
        ("created", about["created"], False),
    ]
    return [line for line in lines if line[1] not in ("", MISSING)]


def _first_drawn(summary: Summary) -> str:
    """Say how many methods a diagram shows; empty where it shows all."""
    methods = len(summary["methods"])
    return f"The first {MOST_DRAWN} of {methods} methods are drawn." if methods > MOST_DRAWN else ""


def _friedman(summary: Summary) -> str:
    """Say what Friedman's test found; empty where methods could not be ranked."""
    ranks = summary.get("ranks")
    if not ranks:
        return ""
    says = (
        "Friedman's test that all methods are alike (Iman and Davenport's F, "
        f"{counted(ranks['environments'], 'environment')}): {p_equals(ranks['iman_davenport_p'])}."
    )
    return f"{says} {ranks['note']}".strip()


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
    if not found:
        return ""
    return f"To keep this report small, {'; '.join(found)}. {NUMBERS} has everything."
