"""The comparison as Markdown: the same sentences and tables, readable as plain text too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.report.comparison import facts, tables
from gengap.report.comparison.glossary import terms
from gengap.report.comparison.reading import digits, read
from gengap.report.markdown import bullets, pipe_table
from gengap.report.text import code_span, escape_markdown


def render_markdown(summary: Mapping[str, Any]) -> str:
    """Return the comparison as Markdown with pipe tables.

    Args:
        summary: what :func:`gengap.questions.comparison.summary.summarise` returns.

    Raises:
        UsageError: ``summary`` is not what ``compare.json`` holds.
    """
    checked = read(summary)
    number = digits(checked)
    about = checked["comparison"]
    pairs, others = tables.pairs_tables(checked, number)
    rankings = tables.rankings_table(checked)
    parts = [
        f"# {escape_markdown(about['name'] or 'scores')}: methods compared",
        escape_markdown(facts.facts(checked)),
        f"**{escape_markdown(checked['answer'])}**",
        bullets(map(escape_markdown, checked["findings"])),
        "## Methods",
        escape_markdown(facts.methods_sentences(checked, "Brackets hold")),
        pipe_table(tables.methods_table(checked, number)),
        escape_markdown(facts.ranks_sentence(checked)),
        "## Pairs",
        escape_markdown(facts.pairs_sentences(checked)),
        pipe_table(pairs),
        f"### {others.caption}" if others else "",
        pipe_table(others) if others else "",
        "## Rankings by rule" if rankings else "",
        "Brackets hold the share of resamples in which the method comes first." if rankings else "",
        pipe_table(rankings) if rankings else "",
        bullets(escape_markdown(f"{rules}: {note}") for rules, note in facts.rule_notes(checked)),
        "## Environments",
        pipe_table(tables.environments_table(checked, number)),
        escape_markdown(facts.left_out(checked, drawings=False)),
        "## Where these numbers come from",
        bullets(
            f"**{term}**: {code_span(value) if code else escape_markdown(value)}"
            for term, value, code in facts.provenance(checked)
        ),
        "## Terms",
        bullets(f"**{term}**: {escape_markdown(meaning)}" for term, meaning in terms(checked)),
        "Every number here is also in compare.json.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
