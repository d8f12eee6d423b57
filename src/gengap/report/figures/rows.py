"""Dot-and-interval plots and paired bars: a name, a mark and a number in each row.

On a page names and numbers are HTML, so long or right-to-left names clip and scale as text does;
only the marks are SVG, laid over the middle column with x in percent and y in pixels, and coloured
by the page's stylesheet. Rows come in blocks short enough for a printed page, each with its own
axis. As a drawing of its own a figure is one SVG, names and numbers included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from gengap.report.figures.axis import Axis, make_axis
from gengap.report.figures.drawing import (
    MOST_DRAWN,
    Drawing,
    Place,
    dot,
    label_width,
    line,
    mark,
    words,
)
from gengap.report.figures.drawing import label as cut
from gengap.report.numerals import Numerals
from gengap.report.text import shorten

ROW_HEIGHT, AXIS_HEIGHT, ROWS_PER_BLOCK = 24, 26, 20
WIDTH, TOP = 940, 8  # of a drawing
Draw = Callable[[Axis, float], Markup]
Ends = tuple[float | None, float | None]
NO_ENDS: Ends = (None, None)


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
    """Rows on one axis.

    Attributes:
        identifier: unique on the page; prefixes the ids of the text alternatives.
        title: the accessible name of the drawing, and its heading where ``headed``.
        description: what the drawing shows, for those who cannot see it.
        axis_label: what the axis measures.
        rows: top to bottom.
        axis: shared by all blocks, and by other figures to be compared with this one.
        strong: where a stronger line is; None for none.
        legend: kinds of marks and what they stand for.
        headed: whether the title stands above the figure.
    """

    element: ClassVar[str] = "figure"
    identifier: str
    title: str
    description: str
    axis_label: str
    rows: Sequence[FigureRow]
    axis: Axis
    strong: float | None = 0.0
    legend: Sequence[tuple[str, str]] = ()
    headed: bool = True

    @property
    def widths(self) -> str:
        """How much room names and numbers need: class names for the stylesheet."""
        name = max((len(row.label) for row in self.rows), default=0)
        number = max((len(row.value) + len(row.detail) for row in self.rows), default=0)
        names = "narrow" if name <= 12 else "medium" if name <= 22 else "roomy"
        return f"{names} long-numbers" if number > 17 else names

    @property
    def blocks(self) -> list[Block]:
        """The rows in printable parts, each with its marks."""
        starts = range(0, len(self.rows), ROWS_PER_BLOCK)
        parts = [(start, self.rows[start : start + ROWS_PER_BLOCK]) for start in starts]
        return [Block(part, self._svg(f"{self.identifier}-{start}", part)) for start, part in parts]

    def drawing(self) -> Drawing:
        """The first rows as a drawing of its own, for papers and slides."""
        rows = self.rows[:MOST_DRAWN]
        values = [f"{row.value} ({row.detail})" if row.detail else row.value for row in rows]
        left = label_width(row.name for row in rows) + 18
        plot = WIDTH - left - 7 * max(map(len, values), default=0) - 20
        bottom = TOP + ROW_HEIGHT * len(rows)
        marks = [
            Markup('<svg x="{}" y="{}" width="{}" height="{}" overflow="visible">').format(
                left, TOP, plot, bottom
            ),
            *self._marks(rows),
            Markup("</svg>"),
            words("soft", left, bottom + 40, self.axis_label),
        ]
        for place, (row, value) in enumerate(zip(rows, values, strict=True)):
            y = TOP + ROW_HEIGHT * (place + 0.5) + 4
            marks += [words("", 0, y, cut(row.name)), words("small end", WIDTH, y, value)]
        for place, (kind, meaning) in enumerate(self.legend):
            y = bottom + 62 + 20 * place
            marks += [sample(kind, left, y - 11), words("soft", left + 36, y, meaning)]
        height = bottom + 48 + 20 * len(self.legend)
        return Drawing(self.identifier, self.title, self.description, WIDTH, height, marks)

    def _svg(self, identifier: str, rows: Sequence[FigureRow]) -> Markup:
        head = Markup(
            '<svg class="plot" role="img" width="100%" height="{0}" '
            'aria-labelledby="{1}-t {1}-d"><title id="{1}-t">{2}</title><desc id="{1}-d">{3}</desc>'
        ).format(ROW_HEIGHT * len(rows) + AXIS_HEIGHT, identifier, self.title, self.description)
        return Markup("").join([head, *self._marks(rows), Markup("</svg>")])

    def _marks(self, rows: Sequence[FigureRow]) -> list[Markup]:
        height = ROW_HEIGHT * len(rows)
        marks = []
        for tick, text in zip(self.axis.ticks, self.axis.labels(), strict=True):
            x = _at(self.axis, tick)
            marks += [line("grid", x, 0, x, height), words("soft middle", x, height + 17, text)]
        if self.strong is not None and self.axis.low <= self.strong <= self.axis.high:
            x = _at(self.axis, self.strong)
            marks.append(line("zero", x, 0, x, height))
        middles = (ROW_HEIGHT * (place + 0.5) for place in range(len(rows)))
        return marks + [row.draw(self.axis, y) for row, y in zip(rows, middles, strict=True)]


def interval_row(
    number: Numerals,
    name: str,
    value: float | None,
    ends: Ends = NO_ENDS,
    wide: Ends = NO_ENDS,
    *,
    tag: str = "",
) -> FigureRow:
    """A row with a dot, its interval and a wider one; a row with a ``tag`` has another shape."""
    scaled = number.scaled
    draw = interval_marks(
        scaled(value),
        (scaled(ends[0]), scaled(ends[1])),
        (scaled(wide[0]), scaled(wide[1])),
        hollow=bool(tag),
    )
    return FigureRow(name, number(value), draw, number.around(value, *ends), tag)


def interval_marks(
    estimate: float | None, interval: Ends = NO_ENDS, wide: Ends = NO_ENDS, *, hollow: bool = False
) -> Draw:
    """Return a drawer of a dot, its interval, and fainter a wider interval behind it.

    ``hollow`` draws a diamond outline in place of the dot, so that it differs in shape and not
    only in colour. Intervals that are None are left out; without an estimate nothing is drawn.
    """

    def draw(axis: Axis, y: float) -> Markup:
        if estimate is None:
            return Markup("")
        marks = _interval(axis, y, wide, "wide") + _interval(axis, y, interval, "interval")
        x = _at(axis, estimate)
        return marks + (_diamond(x, y) if hollow else dot("dot", x, y))

    return draw


def two_interval_marks(upper: Sequence[float | None], lower: Sequence[float | None]) -> Draw:
    """Return a drawer of two estimates with their ends, the upper one an outline.

    Args:
        upper: an estimate, and the low and high end of its interval.
        lower: the same of the other.
    """

    def draw(axis: Axis, y: float) -> Markup:
        both = interval_marks(upper[0], (upper[1], upper[2]), hollow=True)(axis, y - 5)
        return both + interval_marks(lower[0], (lower[1], lower[2]))(axis, y + 5)

    return draw


def pair_marks(upper: float | None, lower: float | None, total: float | None) -> Draw:
    """Return a drawer of two bars from zero, one above the other, and a tick at their sum."""

    def draw(axis: Axis, y: float) -> Markup:
        marks = _bar(axis, y - 8, upper, "first") + _bar(axis, y + 1, lower, "second")
        if total is None:
            return marks
        x = _at(axis, total)
        return marks + line("total", x, y - 10, x, y + 10)

    return draw


def sample(kind: str, x: float = 0, y: float = 0) -> Markup:
    """Return a small mark of a kind, 28 x 14 pixels from a corner, for a legend."""
    across, bar = (x, y + 7, x + 28, y + 7), {"x": x, "width": 28, "y": y + 3, "height": 7}
    samples = {
        "dot": dot("dot", x + 14, y + 7),
        "hollow": _diamond(x + 14, y + 7),
        "interval": line("interval", *across),
        "wide": line("wide", *across),
        "first": mark("rect", "first", **bar),
        "second": mark("rect", "second", **bar),
        "total": line("total", x + 14, y - 2, x + 14, y + 16),
    }
    return samples[kind]


def axis_for(
    core: Iterable[float | None], extra: Iterable[float | None] = (), *, scale: float = 1.0
) -> Axis:
    """Make an axis over the values that were measured, each multiplied by ``scale``."""
    return make_axis(
        [scale * value for value in core if value is not None],
        [scale * value for value in extra if value is not None],
    )


def _at(axis: Axis, value: float) -> str:
    return f"{axis.at(value)}%"


def _diamond(x: Place, y: Place) -> Markup:
    return mark("use", "hollow", href="#diamond", x=x, y=y)


def _interval(axis: Axis, y: float, ends: Ends, kind: str) -> Markup:
    low, high = ends
    if low is None or high is None:
        return Markup("")
    marks = line(kind, _at(axis, low), y, _at(axis, high), y)
    if low < axis.low:
        marks += mark("use", "cut", href="#to-left", y=y)
    if high > axis.high:
        marks += mark("use", "cut", href="#to-right", x="100%", y=y)
    return marks


def _bar(axis: Axis, top: float, value: float | None, kind: str) -> Markup:
    if value is None:
        return Markup("")
    start, end = sorted((axis.at(0.0), axis.at(value)))
    width = f"{round(end - start, 2)}%"
    return mark("rect", kind, x=f"{start}%", width=width, y=top, height=7)
