"""What a notebook shows of a finding."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import ClassVar

import numpy as np

import gengap as gg
from gengap.base.finding import Finding
from gengap.report import render_html


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_notebook_shows_the_report_in_a_frame_that_no_name_breaks_out_of() -> None:
    rng = np.random.default_rng(0)
    where = np.repeat(['"><script>alert(1)</script>', "b", "c"], 30)
    X = rng.normal(size=(90, 2))
    y = X[:, 0] + rng.normal(size=90)
    result = gg.measure("sklearn:Ridge", X, y, environment=where, seeds=1)
    tags = Tags()
    tags.feed(result._repr_html_())
    ((tag, attributes),) = tags.found
    assert tag == "iframe"
    assert attributes["srcdoc"] == render_html(result)
    assert attributes["sandbox"] == "allow-scripts"


def test_a_finding_without_a_page_shows_its_answer() -> None:
    @dataclass(frozen=True, repr=False)
    class Shift(Finding):
        kind: ClassVar[str] = "shift"

        @property
        def answer(self) -> str:
            return "p < 0.05"

    assert Shift()._repr_html_() == "<p>p &lt; 0.05</p>"
