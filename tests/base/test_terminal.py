"""Nothing that came from outside is obeyed by the terminal, or is markup or an emoji."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from gengap.base.terminal import say, terminal

HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b31m\x08\r:smile:[red]b[/]\u202e"
# What rich itself writes: colours and styles.
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def printed(draw) -> str:
    out = io.StringIO()
    draw(terminal(file=out, force_terminal=True, width=200))
    return STYLE.sub("", out.getvalue())


def table(text):
    made = Table()
    made.add_column(text)
    made.add_row(text)
    return made


@pytest.mark.parametrize(
    "draw",
    [
        lambda console: console.print(HOSTILE),
        lambda console: console.print(Text(HOSTILE)),
        lambda console: console.print(table(Text(HOSTILE))),
        lambda console: console.print(table(HOSTILE)),
        lambda console: say(console, HOSTILE, "note", "yellow"),
    ],
)
def test_hostile_names_are_shown_not_obeyed(draw):
    shown = printed(draw)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert ":smile:[red]b[/]" in shown


def test_a_sentence_stays_on_its_line_behind_its_label():
    assert printed(lambda console: say(console, "x " * 300, "note")).count("\n") == 1
    assert printed(lambda console: say(console, "b", "note", "red")) == "note b\n"
