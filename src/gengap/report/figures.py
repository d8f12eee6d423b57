"""Dot-and-interval plots and paired bars as inline SVG.

A figure is a list of rows: a name, a plotted mark and the number in text. Names and numbers are
HTML, so long or right-to-left names clip and scale as text does; only the marks are SVG, laid over
the middle column with x in percent and y in pixels, and coloured by the page's stylesheet. Rows
come in blocks short enough for a printed page, each with its own axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gengap.report.axis import Axis, make_axis
from gengap.report.text import shorten

ROW_HEIGHT = 24
AXIS_HEIGHT = 26
ROWS_PER_BLOCK = 20
Draw = Callable[[Axis, float], Markup]


@dataclass(frozen=True)
class FigureRow:
    """One line of a figure.

    Attributes:
        name: the label on the left.
        value: the number on the right; ``detail`` follows in small print where there is room.
        draw: returns the marks, given the axis and the row's middle in pixels.
        tag: a word set after the name, e.g. ``"peeks"``.
    """

    name: str
    value: str
    draw: Draw
    detail: str = ""
    tag: str = ""

    @property
    def label(self) -> str:
        """The name, cut in the middle when it could not fit on any screen."""
        return shorten(self.name, 60)


@dataclass(frozen=True)
class Block:
    """Consecutive rows and the SVG with their marks and axis."""

    rows: Sequence[FigureRow]
    svg: Markup


@dataclass(frozen=True)
class Figure:
    """A titled figure with a text alternative, ready for the template."""

    title: str
    axis_label: str
    blocks: Sequence[Block]

    @property
    def widths(self) -> str:
        """How much room names and numbers need: class names for the stylesheet."""
        rows = [row for block in self.blocks for row in block.rows]
        name = max((len(row.label) for row in rows), default=0)
        number = max((len(row.value) + len(row.detail) for row in rows), default=0)
        names = "narrow" if name <= 12 else "medium" if name <= 22 else "roomy"
        return f"{names} long-numbers" if number > 17 else names


def figure(
    identifier: str,
    title: str,
    description: str,
    axis_label: str,
    rows: Sequence[FigureRow],
    axis: Axis,
    *,
    zero: bool = True,
) -> Figure:
    """Draw rows on one axis.

    Args:
        identifier: unique on the page; prefixes the ids of the text alternatives.
        title: the heading, and the accessible name of the drawing.
        description: what the drawing shows, for those who cannot see it.
        axis_label: what the axis measures.
        rows: top to bottom.
        axis: shared by all blocks (and by other figures to be compared with this one).
        zero: draw a stronger line at zero.
    """
    blocks = []
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        part = rows[start : start + ROWS_PER_BLOCK]
        svg = _svg(f"{identifier}-{start}", title, description, part, axis, zero)
        blocks.append(Block(part, svg))
    return Figure(title, axis_label, blocks)


def interval_marks(
    estimate: float | None,
    interval: tuple[float | None, float | None] = (None, None),
    wide: tuple[float | None, float | None] = (None, None),
    *,
    hollow: bool = False,
) -> Draw:
    """Return a drawer of a dot, its interval, and fainter a wider interval behind it.

    ``hollow`` draws a diamond outline in place of the dot, so that it differs in shape and not
    only in colour. Intervals that are None are left out; without an estimate nothing is drawn.
    """

    def draw(axis: Axis, y: float) -> Markup:
        if estimate is None:
            return Markup("")
        marks = _interval(axis, y, wide, "wide") + _interval(axis, y, interval, "interval")
        x = axis.at(estimate)
        if hollow:
            return marks + Markup('<use class="hollow" href="#diamond" x="{}%" y="{}"/>').format(
                x, y
            )
        return marks + Markup('<circle class="dot" cx="{}%" cy="{}" r="4.5"/>').format(x, y)

    return draw


def pair_marks(upper: float | None, lower: float | None, total: float | None) -> Draw:
    """Return a drawer of two bars from zero, one above the other, and a tick at their sum."""

    def draw(axis: Axis, y: float) -> Markup:
        marks = _bar(axis, y - 8, upper, "first") + _bar(axis, y + 1, lower, "second")
        if total is None:
            return marks
        tick = Markup('<line class="total" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/>')
        return marks + tick.format(axis.at(total), y - 10, y + 10)

    return draw


def axis_for(
    core: Iterable[float | None], extra: Iterable[float | None] = (), *, scale: float = 1.0
) -> Axis:
    """Make an axis over the values that were measured, each multiplied by ``scale``."""
    return make_axis(
        [scale * value for value in core if value is not None],
        [scale * value for value in extra if value is not None],
    )


def _svg(
    identifier: str,
    title: str,
    description: str,
    rows: Sequence[FigureRow],
    axis: Axis,
    zero: bool,
) -> Markup:
    height = ROW_HEIGHT * len(rows)
    parts = [
        Markup(
            '<svg class="plot" role="img" width="100%" height="{0}" '
            'aria-labelledby="{1}-t {1}-d"><title id="{1}-t">{2}</title><desc id="{1}-d">{3}</desc>'
        ).format(height + AXIS_HEIGHT, identifier, title, description)
    ]
    for tick, label in zip(axis.ticks, axis.labels(), strict=True):
        parts.append(
            Markup(
                '<line class="{0}" x1="{1}%" x2="{1}%" y1="0" y2="{2}"/>'
                '<text x="{1}%" y="{3}">{4}</text>'
            ).format(
                "zero" if zero and tick == 0 else "grid", axis.at(tick), height, height + 17, label
            )
        )
    middle = ROW_HEIGHT / 2
    parts += [row.draw(axis, index * ROW_HEIGHT + middle) for index, row in enumerate(rows)]
    return Markup("").join([*parts, Markup("</svg>")])


def _interval(axis: Axis, y: float, ends: tuple[float | None, float | None], kind: str) -> Markup:
    low, high = ends
    if low is None or high is None:
        return Markup("")
    left, right = axis.at(low), axis.at(high)
    marks = Markup('<line class="{0}" x1="{1}%" x2="{2}%" y1="{3}" y2="{3}"/>').format(
        kind, left, right, y
    )
    if low < axis.low:
        marks += Markup('<use class="cut" href="#to-left" y="{}"/>').format(y)
    if high > axis.high:
        marks += Markup('<use class="cut" href="#to-right" x="100%" y="{}"/>').format(y)
    return marks


def _bar(axis: Axis, top: float, value: float | None, kind: str) -> Markup:
    if value is None:
        return Markup("")
    zero, end = axis.at(0.0), axis.at(value)
    return Markup('<rect class="{}" x="{}%" width="{}%" y="{}" height="7"/>').format(
        kind, min(zero, end), round(abs(end - zero), 2), top
    )
