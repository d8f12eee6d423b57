"""Diagrams as SVG: a few marks, and the frame that makes them part of a page or a file.

In a page the stylesheet colours the marks by their class, light or dark. A file carries the same
rules with the light colours filled in, on white, so that it looks alike in a paper or a slide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar

from markupsafe import Markup

from gengap.report.figures.axis import Axis
from gengap.report.text import shorten, shorten_apart

Place = float | str  # pixels, or a text such as "12%"
LETTER = 7.9  # mean width of a letter at 13 pixels in a wide typeface
LONGEST_LABEL = 28
HIGHLIGHTED = 6
MOST_DRAWN = 24
MARGIN = 16  # around a drawing in a file of its own
SHAPES = Markup(
    '<defs><path id="diamond" d="M0-6 6 0 0 6-6 0z"/><path id="to-left" d="M-6 0 1-4V4z"/>'
    '<path id="to-right" d="M6 0-1-4V4z"/></defs>'
)
SHRINKING = 832  # narrower drawings keep their size on any screen: the 52rem of the stylesheet


@dataclass(frozen=True)
class Drawing:
    """Marks on a canvas of ``width`` x ``height`` pixels, with a text alternative."""

    element: ClassVar[str] = "drawing"
    name: str
    title: str
    description: str
    width: float
    height: float
    marks: Sequence[Markup]

    def inline(self) -> Markup:
        """Return the drawing for a page with the report's stylesheet."""
        return self._svg(Markup(""), 0)

    def standalone(self) -> str:
        """Return the drawing as the text of a file that needs nothing else."""
        ground = Markup(
            '<style>{0}</style>{1}<rect class="ground" x="-{2}" y="-{2}" width="100%" '
            'height="100%"/>'
        ).format(_light_style(), SHAPES, MARGIN)
        return str(self._svg(ground, MARGIN)) + "\n"

    def _svg(self, before: Markup, margin: int) -> Markup:
        head = Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" class="{0}" role="img" width="{1}" '
            'height="{2}" viewBox="{3} {3} {1} {2}" aria-labelledby="{4}-t {4}-d">'
            '<title id="{4}-t">{5}</title><desc id="{4}-d">{6}</desc>'
        ).format(
            "drawing" if self.width > SHRINKING else "drawing whole",
            self.width + 2 * margin,
            self.height + 2 * margin,
            -margin,
            self.name,
            self.title,
            self.description,
        )
        return Markup("").join([head, before, *self.marks, Markup("</svg>")])


def mark(tag: str, kind: str, **attributes: Place) -> Markup:
    """Return an SVG element of a class; underscores in attributes stand for hyphens."""
    pairs = {"class": kind, **attributes}.items()
    told = (Markup(' {}="{}"').format(key.replace("_", "-"), _rounded(v)) for key, v in pairs)
    return Markup("<{}{}/>").format(tag, Markup("").join(told))


def line(kind: str, x1: Place, y1: Place, x2: Place, y2: Place) -> Markup:
    """Return a straight line."""
    return mark("line", kind, x1=x1, x2=x2, y1=y1, y2=y2)


def path(kind: str, points: Iterable[tuple[float, float]], *, closed: bool = False) -> Markup:
    """Return straight lines through points, in order."""
    joined = "L".join(f"{_rounded(x)} {_rounded(y)}" for x, y in points)
    return mark("path", kind, d=f"M{joined}{'z' if closed else ''}")


def curve(number: int, ends: Iterable[tuple[float, float | None]]) -> list[Markup]:
    """Return the line of a numbered colour through points, those without a height left out."""
    known = [(x, y) for x, y in ends if y is not None]
    return [path(f"curve c{number}", known)] if known else []


def band(number: int, ends: Iterable[tuple[float, float | None, float | None]]) -> list[Markup]:
    """Return the area of a numbered colour between two lines: places with both their heights."""
    known = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
    upper, lower = [(x, high) for x, _, high in known], [(x, low) for x, low, _ in known]
    return [path(f"band c{number}", upper + lower[::-1], closed=True)] if known else []


def curve_names(x: float, top: float, names: Iterable[str]) -> list[Markup]:
    """Return a legend of numbered colours, a line of it for each name."""
    marks = []
    for number, name in enumerate(shorten_apart(list(names), LONGEST_LABEL), 1):
        y = top + 14 + 22 * (number - 1)
        marks += [
            line(f"curve c{number}", x, y - 4, x + 20, y - 4),
            words("", x + 28, y, name),
        ]
    return marks


def dot(kind: str, x: Place, y: Place) -> Markup:
    """Return a filled circle."""
    return mark("circle", kind, cx=x, cy=y, r=4.5)


def words(kind: str, x: Place, y: Place, text: str) -> Markup:
    """Return a text whose baseline is at ``y``."""
    start = Markup('<text class="{}" x="{}" y="{}">').format(kind, _rounded(x), _rounded(y))
    return start + Markup("{}</text>").format(text)


def label(name: str) -> str:
    """Return a method's name, cut in the middle when it is too long for a diagram."""
    return shorten(name, LONGEST_LABEL)


def text_width(text: str) -> float:
    """Estimate the width of a text at 13 pixels; East Asian letters are twice as wide."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return LETTER * (len(text) + wide)


def label_width(names: Iterable[str]) -> float:
    """Estimate the room that the longest of some labels needs."""
    return round(max((text_width(label(name)) for name in names), default=0.0))


def bottom_axis(axis: Axis, left: float, width: float, top: float, bottom: float) -> list[Markup]:
    """Return the grid and the labels of a horizontal axis below a plot."""
    marks = []
    for tick, words_below in zip(axis.ticks, axis.labels(), strict=True):
        x = left + width * axis.at(tick) / 100
        marks += [
            line("grid", x, top, x, bottom),
            words("soft middle", x, bottom + 17, words_below),
        ]
    return marks


def _rounded(value: Place) -> Place:
    if isinstance(value, str):
        return value
    return int(value) if value == int(value) else round(value, 1)


@cache
def _light_style() -> Markup:
    """The rules of drawings with the colours of a light page in place of their names."""
    page, rules = (
        files("gengap.report").joinpath(name).read_text(encoding="utf-8")
        for name in ("style.css", "drawing.css")
    )
    light = page.split("{", 1)[1].split("}", 1)[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", light))
    return Markup(re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], rules))
