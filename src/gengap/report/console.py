"""Blocks in the terminal: sentences, notes and tables that fit in 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gengap.base.terminal import terminal
from gengap.report.document import Block, Bullets, Heading, Note, Table

LINE = 80  # columns of the narrowest terminal that shows a table whole
NARROWEST_NAME = 10
# After a mark or a space, and before the capital of a next word.
BREAKS = re.compile(r"(?<=[-_:;/.,=( ])|(?<=[a-z])(?=[A-Z])")


def show(blocks: Iterable[Block], console: Console | None = None) -> None:
    """Print blocks with a blank line between them."""
    console = console or terminal()
    for place, block in enumerate(blocks):
        if place:
            console.print()
        for part in _printable(block):
            console.print(part)


def console_table(table: Table) -> RichTable:
    """Return a table that fits in 80 columns.

    Columns that say nothing are left out. Where the first column's names have no room, those that
    can be spared go, and then names fold; rich would take from every column and cut the last.
    """
    texts = [[cell.line for cell in row] for row in table.rows]
    widths = []
    for place, column in enumerate(table.columns):
        longest = max((len(row[place]) for row in texts), default=0)
        widths.append(min(column.most, max(longest, len(column.label))) if longest else 0)
    used = [place for place, width in enumerate(widths) if width and place]
    for place in [place for place in used if table.columns[place].spare]:
        if _left(widths, used) < widths[0]:
            used.remove(place)
    widths[0] = min(widths[0], max(NARROWEST_NAME, _left(widths, used)))
    roomy = _left(widths, used) - len(used) >= widths[0]
    padding = (0, 1 if roomy else 0, 0, 0)
    made = RichTable(box=box.SIMPLE_HEAD, padding=padding, show_edge=False, pad_edge=False)
    for place in (0, *used):
        column = table.columns[place]
        justify: Any = "right" if column.numeric else "left"
        made.add_column(column.label, justify=justify, width=widths[place], overflow="fold")
    for row in texts:
        made.add_row(Text(_broken(row[0], widths[0])), *(Text(row[place]) for place in used))
    return made


def _broken(name: str, width: int) -> str:
    """A name in lines that end where its words do, in none where it fits; rich cuts anywhere."""
    lines = [""]
    for piece in BREAKS.split(name):
        if lines[-1] and len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _left(widths: list[int], used: list[int]) -> int:
    """Room for names beside the columns used, with a space between columns."""
    return LINE - sum(widths[place] for place in used) - len(used) - 1


def _printable(block: Block) -> list[Any]:
    match block:
        case str():
            return [block]
        case Note():
            return [Text(block.text, style="dim")]
        case Heading():
            return [Text(block.text, style="bold")]
        case Bullets():
            return [f"- {line}" for line in block.lines]
        case Table():
            return [console_table(block)]
    return []
