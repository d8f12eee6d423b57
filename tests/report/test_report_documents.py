"""One document on a page, in a text and in a terminal; and what every finding has in common."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.base.finding import Finding
from gengap.base.terminal import terminal
from gengap.questions.shift import compare_tables
from gengap.report import answer, console, document, html, markdown
from gengap.report.document import (
    Bullets,
    Cell,
    Column,
    Folded,
    Heading,
    Note,
    Pairs,
    Table,
    section,
    settings,
    text_table,
)

BLOCKS = [
    "a paragraph & more",
    Note("a note"),
    Heading("a heading"),
    Bullets(["first <line>", "second line"]),
    Pairs([("term", "meaning", False), ("command", "a | b", True)]),
    text_table("caption", ("name", "score"), [("one", "1.5"), ("two", "2.5")]),
    Folded("folded", "detail", [text_table("inner", ("name", "score"), [("three", "3.5")])]),
]
MADE = document.document(
    "title", "about", "facts", ["The answer.", "A finding."], [section("part", *BLOCKS)], "the end"
)


def printed(blocks, width: int = 80) -> str:
    stream = io.StringIO()
    console.show(blocks, terminal(file=stream, width=width))
    return stream.getvalue()


def test_a_page_and_a_text_hold_the_same_words():
    page, text = html.render_document(MADE), markdown.render_document(MADE)
    for words in ("title", "The answer.", "A finding.", "part", "a note", "a heading", "the end"):
        assert words in page
        assert words in text
    for name, number in (("one", "1.5"), ("two", "2.5"), ("three", "3.5")):
        assert f"| {name} | {number} |" in text
        assert re.search(f"<bdi>{name}</bdi></th><td>{number}</td>", page)
    assert "<li><bdi>first &lt;line&gt;</bdi></li>" in page
    assert "- first &lt;line&gt;\n- second line" in text
    assert "<dt>command</dt><dd><code>a | b</code></dd>" in page
    assert "- **command**: `a | b`" in text


def test_a_terminal_shows_names_as_they_are():
    said = printed(["[red]no markup[/red] :smile:", *BLOCKS[1:4], BLOCKS[5]])
    assert "[red]no markup[/red] :smile:" in said
    assert "- first <line>" in said
    assert [line.split() for line in said.splitlines() if line.startswith("two")] == [
        ["two", "2.5"]
    ]


def test_sections_that_say_nothing_are_left_out():
    assert section("empty", "", None, Bullets([]), text_table("none", ("a",), [])) is None
    made = section("full", "", "words", None)
    assert made is not None
    assert made.blocks == ("words",)


def test_settings_that_were_not_given_are_left_out():
    told = settings({"command": "x", "margin": "", "runs": "n/a", "seed": None, "level": "0.95"})
    assert told.rows == [("command", "x", True), ("level", "0.95", False)]


@pytest.mark.parametrize("length", [5, 40, 75])
def test_long_names_take_the_room_of_columns_that_can_be_spared(length):
    columns = (Column("name", numeric=False), Column("spare", spare=True), Column("kept"))
    cells = (Cell("n" * length), Cell("s" * 12), Cell("k" * 20, "detail"))
    lines = printed([Table("table", columns, (cells,))]).splitlines()
    assert max(map(len, lines)) <= 80
    assert ("spare" in lines[0]) == (length + 12 + len(cells[2].line) + 3 <= 80)
    assert cells[2].line in "\n".join(lines)
    assert "".join(re.findall("n+", "".join(line[:52] for line in lines[2:]))) == "n" * length


def test_a_column_that_says_nothing_is_not_printed():
    said = printed([text_table("table", ("name", "nothing", "score"), [("a", "", "1")])])
    assert "nothing" not in said
    assert "score" in said


@dataclass(frozen=True, repr=False)
class Found(Finding):
    """A finding whose report is that of shift tests."""

    kind: ClassVar[str] = "shift"
    value: float = float("nan")
    _hidden: int = field(default=1)


def test_a_finding_has_its_words_its_numbers_and_its_files(tmp_path):
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.normal(shift, 1, (60, 2)), columns=list("ab")) for shift in (0, 3)]
    found = compare_tables(*tables)
    assert repr(found) == found.answer == answer(found)
    assert found.answer.startswith("The new rows differ from the reference (p ")
    summary = json.loads(json.dumps(found.summary, allow_nan=False))
    assert summary["answer"] == found.answer
    assert summary["shifted"] is True
    paths = found.save(tmp_path / "new")
    assert json.loads(paths["shift.json"].read_text()) == summary
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Cannot write"):
        found.save(tmp_path / "file" / "below")


def test_json_holds_no_number_that_is_none_and_nothing_hidden(monkeypatch):
    monkeypatch.setattr("gengap.report.shift.answer", lambda found: "words")
    assert Found().summary == {"answer": "words", "value": None}
