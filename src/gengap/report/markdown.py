"""A document as Markdown: the same sentences and tables, readable as plain text too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gengap.report.document import (
    Block,
    Bullets,
    Document,
    Folded,
    Heading,
    Note,
    Pairs,
    Table,
)
from gengap.report.text import code_span, escape_markdown


def render_document(document: Document) -> str:
    """Return the document as Markdown with pipe tables; figures are left to the page."""
    parts = [
        f"# {escape_markdown(document.title)}",
        escape_markdown(document.facts),
        f"**{escape_markdown(document.answer)}**",
        bullets(map(escape_markdown, document.findings)),
    ]
    for section in document.sections:
        inside = _blocks(section.blocks)
        parts += [f"## {section.heading}", *inside] if inside else []
    parts.append(document.closing)
    return "\n\n".join(part for part in parts if part) + "\n"


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
    rows = [[escape_markdown(cell.line) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rules, *rows])


def _blocks(blocks: Sequence[Block]) -> list[str]:
    return [text for block in blocks for text in _texts(block)]


def _texts(block: Block) -> list[str]:
    match block:
        case str():
            return [escape_markdown(block)]
        case Note():
            return [escape_markdown(block.text)]
        case Heading():
            return [f"### {escape_markdown(block.text)}"]
        case Bullets():
            return [bullets(map(escape_markdown, block.lines))]
        case Pairs():
            return [
                bullets(
                    f"**{term}**: {code_span(value) if code else escape_markdown(value)}"
                    for term, value, code in block.rows
                )
            ]
        case Table():
            return [pipe_table(block)]
        case Folded():
            return [f"### {escape_markdown(block.title)}", *_blocks(block.blocks)]
    return []
