"""The page on a phone: what scrolls shows it, names stay in view, and short intervals are seen."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from comparison_builders import scores, table
from PIL import Image
from playwright.sync_api import Page

from browser import running_browser, visit
from gengap.questions.comparison.summary import summarise
from gengap.report import render_html

NAMES = tuple(f"classifier number {k}" for k in range(8))
OVERFLOWING = """all => all.map((box, k) => [k, box.scrollWidth > box.clientWidth + 1])
    .filter(([, over]) => over).map(([k]) => k)"""
CUT = """all => all.filter(name => name.scrollHeight > name.clientHeight + 1 ||
    name.scrollWidth > name.clientWidth + 1).length"""


@pytest.fixture(scope="module")
def phone(tmp_path_factory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("phone") / "report.html"
    summary = summarise(table(scores(8, 8, 3), NAMES), replicates=100)
    path.write_text(render_html(summary), encoding="utf-8")
    with running_browser() as browser, visit(browser, path, width=390) as visited:
        yield visited.page


def edges(box) -> tuple[float, float]:
    """How dark the left and the right edge of a box are, in its top and empty pixels."""
    pixels = np.asarray(Image.open(io.BytesIO(box.screenshot())).convert("L"), dtype=float)
    return 255 - pixels[1:4, :3].mean(), 255 - pixels[1:4, -3:].mean()


def test_a_shadow_lies_at_the_edge_beyond_which_there_is_more(phone):
    boxes = phone.locator(".scroll:visible")
    wide = boxes.evaluate_all(OVERFLOWING)
    assert len(wide) >= 5
    for k in wide:
        box = boxes.nth(k)
        box.evaluate("box => { box.scrollLeft = 0; }")
        left, right = edges(box)
        assert left < 3 < 15 < right
        box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
        assert edges(box)[1] < 3
        box.evaluate("box => { box.scrollLeft = 0; }")


def test_what_fits_has_no_shadow(phone):
    phone.set_viewport_size({"width": 1400, "height": 900})
    try:
        box = phone.locator(".scroll:visible").first
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert max(edges(box)) < 3
    finally:
        phone.set_viewport_size({"width": 390, "height": 900})


def test_the_first_column_stays_in_view(phone):
    box = phone.locator(".scroll:has(table)").first
    box.evaluate("box => { box.scrollLeft = 200; }")
    frame, name = box.bounding_box(), box.locator("tbody th").first.bounding_box()
    box.evaluate("box => { box.scrollLeft = 0; }")
    assert name["x"] == pytest.approx(frame["x"], abs=1)


def test_names_and_short_intervals_are_whole(phone):
    figure = phone.locator("figure").first
    assert figure.locator(".name").evaluate_all(CUT) == 0
    mark, dot = figure.locator(".plot .interval").first, figure.locator(".plot .dot").first
    thickness = mark.evaluate("line => parseFloat(getComputedStyle(line).strokeWidth)")
    radius = dot.evaluate("dot => parseFloat(getComputedStyle(dot).r)")
    assert thickness > 2 * radius + 3
