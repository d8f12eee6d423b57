"""The report as Markdown: the same sentences and tables, readable as plain text too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gengap.report import facts, tables
from gengap.report.answer import answer
from gengap.report.findings import findings, peeking
from gengap.report.glossary import terms
from gengap.report.numerals import Numerals, numerals_for
from gengap.report.summary import Summary, read
from gengap.report.tables import Table
from gengap.report.text import code_span, escape_markdown


def render_markdown(summary: Mapping[str, Any]) -> str:
    """Return the report as Markdown with pipe tables.

    Args:
        summary: the content of ``gap.json`` (see :mod:`gengap.report.summary`).

    Raises:
        UsageError: ``summary`` is not what ``gap.json`` holds.
    """
    checked = read(summary)
    number = numerals_for(checked)
    parts = [
        *_opening(checked, number),
        *_measurements(checked, number),
        *_doubts(checked),
        *_closing(checked, number),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(summary: Summary, number: Numerals) -> list[str]:
    return [
        f"# {escape_markdown(summary.study['name'] or 'gengap')}",
        escape_markdown(facts.facts(summary)),
        f"**{escape_markdown(answer(summary, number))}**",
        *(escape_markdown(sentence) for sentence in findings(summary, number)),
    ]


def _measurements(summary: Summary, number: Numerals) -> list[str]:
    parts = [
        "## Methods",
        "Positive gaps, difficulties and costs are worse off; brackets hold 95% intervals.",
        pipe_table(tables.methods_table(summary, number)),
    ]
    if summary.rules:
        parts += [
            "## Selection rules",
            escape_markdown(peeking(summary, number)),
            escape_markdown(facts.looks(summary)),
            pipe_table(tables.rules_table(summary, number)),
            bullets(escape_markdown(f"{rule}: {note}") for rule, note in facts.rule_notes(summary)),
        ]
    parts.append("## Environments" if summary.environments else "")
    head = summary.headline
    for method in sorted(summary.methods, key=lambda row: row is not head):
        rows = summary.environments_of(method["method"])
        if rows:
            table = tables.environments_table(summary, number, method["method"], rows)
            parts += [f"### {escape_markdown(method['method'])}", pipe_table(table)]
    return parts


def _doubts(summary: Summary) -> list[str]:
    skipped = tables.skipped_table(summary)
    warnings = summary.study["warnings"]
    return [
        "## Warnings" if warnings else "",
        bullets(escape_markdown(sentence) for sentence in warnings),
        "## Skipped methods" if skipped.rows else "",
        pipe_table(skipped) if skipped.rows else "",
    ]


def _closing(summary: Summary, number: Numerals) -> list[str]:
    lines = [
        f"**{term}**: {code_span(value) if code else escape_markdown(value)}"
        for term, value, code in facts.provenance(summary, number)
    ]
    definitions = [
        f"**{term}**: {escape_markdown(meaning)}"
        for term, meaning in terms(bool(summary.study["higher_is_better"]))
    ]
    return [
        "## Where these numbers come from",
        bullets(lines),
        "## Terms",
        bullets(definitions),
        "Every number here is also in gap.json.",
    ]


def bullets(lines: Iterable[str]) -> str:
    """Return a list with a line for each."""
    return "\n".join(f"- {line}" for line in lines)


def pipe_table(table: Table) -> str:
    """Return a table with pipes between its cells; details follow their values in brackets."""
    heads = [
        escape_markdown(f"{column.label} ({column.note})" if column.note else column.label)
        for column in table.columns
    ]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [
        [
            escape_markdown(f"{cell.text} ({cell.detail})" if cell.detail else cell.text)
            for cell in row
        ]
        for row in table.rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rules, *rows])
