"""The page and its Markdown twin: escaped, self-contained, small, complete."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from comparison_builders import METHODS, bare, scores, small, table, without_numbers

from gengap.base.errors import UsageError
from gengap.questions.comparison.summary import summarise
from gengap.report import render_html, render_markdown

ODD = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "' onmouseover='x\" y",
    "a|b`c*d_e[f](g) {{ 7 * 7 }}",
)
VOID = {"meta", "wbr", "br"}


class Page(HTMLParser):
    """Checks that tags close in order; collects tags and attributes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def odd():
    made = table(scores(), ODD, environments=tuple(f"{ODD[0]}{k}" for k in range(8)))
    return summarise(made, replicates=100, command="gengap compare '<b>.csv'")


SUMMARIES = {
    "small": small(),
    "baseline": small("plain"),
    "losses": small(higher_is_better=False),
    "bare": bare(),
    "odd": odd(),
    "without numbers": without_numbers(),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_page_is_well_formed_and_fetches_nothing(name):
    summary = SUMMARIES[name]
    before = copy.deepcopy(summary)
    text = render_html(summary)
    page = Page(text)
    assert summary == before
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not {"img", "link", "iframe", "object", "form"} & set(page.tags)
    for tag, attribute, value in page.attributes:
        assert not attribute.startswith("on"), (tag, attribute)
        assert attribute not in ("src", "action", "style"), (tag, attribute)
        assert attribute != "href" or value.startswith("#")
    ids = [value for _, attribute, value in page.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    assert summary["answer"] in page.text
    assert all(sentence in page.text for sentence in summary["findings"])
    assert "None" not in page.text
    assert "nan" not in page.text.split()


def test_the_policy_admits_exactly_the_pages_own_style_and_script():
    text = render_html(small())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    for kind in ("style", "script"):
        content = re.search(f"<{kind}>(.*?)</{kind}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_a_comparison_read_back_from_its_file_gives_the_same_page():
    summary = small()
    assert render_html(json.loads(json.dumps(summary))) == render_html(summary)


def test_many_pairs_and_scores_are_folded_and_few_are_not():
    assert "<details" not in render_html(small())
    many = summarise(table(scores(8, 16, 1), [f"m{k}" for k in range(8)]), replicates=100)
    text = render_html(many)
    assert "<summary>All other pairs <small>21</small></summary>" in text
    assert "<small>16 × 8</small>" in text


def test_twenty_methods_in_fifty_environments_stay_below_a_megabyte():
    names = [f"a method with a rather long name, number {k}" for k in range(20)]
    summary = summarise(table(scores(20, 50, 2), names), replicates=100)
    assert len(render_html(summary).encode()) < 1_000_000


def test_what_does_not_fit_is_said_to_be_missing():
    summary = summarise(table(scores(30, 3, 1), [f"m{k}" for k in range(30)]), replicates=100)
    text = render_html(summary)
    assert "diagrams show the first 24 of 30 methods" in text
    assert "the table of other pairs shows 300 of 406" in text
    assert "diagrams" not in render_markdown(summary)


@pytest.mark.parametrize("name", SUMMARIES)
def test_markdown_tables_have_as_many_cells_in_every_row(name):
    text = render_markdown(SUMMARIES[name])
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert len(blocks) >= 3
    for block in blocks:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1
    assert "<script" not in text
    assert "<img" not in text


def test_small_p_values_stay_readable_in_markdown():
    assert "| <0.001 |" in render_markdown(small())


def test_where_cells_are_missing_the_order_is_explained():
    values = scores()
    values[0, 0] = np.nan
    text = render_html(summarise(table(values), replicates=100))
    assert "which allows for missing cells" in text
    assert "which allows for missing cells" not in render_html(small())


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_what_verdicts_and_limits_rest_on_is_said(render):
    def said(summary):
        return Page(render(summary)).text

    values = scores()
    plain = said(summarise(table(values), replicates=100, margin=0.01))
    assert "exclude 0 exactly where the verdict names a winner" in plain
    assert "taken together hold less often than 95%" in plain
    assert "put the difference within ±0.01" in plain
    assert "each heading says for which environments" in plain
    unbounded = summarise(table(100 * values), replicates=100)
    assert unbounded["comparison"]["margin"] is None
    assert "one-sided" not in said(unbounded)
    alone = said(summarise(table(values[:2], METHODS[:2]), replicates=100))
    assert "taken together" not in alone


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_names_with_control_characters_keep_to_their_line(render):
    names = ("two\nlines", "escape\x1b[31m", "tab\tbed", "last\r\n- one")
    summary = summarise(table(scores(), names), replicates=100)
    text = render(summary)
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)
    assert "two lines" in text
    assert "last - one" in text
    if render is render_markdown:
        lines = text[text.index("\n- ") : text.index("## Methods")].strip().splitlines()
        assert len(lines) == len(summary["findings"])
        assert all(line.startswith("- ") for line in lines)


def test_a_diagram_that_leaves_methods_out_says_so_beside_it():
    names = [f"m{k}" for k in range(40)]
    text = render_html(summarise(table(scores(40, 6, 1), names), replicates=100))
    for heading in ("Average ranks", "Probability of improvement", "Rankings by rule"):
        section = text[text.index(f"<h2>{heading}</h2>") :]
        section = section[: section.index("</section>")]
        assert "The first 24 of 40 methods are drawn." in section, heading
    assert "are drawn." not in render_html(small())


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_anything_else_is_refused(render):
    with pytest.raises(UsageError, match=r"not what compare\.json holds"):
        render({"comparison": {}})
