"""Axes and marks, against positions worked by hand."""

import re

import pytest

from gengap.report.figures.axis import Axis, make_axis, nice_ticks
from gengap.report.figures.rows import Figure, FigureRow, interval_marks, pair_marks

TEN = Axis(0.0, 10.0, (0.0, 5.0, 10.0))


def test_positions_are_shares_of_the_range():
    assert [TEN.at(value) for value in (0.0, 2.5, 10.0, -3.0, 12.0)] == [0, 25, 100, 0, 100]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 10.0, (0, 2, 4, 6, 8, 10)),
        (-1.7, 7.1, (0, 2, 4, 6)),
        (-0.03, 0.031, (-0.02, 0.0, 0.02)),
        (91.05, 93.1, (91.5, 92.0, 92.5, 93.0)),
    ],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 12345.0, 1e12])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.3, 0.2), (5.0, 5.1), (-9.9, 99.0)])
def test_there_are_between_two_and_six_ticks_and_all_inside(low, high, scale):
    ticks = nice_ticks(low * scale, high * scale)
    assert 2 <= len(ticks) <= 6
    assert low * scale * (1 - 1e-9) <= ticks[0] or low < 0
    assert all(low * scale - 1e-9 * scale <= tick <= high * scale * (1 + 1e-9) for tick in ticks)


def test_tick_labels_have_the_digits_of_the_step():
    assert Axis(0, 1, (-0.5, 0.0, 0.5)).labels() == ["−0.5", "0.0", "0.5"]
    assert Axis(0, 1, (0.0, 2000.0)).labels() == ["0", "2,000"]


def test_a_very_wide_interval_does_not_squeeze_the_estimates():
    axis = make_axis([0.0, 4.0], [-500.0, 6.0])
    # Two spans of 4 below the lowest estimate, all of the upper end, and 4% margin of 14.
    assert (axis.low, axis.high) == pytest.approx((-8.56, 6.56))


def test_what_ends_a_little_further_is_shown_whole():
    axis = make_axis([0.0, 4.0], [-15.0, 6.0])
    assert (axis.low, axis.high) == pytest.approx((-15.84, 6.84))  # 4% margin of 21


@pytest.mark.parametrize("values", [[], [0.0], [3.0, 3.0]])
def test_an_axis_exists_for_hardly_any_data(values):
    axis = make_axis(values)
    assert axis.low < axis.high
    assert axis.ticks


def test_an_interval_is_drawn_at_its_ends():
    svg = interval_marks(2.5, (1.0, 4.0), (0.0, 9.0))(TEN, 12.0)
    lines = re.findall(r'<line class="(\w+)" x1="([\d.]+)%" x2="([\d.]+)%"', svg)
    assert [(kind, float(a), float(b)) for kind, a, b in lines] == [
        ("wide", 0, 90),
        ("interval", 10, 40),
    ]
    assert float(re.search(r'cx="([\d.]+)%"', svg)[1]) == 25


def test_an_interval_that_leaves_the_axis_gets_an_arrowhead_on_that_side():
    assert re.findall(r"#to-\w+", interval_marks(5.0, (4.0, 11.0))(TEN, 0.0)) == ["#to-right"]
    assert re.findall(r"#to-\w+", interval_marks(5.0, (-1.0, 6.0))(TEN, 0.0)) == ["#to-left"]


def test_what_peeks_has_another_shape():
    svg = interval_marks(5.0, hollow=True)(TEN, 0.0)
    assert "#diamond" in svg
    assert "<circle" not in svg


def test_nothing_is_drawn_where_nothing_was_measured():
    assert interval_marks(None, (1.0, 2.0))(TEN, 0.0) == ""
    assert pair_marks(None, None, None)(TEN, 0.0) == ""


def test_bars_grow_from_zero_to_either_side():
    svg = pair_marks(-2.0, 3.0, 1.0)(Axis(-5.0, 5.0, (0.0,)), 12.0)
    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)%" width="([\d.]+)%"', svg)
    assert [(kind, float(x), float(w)) for kind, x, w in bars] == [
        ("first", 30, 20),
        ("second", 50, 30),
    ]
    assert float(re.search(r'class="total" x1="([\d.]+)%"', svg)[1]) == 60


def test_long_figures_come_in_blocks_with_an_axis_each():
    rows = [FigureRow(f"e{k}", "1", interval_marks(1.0)) for k in range(45)]
    drawn = Figure("f", "title <b>", "description & more", "points", rows, TEN)
    assert [len(block.rows) for block in drawn.blocks] == [20, 20, 5]
    for block in drawn.blocks:
        assert block.svg.count("<text") == 3
        assert "<title" in block.svg
        assert "title &lt;b&gt;" in block.svg
        assert "description &amp; more" in block.svg
