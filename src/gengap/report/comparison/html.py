"""The comparison as one HTML file, with the stylesheet, script and policy of the study's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.report.comparison import facts, tables
from gengap.report.comparison.drawing import HIGHLIGHTED
from gengap.report.comparison.drawings import drawings
from gengap.report.comparison.glossary import terms
from gengap.report.comparison.intervals import intervals_figure
from gengap.report.comparison.reading import Summary, digits, read, reference
from gengap.report.page import render_page

STYLES = ("style.css", "comparison/style.css", "comparison/drawing.css")
# With more pairs than this, those without the reference are folded; with more scores, the table.
FEW_PAIRS, FEW_SCORES = 15, 120


def render_html(summary: Mapping[str, Any]) -> str:
    """Return the comparison as a complete HTML page.

    Args:
        summary: what :func:`gengap.questions.comparison.summary.summarise` returns.

    Raises:
        UsageError: ``summary`` is not what ``compare.json`` holds.
    """
    return render_page("comparison/template.html.j2", _content(read(summary)), STYLES)


def _content(summary: Summary) -> dict[str, Any]:
    number = digits(summary, typeset=True)
    about, methods = summary["comparison"], summary["methods"]
    first, rest = tables.pairs_tables(summary, number)
    drawn = {drawing.name: drawing for drawing in drawings(summary)}
    return {
        "title": about["name"] or "scores",
        "facts": facts.facts(summary),
        "answer": summary["answer"],
        "findings": summary["findings"],
        "level": f"{100 * about['level']:.3g}%",
        "metric": about["metric"],
        "higher_is_better": about["higher_is_better"],
        "intervals": intervals_figure(summary, number),
        "here": any(row["mean_low"] is not None for row in methods),
        "like_these": any(row["like_these_low"] is not None for row in methods),
        "methods_sentences": facts.methods_sentences(summary, "Small print gives"),
        "methods": tables.methods_table(summary, number),
        "diagram": drawn.get("critical-difference"),
        "ranks_sentence": facts.ranks_sentence(summary),
        "missing_cells": about["missing_cells"],
        "baseline": about["baseline"],
        "reference": reference(summary),
        "pairs_sentences": facts.pairs_sentences(summary),
        "drawn": facts.drawn(summary),
        "pairs": first,
        "other_pairs": rest,
        "fold_pairs": rest is not None and len(rest.rows) > FEW_PAIRS,
        "improvement": drawn.get("improvement"),
        "profiles": drawn.get("profiles"),
        "highlighted": min(HIGHLIGHTED, len(methods)),
        "method_count": len(methods),
        "rankings": tables.rankings_table(summary),
        "rank_changes": drawn.get("rank-stability"),
        "rule_notes": facts.rule_notes(summary),
        "environments": tables.environments_table(summary, number),
        "fold_environments": len(methods) * len(summary["environments"]) > FEW_SCORES,
        "left_out": facts.left_out(summary),
        "provenance": facts.provenance(summary),
        "terms": terms(summary),
    }
