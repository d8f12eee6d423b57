"""The table in the terminal: it fits, and says how each method did against the leader."""

from __future__ import annotations

import io

import pytest
from comparison_builders import METHODS, bare, scores, small, table, without_numbers
from rich.console import Console

from gengap.questions.comparison.summary import summarise
from gengap.report import comparison
from gengap.report.comparison_reading import digits
from gengap.report.console import show
from gengap.report.tables import comparison as tables


def printed(summary, width=80):
    stream = io.StringIO()
    show(comparison.terminal(summary), Console(file=stream, width=width))
    lines = stream.getvalue().splitlines()
    return lines[next(k for k, line in enumerate(lines) if line.startswith("method ")) :]


def long_names():
    names = [f"{name} with a name that goes on and on" for name in METHODS]
    return summarise(table(scores(), names), replicates=100)


@pytest.mark.parametrize(
    "summary",
    [small(), small("plain"), bare(), without_numbers(), long_names()],
    ids=["small", "baseline", "bare", "without numbers", "long names"],
)
def test_it_fits_in_eighty_columns_and_cuts_nothing(summary):
    lines = printed(summary)
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert all(
        word in "\n".join(lines) for row in summary["methods"] for word in row["method"].split()
    )


def test_each_method_has_its_mean_its_rank_and_its_verdict():
    lines = printed(small())
    assert lines[0].split() == ["method", "mean", "IQM", "rank", "best?", "vs", "leader"]
    rows = [line.split() for line in lines[2:6]]
    assert [row[0] for row in rows] == ["small", "large", "tuned", "plain"]
    assert rows[0][-1] == "itself"
    assert all(row[-1] == "worse" and row[-2].startswith("-") for row in rows[1:])
    mean = float(rows[0][1])
    assert mean == pytest.approx(scores()[3].mean(), abs=6e-4)


def test_long_names_take_the_place_of_the_lesser_columns():
    head = printed(long_names())[0]
    assert "IQM" not in head
    assert "mean" in head
    assert "vs leader" in head


def test_markup_in_names_is_printed_as_it_is():
    summary = summarise(table(scores(), ("[red]a[/]", "b", "c", "d")), replicates=100)
    assert any("[red]a[/]" in line for line in printed(summary))


def test_more_methods_than_fit_are_counted():
    summary = summarise(table(scores(45, 3, 1), [f"m{k}" for k in range(45)]), replicates=100)
    assert "5 more methods in the report" in " ".join(" ".join(printed(summary)).split())


def test_a_share_of_wins_reads_as_on_the_page():
    summary = small()
    for row, share in zip(summary["methods"], (0.997, 0.002, 0.001, 0.0), strict=True):
        row["best_confidence"] = share
    shown = [next(w for w in line.split() if "%" in w) for line in printed(summary)[2:6]]
    made = tables.methods_table(summary, digits(summary))
    at = [head.label for head in made.columns].index("Best?")
    assert shown == [row[at].text for row in made.rows] == [">99%", "<1%", "<1%", "0%"]


def test_a_name_with_control_characters_keeps_to_its_line():
    names = ("two\nlines", "escape\x1b[31m", "tab\tbed", "return\r")
    lines = printed(summarise(table(scores(), names), replicates=100))
    for line, name in zip(
        lines[2:6], ("return", "tab bed", "escape [31m", "two lines"), strict=True
    ):
        assert line.startswith(f"{name} ")
