"""Both pages in a real browser: offline, sortable, narrow, and with words for every drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser
from summary_builders import stored_sample

from browser import running_browser, visit
from gengap.questions.comparison import ScoreTable
from gengap.questions.comparison.summary import summarise
from gengap.report import comparison, render_html

# Each svg is hidden from assistive technology or has a name and a description of its own.
UNSPOKEN = """svgs => svgs.filter(svg => svg.getAttribute("aria-hidden") !== "true" && !(
    svg.getAttribute("role") === "img" && svg.querySelector("title")?.textContent &&
    svg.querySelector("desc")?.textContent && svg.getAttribute("aria-labelledby").split(" ")
        .every(id => svg.querySelector(`#${CSS.escape(id)}`)))).length"""
# Texts of a drawing that reach out of it.
OUTSIDE = """svgs => svgs.flatMap(svg => [...svg.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect(), frame = svg.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
}).map(text => text.textContent))"""
# Pairs of texts of a drawing that lie on each other.
OVERLAPPING = """svgs => svgs.flatMap(svg => {
    const boxes = [...svg.querySelectorAll("text")].map(t => [t, t.getBoundingClientRect()]);
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
        a.top + 3 < b.bottom - 3 && b.top + 3 < a.bottom - 3;
    return boxes.flatMap(([t, a], k) => boxes.slice(k + 1).filter(([, b]) => meet(a, b))
        .map(([u]) => `${t.textContent} / ${u.textContent}`));
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as started:
        yield started


def compared(methods: int, environments: int, runs: int, **options) -> dict:
    rng = np.random.default_rng(3)
    shape = (methods, environments, runs)
    scores = 0.8 - 0.01 * np.arange(methods)[:, None, None] + rng.normal(0, 0.02, shape)
    if options.get("higher_is_better") is False:
        scores[1, 0] = np.nan
    names = [
        tuple(f"{kind} with quite a long name {k}" for k in range(n))
        for kind, n in (("method", methods), ("place", environments), ("seed", runs))
    ]
    baseline = names[0][0] if options.get("higher_is_better") is False else None
    table = ScoreTable(scores, *names, **options)
    return summarise(table, replicates=100, baseline=baseline)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "study": render_html(stored_sample()),
        "comparison": render_html(compared(8, 12, 3)),
        "many": render_html(compared(20, 6, 2, crossed=False)),
        "tiny": render_html(compared(2, 1, 3)),
        "losses": render_html(compared(4, 6, 2, higher_is_better=False)),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


NAMES = ("study", "comparison", "many", "tiny", "losses")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_phone_and_says_nothing_to_the_console(browser, pages, name):
    with visit(browser, pages[name], width=390) as visited:
        visited.page.eval_on_selector_all("details", "all => all.forEach(d => { d.open = true; })")
        assert visited.width() <= 390
        assert visited.said == []
        assert visited.requested == [pages[name].as_uri()]
        # The style was admitted by the page's own policy: the body's margin is no longer 8 pixels.
        assert visited.page.evaluate("getComputedStyle(document.body).margin") == "0px"


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_has_words_and_its_texts_keep_apart(browser, pages, name):
    with visit(browser, pages[name]) as visited:
        assert visited.page.locator("svg").count() > 3
        assert visited.page.eval_on_selector_all("svg", UNSPOKEN) == 0
        assert visited.page.eval_on_selector_all("svg.drawing", OUTSIDE) == []
        assert visited.page.eval_on_selector_all("svg.drawing", OVERLAPPING) == []


@pytest.mark.parametrize("name", ["study", "comparison"])
def test_a_heading_sorts_its_table(browser, pages, name):
    with visit(browser, pages[name]) as visited:
        table = visited.page.locator("table.sortable").first
        button = table.locator("thead th").nth(1).locator("button")

        def values() -> list[float]:
            texts = table.locator("tbody tr td:nth-child(2)").all_inner_texts()
            return [float(text.split()[0]) for text in texts]

        before = values()
        for way in ("descending", "ascending"):
            button.click()
            assert table.locator("thead th").nth(1).get_attribute("aria-sort") == way
            assert values() == sorted(before, reverse=way == "descending")
        assert len(set(before)) > 2


def test_p_values_sort_by_size_though_the_smallest_are_printed_as_a_bound(browser, pages):
    with visit(browser, pages["many"]) as visited:
        table = visited.page.get_by_role("table", name="Pairs with")
        heading = table.locator("thead th").nth(2)
        for _ in range(2):
            heading.locator("button").click()
        shown = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        assert shown[0] == "<0.001"
        exact = [float(text) for text in shown if not text.startswith("<")]
        assert exact == sorted(exact)
        assert exact


def test_dark_and_light_screens_get_their_own_colours(browser, pages):
    colours = {}
    for scheme in ("light", "dark"):
        with visit(browser, pages["comparison"], scheme=scheme) as visited:
            colours[scheme] = visited.page.evaluate(
                """[getComputedStyle(document.body).backgroundColor,
                getComputedStyle(document.querySelector(".drawing text")).fill]"""
            )
    assert colours["light"][0] == "rgb(255, 255, 255)"
    assert all(colours["light"][k] != colours["dark"][k] for k in (0, 1))


def test_a_drawing_by_itself_renders_on_white_in_the_light_colours(browser, tmp_path):
    for name, text in comparison.drawings(compared(8, 12, 3)).items():
        path = tmp_path / f"{name}.svg"
        path.write_text(text, encoding="utf-8")
        with visit(browser, path, scheme="dark") as visited:
            assert visited.said == []
            fills = [
                visited.page.evaluate(f"getComputedStyle(document.querySelector('{what}')).fill")
                for what in (".ground", "text:not(.soft)")
            ]
            assert fills == ["rgb(255, 255, 255)", "rgb(27, 31, 36)"]
            assert visited.page.eval_on_selector_all("svg", OUTSIDE) == []


HIDDEN = """cells => cells.filter(cell => cell.textContent && (cell.offsetParent === null ||
    cell.getBoundingClientRect().right > document.documentElement.clientWidth)).length"""


@pytest.mark.parametrize("width", [390, 1280])
def test_figures_keep_their_intervals(pages, browser: Browser, width: int):
    with visit(browser, pages["study"], width=width) as visited:
        assert visited.page.locator(".block .value small").count() > 0
        assert visited.page.eval_on_selector_all(".block .value small", HIDDEN) == 0
