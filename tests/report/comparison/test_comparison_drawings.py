"""The drawings: valid XML whose marks lie where the numbers say."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from comparison_builders import bare, scores, small, table, without_numbers

from gengap.questions.comparison.summary import summarise
from gengap.report.comparison import drawings as figures
from gengap.report.figures.drawing import label, text_width

SVG = "{http://www.w3.org/2000/svg}"
ODD = ("<script>alert(1)</script>", 'a"b&c', "مستشفى الملك", "two\nlines\x00")


def parsed(text):
    return ElementTree.fromstring(text)


def marks(drawing, tag, kind):
    return [mark for mark in drawing.iter(SVG + tag) if kind in mark.get("class", "").split()]


def numbers_of(mark, *names):
    return [float(mark.get(name)) for name in names]


def points(path):
    return [tuple(map(float, point.split())) for point in re.split("[MLz]", path.get("d")) if point]


@pytest.mark.parametrize(
    "summary",
    [small(), small("plain"), small(higher_is_better=False), bare(), without_numbers()],
    ids=["small", "baseline", "losses", "bare", "without numbers"],
)
def test_every_file_stands_alone_with_a_title_and_a_description(summary):
    found = figures(summary)
    assert "intervals" in found
    for name, text in found.items():
        drawing = parsed(text)
        assert drawing.get("role") == "img"
        assert drawing.find(SVG + "title").text
        assert len(drawing.find(SVG + "desc").text) > 30
        assert drawing.get("aria-labelledby") == f"{name}-t {name}-d"
        assert "var(" not in text
        assert "@import" not in text
        assert "url(" not in text
        assert not re.search(r"(?<!xmlns=\")https?://", text)
        assert "None" not in text
        assert "nan" not in text


def test_what_the_scores_do_not_allow_is_left_out():
    assert set(figures(small())) == {
        "intervals",
        "critical-difference",
        "improvement",
        "profiles",
        "rank-stability",
    }
    assert set(figures(without_numbers())) == {"intervals", "profiles"}
    assert "critical-difference" not in figures(bare())


def test_names_are_text_and_never_markup():
    summary = summarise(table(scores(), ODD), replicates=100)
    for text in figures(summary).values():
        drawing = parsed(text)
        assert not list(drawing.iter(SVG + "script"))
        said = [mark.text for mark in drawing.iter(SVG + "text")]
        assert label("<script>alert(1)</script>") in said
        assert "two lines" in said


def test_leaders_of_the_critical_difference_diagram_stand_at_the_average_ranks():
    summary = small()
    ranks = summary["ranks"]
    drawing = parsed(figures(summary)["critical-difference"])
    edges = [numbers_of(line, "x1", "x2", "y1", "y2") for line in marks(drawing, "line", "edge")]
    left, right, _, _ = edges[0]
    unit = (right - left) / (len(ranks["methods"]) - 1)
    stands = sorted(points(path)[0][0] for path in marks(drawing, "path", "thin"))
    expected = [left + unit * (rank - 1) for rank in ranks["average_ranks"]]
    assert stands == pytest.approx(sorted(expected), abs=0.1)
    (yardstick,) = (edge for edge in edges if edge[2] == edge[3] == 14)
    assert yardstick[1] - yardstick[0] == pytest.approx(unit * ranks["critical_difference"], abs=1)


def test_bars_join_exactly_the_groups_that_are_not_told_apart():
    values = np.repeat([0.9, 0.899, 0.5, 0.1], 9).reshape(4, 9, 1) + np.random.default_rng(
        0
    ).normal(0, 0.05, (4, 9, 1))
    summary = summarise(table(values), replicates=100)
    ranks = summary["ranks"]
    place = dict(zip(ranks["methods"], ranks["average_ranks"], strict=True))
    drawing = parsed(figures(summary)["critical-difference"])
    axis = numbers_of(marks(drawing, "line", "edge")[0], "x1", "x2")
    unit = (axis[1] - axis[0]) / 3
    bars = sorted(numbers_of(bar, "x1", "x2") for bar in marks(drawing, "line", "group"))
    spans = [[place[name] for name in group] for group in ranks["groups"] if len(group) > 1]
    expected = sorted(
        [axis[0] + unit * (min(s) - 1) - 4, axis[0] + unit * (max(s) - 1) + 4] for s in spans
    )
    assert len(bars) >= 2
    np.testing.assert_allclose(bars, expected, atol=0.1)


def test_bars_that_go_on_past_the_last_method_drawn_end_in_arrows():
    summary = small()
    names = [f"m{k}" for k in range(40)]
    groups = [names[:3], names[10:30], names[20:26], names[30:]]
    summary["ranks"] |= {
        "methods": names,
        "average_ranks": [1.0 + k for k in range(40)],
        "groups": groups,
    }
    drawing = parsed(figures(summary)["critical-difference"])
    left, right = numbers_of(marks(drawing, "line", "edge")[0], "x1", "x2")
    unit = (right - left) / 23
    bars = sorted(numbers_of(bar, "x1", "x2") for bar in marks(drawing, "line", "group"))
    expected = [[1, 3], [11, 24], [21, 24]]
    np.testing.assert_allclose(
        bars,
        [[left + unit * (a - 1) - 4, left + unit * (b - 1) + 4] for a, b in expected],
        atol=0.1,
    )
    tips = [max(x for x, _ in points(arrow)) for arrow in marks(drawing, "path", "arrow")]
    assert len(tips) == 2
    assert min(tips) > right
    said = [mark.text for mark in drawing.iter(SVG + "text")]
    assert "first 24 of 40 methods; arrows: the bar goes on" in said
    assert "first 24 of 40 methods" in drawing.find(SVG + "desc").text
    whole = parsed(figures(small())["critical-difference"])
    assert not marks(whole, "path", "arrow")


def test_a_yardstick_longer_than_the_axis_is_said_in_words():
    summary = small()
    summary["ranks"]["critical_difference"] = 3.5
    drawing = parsed(figures(summary)["critical-difference"])
    said = [mark.text for mark in drawing.iter(SVG + "text")]
    assert "critical difference 3.50, wider than the axis" in said


def test_the_matrix_of_improvement_complements_itself_across_the_diagonal():
    summary = small()
    drawing = parsed(figures(summary)["improvement"])
    cells = marks(drawing, "text", "small")
    by_place = {tuple(numbers_of(cell, "y", "x")): float(cell.text) for cell in cells}
    rows, columns = (sorted({place[k] for place in by_place}) for k in (0, 1))
    assert len(by_place) == 12
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            if i != j:
                total = by_place[y, x] + by_place[rows[j], columns[i]]
                assert total == pytest.approx(1, abs=0.011)
    values = scores()
    beats = (values[3][:, :, None] > values[2][:, None, :]).mean()
    assert by_place[rows[0], columns[1]] == pytest.approx(beats, abs=0.006)


def test_against_a_baseline_each_method_has_a_row():
    drawing = parsed(figures(small("plain"))["improvement"])
    said = [mark.text for mark in drawing.iter(SVG + "text")]
    assert said.count("small") == 1
    assert "plain" not in said
    assert len(marks(drawing, "circle", "dot")) == 3


def test_profiles_fall_from_everything_to_nothing_and_cross_half_at_the_median():
    summary = small()
    drawing = parsed(figures(summary)["profiles"])
    curves = marks(drawing, "path", "curve")
    assert len(curves) == 4
    grid = sorted({numbers_of(line, "y1")[0] for line in marks(drawing, "line", "grid")})
    top, bottom = grid[0], numbers_of(marks(drawing, "line", "zero")[0], "y1")[0]
    (best,) = (curve for curve in curves if "c1" in curve.get("class").split())
    line = points(best)
    assert all(first[1] <= second[1] for first, second in pairwise(line))
    thresholds, values = summary["profiles"]["thresholds"], scores()[3].ravel()
    for (_, y), threshold in zip(line, thresholds, strict=True):
        assert (bottom - y) / (bottom - top) == pytest.approx((values > threshold).mean(), abs=2e-3)


def test_ranks_by_rule_are_drawn_rule_by_rule():
    summary = small()
    drawing = parsed(figures(summary)["rank-stability"])
    dots = [mark for mark in marks(drawing, "circle", "mark") if "c1" in mark.get("class")]
    leader = summary["rankings"][0]["methods"][0]
    ranks = [ranking["ranks"][ranking["methods"].index(leader)] for ranking in summary["rankings"]]
    heights = [numbers_of(mark, "cy")[0] for mark in sorted(dots, key=lambda m: float(m.get("cx")))]
    assert len(heights) == len(summary["rankings"])
    np.testing.assert_allclose(np.diff(heights), 24 * np.diff(ranks), atol=0.1)


def test_wide_letters_take_twice_the_room():
    assert text_width("漢字") == 2 * text_width("ab")
