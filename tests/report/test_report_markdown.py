"""The text twin, rendered by an independent implementation of CommonMark with tables."""

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt
from summary_builders import ODD_NAMES, environment_row, method_row, small_summary, stored_sample

from gengap.report import answer, render_markdown
from gengap.report.text import clean


def tables(text):
    """Render Markdown and return each table as rows of cell texts."""
    page = MarkdownIt("commonmark").enable("table").render(text)
    found = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    return page, [
        [
            [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in found
    ]


def test_it_opens_with_the_answer():
    text = render_markdown(stored_sample())
    assert text.startswith("# digits by writer\n\n")
    assert f"**{answer(stored_sample())}**" in text


def test_the_methods_table_holds_the_numbers_rounded_by_hand():
    rival = method_row("coral", difference_from_baseline=0.008, verdict="no clear difference")
    _, found = tables(render_markdown(small_summary([method_row(), rival])))
    assert found[0][2][9:11] == ["+0.8", "no clear difference"]
    assert found[0][1] == [
        "erm (plain training)",
        "95.3",
        "91.2",
        "80.1 (writer 2)",
        "4.1",
        "2.0",
        "2.1 (0.6 to 3.6)",
        "-1.5 to 5.6",
        "1.2 to 3.0",
        "itself",
        "",
        "12 s",
    ]


def test_every_method_has_a_table_with_every_environment():
    sample = stored_sample()
    _, found = tables(render_markdown(sample))
    by_environment = [table for table in found if table[0][0] == "Environment"]
    assert len(by_environment) == len(sample["methods"])
    for table in by_environment:
        names = {row[0] for row in table[1:]}
        assert names == set(sample["study"]["environments"])


def test_odd_names_break_neither_tables_nor_text():
    summary = small_summary(
        methods=[method_row(), *(method_row(name) for name in ODD_NAMES)],
        environments=[environment_row(name) for name in ODD_NAMES],
        warnings=ODD_NAMES,
        command="run `x` | y",
    )
    page, found = tables(render_markdown(summary))
    assert not re.search("<(script|img|a|b|h4|em|del)[ >]", page)
    for table in found:
        assert len({len(row) for row in table}) == 1
    shown = [row[0] for row in found[1][1:]]
    assert sorted(shown) == sorted(clean(name) or "(no name)" for name in ODD_NAMES)
    assert "<code>run `x` | y</code>" in page


@pytest.mark.parametrize("higher", [True, False])
def test_terms_come_with_their_formulas(higher):
    text = render_markdown(small_summary(higher_is_better=higher))
    formula = "in distribution − unseen" if higher else "unseen − in distribution"
    assert f"- **gap**: {formula}" in text
