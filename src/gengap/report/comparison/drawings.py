"""All drawings of a comparison, in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gengap.report.comparison.diagram import critical_difference_diagram
from gengap.report.comparison.drawing import Drawing
from gengap.report.comparison.improvement import improvement_drawing
from gengap.report.comparison.intervals import intervals_drawing
from gengap.report.comparison.profiles import profiles_drawing
from gengap.report.comparison.rank_changes import rank_changes_drawing
from gengap.report.comparison.reading import Summary, digits, read


def figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of SVG files by name.

    ``intervals`` is always there; ``critical-difference``, ``improvement``, ``profiles`` and
    ``rank-stability`` are as far as the scores allow.

    Raises:
        UsageError: ``summary`` is not what ``compare.json`` holds.
    """
    checked = read(summary)
    number = digits(checked, typeset=True)
    drawn = [intervals_drawing(checked, number), *drawings(checked)]
    return {drawing.name: drawing.standalone() for drawing in drawn}


def drawings(summary: Summary) -> list[Drawing]:
    """Return the drawings that a page shows as they are in the files."""
    found = (
        critical_difference_diagram(summary),
        improvement_drawing(summary),
        profiles_drawing(summary),
        rank_changes_drawing(summary),
    )
    return [drawing for drawing in found if drawing is not None]
