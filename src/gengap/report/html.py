"""The report as one HTML file: no network, no fonts, no scripts but its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from gengap.report import charts, facts, tables
from gengap.report.answer import answer
from gengap.report.figures import Figure
from gengap.report.findings import findings, peeking
from gengap.report.glossary import terms
from gengap.report.numerals import Numerals, numerals_for
from gengap.report.page import render_page
from gengap.report.summary import Row, Summary, read
from gengap.report.tables import Table
from gengap.report.text import shorten
from gengap.report.wording import points

# Bytes left for environments in a page of 1 MB, and what a row takes beside its name: one line of
# a figure and one of a table, and for the headline method one more line of a figure.
ROOM = 800_000
ROW, HEADLINE_ROW = 580, 900
FEW_PANELS, FEW_ROWS = 4, 30


@dataclass(frozen=True)
class Panel:
    """One method's environments, as a figure and as a table."""

    name: str
    cost: str
    rows: list[Row]
    figure: Figure
    table: Table


def render_html(summary: Mapping[str, Any]) -> str:
    """Return the report as a complete HTML page.

    Args:
        summary: the content of ``gap.json`` (see :mod:`gengap.report.summary`).

    Raises:
        UsageError: ``summary`` is not what ``gap.json`` holds.
    """
    checked = read(summary)
    return render_page("template.html.j2", _content(checked))


def _content(summary: Summary) -> dict[str, Any]:
    number = numerals_for(summary, minus="−")
    study, head = summary.study, summary.headline
    name = head["method"] if head else ""
    panels, cut = _panels(summary, number, name)
    own = panels[0].rows if panels and panels[0].name == name else []
    split = any(row["difficulty"] is not None for row in own)
    return {
        "title": study["name"] or "gengap",
        "facts": facts.facts(summary),
        "answer": answer(summary, number),
        "findings": findings(summary, number),
        "methods_figure": charts.methods_figure(summary, number) if summary.methods else None,
        "panels": panels,
        "few": len(panels) <= FEW_PANELS and all(len(p.table.rows) <= FEW_ROWS for p in panels),
        "several": any(len(panel.table.rows) > 1 for panel in panels),
        "wide": any(row["new_environment_low"] is not None for row in summary.methods),
        "cut": cut,
        "methods": tables.methods_table(summary, number),
        "rule": study["selection_rule"],
        "headline_name": name,
        "difficulty": charts.difficulty_figure(summary, number, own) if split else None,
        "rules": tables.rules_table(summary, number),
        "rules_figure": charts.rules_figure(summary, number, name),
        "peeking": peeking(summary, number),
        "looks": facts.looks(summary),
        "rule_notes": facts.rule_notes(summary),
        "metric": study["metric"],
        "warnings": study["warnings"],
        "skipped": tables.skipped_table(summary),
        "provenance": facts.provenance(summary, number),
        "terms": terms(bool(study["higher_is_better"])),
    }


def _panels(summary: Summary, number: Numerals, first: str) -> tuple[list[Panel], str]:
    """Return panels, the headline method's first, and a sentence about any left out for size."""
    methods = sorted(summary.methods, key=lambda row: row["method"] != first)
    axis = charts.environments_axis(summary, number)
    panels: list[Panel] = []
    room, left_out = ROOM, 0
    for index, method in enumerate(methods):
        rows = summary.environments_of(method["method"])
        if panels:
            rows = [{**row, "environment": shorten(row["environment"], 80)} for row in rows]
        shown, taken = _fitting(rows, room, HEADLINE_ROW if not panels else ROW)
        if panels and len(shown) < len(rows):
            left_out += 1
            continue
        left_out += len(shown) < len(rows)
        room -= taken
        if shown:
            drawn = charts.environments_figure(
                summary, number, shown, axis, f"environments-{index}"
            )
            table = tables.environments_table(summary, number, method["method"], shown)
            panels.append(Panel(method["method"], _cost(number, method), shown, drawn, table))
    if not left_out:
        return panels, ""
    return panels, (
        f"To keep this page small, {left_out} of {len(methods)} methods are left out or cut here; "
        "gap.json has them in full."
    )


def _fitting(rows: list[Row], room: int, each: int) -> tuple[list[Row], int]:
    """Return the first rows that fit into ``room`` bytes, and the bytes that they take."""
    taken = 0
    for index, row in enumerate(rows):
        full, label = row["environment"], shorten(row["environment"], 60)
        size = each + len(str(escape(full)).encode()) + 4 * len(str(escape(label)).encode())
        if taken + size > room:
            return rows[:index], taken
        taken += size
    return rows, taken


def _cost(number: Numerals, method: Row) -> str:
    if method["cost_of_unseen"] is None:
        return "cost not measured"
    return f"costs {points(number, method['cost_of_unseen'])} on average"
