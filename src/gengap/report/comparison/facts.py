"""The settings of a comparison as short lines of text."""

from __future__ import annotations

from gengap.report.comparison.drawing import MOST_DRAWN
from gengap.report.comparison.reading import Summary, against_reference, p_text
from gengap.report.comparison.tables import MOST_PAIRS, shown_environments
from gengap.report.numerals import MISSING, duration
from gengap.report.text import isolate, shorten


def facts(summary: Summary) -> str:
    """Say in one line what was compared."""
    about = summary["comparison"]
    parts = [
        about["metric"],
        "higher is better" if about["higher_is_better"] else "lower is better",
        _counted(len(summary["methods"]), "method"),
        _counted(len(about["environments"]), "environment"),
        _runs_per_cell(*about["runs_per_cell"]),
        str(about["created"])[:10],
    ]
    return " · ".join(isolate(shorten(part)) for part in parts if part)


def provenance(summary: Summary) -> list[tuple[str, str, bool]]:
    """Return (term, value, whether it is code) for all that is needed to repeat the comparison."""
    about = summary["comparison"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        ("command", about["command"], True),
        ("runs", f"{about['runs']:,}", False),
        ("missing cells", f"{about['missing_cells']:,}", False),
        ("seeds paired across methods", "yes" if about["paired_seeds"] else "no", False),
        ("baseline", about["baseline"] or "", False),
        ("level", f"{about['level']:g}", False),
        ("margin", _given(about["margin"]), False),
        ("target of the optimality gap", _given(about["target"]), False),
        ("bootstrap resamples", f"{about['replicates']:,}", False),
        ("random seed", str(about["seed"]), False),
        ("time", duration(about.get("seconds")), False),
        ("versions", versions, False),
        ("created", about["created"], False),
    ]
    return [line for line in lines if line[1] not in ("", MISSING)]


def methods_sentences(summary: Summary, where: str) -> str:
    """Say what the limits in the table of methods are, which stand ``where``."""
    level = f"{100 * summary['comparison']['level']:.3g}%"
    return (
        f"{where} {level} limits, and each heading says for which environments. Those of ranks are "
        "percentiles over resamples of environments and runs; those of differences are at the "
        "level at which Holm's procedure judged the pair."
    )


def pairs_sentences(summary: Summary) -> str:
    """Say what the verdicts on pairs rest on."""
    about = summary["comparison"]
    says = (
        '"Better" and "worse" rest on p, adjusted by Holm\'s procedure. The limits of a difference '
        "are drawn at the level at which that procedure judged the pair: they exclude 0 exactly "
        "where the verdict names a winner"
    )
    if len(summary["pairs"]) > 1:
        level = f"{100 * about['level']:.3g}%"
        says += f", and all of them taken together hold less often than {level}"
    says += "."
    if any(row.get("equivalence_adjusted_p") is not None for row in summary["pairs"]):
        says += (
            ' "Equivalent" stands where no winner is named and two one-sided tests, adjusted by '
            "Holm's procedure among themselves, put the difference within "
            f"±{_given(about['margin'])}."
        )
    return f"{says} The other columns are further views of the same differences."


def drawn(summary: Summary) -> str:
    """Say how many methods a diagram shows; empty where it shows all."""
    methods = len(summary["methods"])
    return f"The first {MOST_DRAWN} of {methods} methods are drawn." if methods > MOST_DRAWN else ""


def ranks_sentence(summary: Summary) -> str:
    """Say what Friedman's test found; empty where methods could not be ranked."""
    ranks = summary.get("ranks")
    if not ranks:
        return ""
    p = p_text(ranks["iman_davenport_p"])
    says = (
        f"Friedman's test that all methods are alike (Iman and Davenport's F, "
        f"{_counted(ranks['environments'], 'environment')}): p {p if p[0] == '<' else f'= {p}'}."
    )
    return f"{says} {ranks['note']}".strip()


def rule_notes(summary: Summary) -> list[tuple[str, str]]:
    """Return (rules, note), each note once."""
    notes: dict[str, list[str]] = {}
    for row in summary.get("rankings") or []:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["rule"])
    return [(", ".join(rules), note) for note, rules in notes.items()]


def left_out(summary: Summary, *, drawings: bool = True) -> str:
    """Say what is not shown, so that a page stays below 1 MB."""
    methods, environments = len(summary["methods"]), len(summary["environments"])
    others, found = len(summary["pairs"]) - len(against_reference(summary)), []
    if drawings and methods > MOST_DRAWN:
        found.append(f"diagrams show the first {MOST_DRAWN} of {methods} methods")
    if others > MOST_PAIRS:
        found.append(f"the table of other pairs shows {MOST_PAIRS} of {others:,}")
    if (shown := len(shown_environments(summary))) < environments:
        found.append(f"the table of environments shows {shown} of {environments:,}")
    if not found:
        return ""
    text = "; ".join(found)
    return f"To keep this report small, {text}. compare.json has everything."


def _runs_per_cell(fewest: int, most: int) -> str:
    if fewest == most:
        return f"{_counted(most, 'run')} each"
    return f"{fewest} to {most} runs each"


def _given(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
