"""A report as data: sections of words, tables and figures, which every renderer prints its way.

What a reader sees is decided here and in the modules that build documents; how a page, a text or a
terminal shows it is decided by :mod:`~gengap.report.html`, :mod:`~gengap.report.markdown` and
:mod:`~gengap.report.console`. A block of plain text is a ``str``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gengap.report.figures.drawing import Drawing
from gengap.report.figures.rows import Figure
from gengap.report.numerals import MISSING
from gengap.report.text import isolate, shorten


@dataclass(frozen=True)
class Column:
    """A heading.

    Attributes:
        label: the heading's words.
        note: its unit or an explanation, in small print.
        numeric: whether the cells are numbers.
        named: whether the label is a name, of any length, rather than the report's own word.
        most: columns of a terminal beyond which its cells fold.
        spare: whether a terminal leaves it out where names would have no room.
    """

    label: str
    note: str = ""
    numeric: bool = True
    named: bool = False
    most: int = 80
    spare: bool = False


@dataclass(frozen=True)
class Cell:
    """What a cell says.

    Attributes:
        text: the value.
        detail: a second line in small print; in brackets where there are no lines.
        kind: a class name for its style.
        sort: the number to sort by, where the text does not begin with it.
    """

    text: str
    detail: str = ""
    kind: str = ""
    sort: float | None = None

    @property
    def line(self) -> str:
        """The cell in one line."""
        return f"{self.text} ({self.detail})" if self.detail else self.text


Maker = tuple[Column, Callable[[Any], Cell]]


@dataclass(frozen=True)
class Table:
    """Columns, and rows with one cell for each; ``kind`` holds class names for its style."""

    element: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows)


def make_table(
    caption: str, rows: Iterable[Any], makers: Sequence[Maker | None], kind: str = ""
) -> Table:
    """Fill a table: for each row, what each column's maker says of it; None makers are left out."""
    used = [maker for maker in makers if maker is not None]
    columns = tuple(column for column, _ in used)
    return Table(
        caption, columns, tuple(tuple(make(row) for _, make in used) for row in rows), kind
    )


def text_table(
    caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]], *, numeric: bool = True
) -> Table:
    """A table of plain texts: the first column names the rows, the others hold numbers or words."""
    columns = tuple(Column(head, numeric=numeric and k > 0) for k, head in enumerate(heads))
    cells = tuple(tuple(map(Cell, row)) for row in rows)
    return Table(caption, columns, cells, "dense" if numeric else "")


@dataclass(frozen=True)
class Note:
    """A paragraph in small print; ``below`` what it explains, or above it."""

    element: ClassVar[str] = "note"
    text: str
    below: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    element: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Bullets:
    """Sentences as a list."""

    element: ClassVar[str] = "bullets"
    lines: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.lines)


@dataclass(frozen=True)
class Pairs:
    """Terms with what they mean or hold: ``(term, value, whether the value is code)``."""

    element: ClassVar[str] = "pairs"
    rows: Sequence[tuple[str, str, bool]]
    kind: str = ""


def settings(lines: Mapping[str, str | None], code: Collection[str] = ("command",)) -> Pairs:
    """What is needed to repeat a study; what was not given is left out."""
    told = {term: value for term, value in lines.items() if value not in (None, "", MISSING)}
    return Pairs([(term, str(value), term in code) for term, value in told.items()])


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that unfolds them: its words and, smaller, a detail."""

    element: ClassVar[str] = "folded"
    title: str
    detail: str
    blocks: Sequence[Block]
    open: bool = False


@dataclass(frozen=True)
class Panels:
    """Figures side by side."""

    element: ClassVar[str] = "panels"
    figures: Sequence[Figure]


Block = str | Table | Note | Heading | Bullets | Pairs | Folded | Panels | Figure | Drawing


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: tuple[Block, ...]


def section(heading: str, *blocks: Block | None) -> Section | None:
    """A section of the blocks that say anything; None where none does."""
    kept = tuple(block for block in blocks if block)
    return Section(heading, kept) if kept else None


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: what was studied; ``about`` says in a few words what the report is on.
        facts: the settings in one line.
        answer: the answer in a sentence.
        findings: what must be known with it, a sentence each.
        sections: the rest.
        closing: the last line, which names the file that holds the numbers.
    """

    title: str
    about: str
    facts: str
    answer: str
    findings: Sequence[str]
    sections: Sequence[Section]
    closing: str


def facts(parts: Iterable[str]) -> str:
    """The settings in one line, without those that are empty."""
    return " · ".join(isolate(shorten(part)) for part in parts if part)


def document(
    title: str,
    about: str,
    facts: str,
    sentences: Sequence[str],
    sections: Iterable[Section | None],
    closing: str,
) -> Document:
    """A document whose answer is the first sentence; sections without a block are left out."""
    kept = [part for part in sections if part is not None]
    return Document(title, about, facts, sentences[0], sentences[1:], kept, closing)
