"""Which methods nothing betters for as little, by hand."""

import re
from itertools import pairwise

from summary_builders import method_row, small_summary

from gengap.report import render_html, render_markdown
from gengap.report.figures.frontier import PANELS, frontier, spending_drawing
from gengap.report.numerals import Numerals
from gengap.report.reading import Row


def test_the_frontier_of_costs_falls_and_of_scores_rises():
    places = [(1, 5.0), (1, 4.0), (2, 4.5), (3, 2.0), (4, 2.0), (5, 1.0)]
    assert frontier(places) == [(1, 4.0), (3, 2.0), (5, 1.0)]
    assert frontier(places, larger_is_better=True) == [(1, 5.0)]


def row(number, training, answer, cost):
    return Row(number=number, training=training, answer=answer, cost_of_unseen=cost)


def test_every_method_is_drawn_with_its_number_and_one_without_a_cost_is_not():
    rows = [row(1, 300, 1, 0.04), row(2, 300, 3, 0.02), row(777, 600, 1, None)]
    drawing = spending_drawing(
        Numerals(True, 1), rows, "cost_of_unseen", "cost", larger_is_better=False
    )
    text = str(drawing.inline())
    assert text.count("<circle") == 4  # two methods in two panels
    assert ">777</text>" not in text
    assert (
        spending_drawing(Numerals(True, 1), rows[:1], "answer", "", larger_is_better=True) is None
    )


def test_an_axis_of_passes_always_has_two_numbers():
    rows = [row(1, 900, 1, 0.04), row(2, 1800, 1, 0.02)]
    drawing = spending_drawing(
        Numerals(True, 1), rows, "cost_of_unseen", "cost", larger_is_better=False
    )
    text = str(drawing.inline())
    assert text.count(">1,000</text>") == text.count(">1,500</text>") == 1


def test_numbers_of_methods_on_each_other_stay_apart_and_inside_their_panel():
    rows = [row(k, 900 if k < 5 else 1800, 1, 0.02) for k in range(1, 12)]
    drawing = spending_drawing(
        Numerals(True, 1), rows, "cost_of_unseen", "cost", larger_is_better=False
    )
    found = [
        (int(text), float(x))
        for x, text in re.findall(r'class="clear" x="([\d.]+)" y="[\d.]+">(\d+)<', drawing.inline())
    ]
    first, second = found[:11], found[11:]
    assert sorted(number for number, _ in first) == list(range(1, 12))
    for panel, (left, width) in ((first, PANELS[0]), (second, PANELS[1])):
        places = sorted(x for _, x in panel)
        assert all(after - before >= 13 for before, after in pairwise(places))
        assert left <= places[0] < places[-1] <= left + width - 16


def test_a_line_is_spoken_of_only_where_it_is_drawn():
    summary = small_summary(methods=[method_row(), method_row("sam")])
    summary["spending"] = [
        {"method": name, "training": passes, "forwards": 1.0, "backwards": 0.0}
        for name, passes in (("erm", 20.0), ("sam", 40.0))
    ]
    assert "the line joins" in render_html(summary)
    assert "the line joins" not in render_markdown(summary)
    assert "What it took" in render_markdown(summary)
    for row in summary["spending"]:
        row["training"] = 0.0  # which a logarithmic axis has no place for
    assert "the line joins" not in render_html(summary)
