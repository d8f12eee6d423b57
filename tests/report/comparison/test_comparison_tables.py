"""The tables: against the scores themselves."""

from __future__ import annotations

import numpy as np
import pytest
from comparison_builders import METHODS, bare, scores, small, table, without_numbers
from scipy import stats

from gengap.questions.comparison.summary import summarise
from gengap.report.comparison_reading import digits, verdict
from gengap.report.numerals import share as share_text
from gengap.report.tables import comparison as tables


def column(made, label):
    heads = [head.label for head in made.columns]
    return [row[heads.index(label)] for row in made.rows]


def test_methods_stand_in_the_order_of_their_means_with_iqm_rank_and_verdict():
    summary = small()
    made = tables.methods_table(summary, digits(summary))
    assert [cell.text for cell in column(made, "Method")] == ["small", "large", "tuned", "plain"]
    values = scores()[::-1]
    assert [float(cell.text) for cell in column(made, "Mean")] == pytest.approx(
        values.mean((1, 2)), abs=6e-4
    )
    trimmed = [stats.trim_mean(rows, 0.25, axis=None) for rows in values]
    assert [float(cell.text) for cell in column(made, "Interquartile mean")] == pytest.approx(
        trimmed, abs=6e-4
    )
    ranks = stats.rankdata(-values.mean(2), axis=0).mean(1)
    assert [float(cell.text) for cell in column(made, "Average rank")] == pytest.approx(
        ranks, abs=6e-3
    )
    verdicts = column(made, "Verdict")
    assert [cell.text for cell in verdicts] == ["itself", "worse", "worse", "worse"]


def test_only_what_could_be_had_has_a_column():
    heads = [head.label for head in tables.methods_table(bare(), digits(bare())).columns]
    assert "Average rank" not in heads
    losses = small(higher_is_better=False)
    heads = [head.label for head in tables.methods_table(losses, digits(losses)).columns]
    assert "Optimality gap" not in heads  # there is no target for scores beyond 1


def test_pairs_are_split_into_those_with_the_leader_and_the_rest():
    summary = small()
    first, rest = tables.pairs_tables(summary, digits(summary))
    assert [row[0].text for row in first.rows] == ["large", "tuned", "plain"]
    assert first.columns[0].label == "Leader against"
    assert [(row[0].text, row[1].text) for row in rest.rows] == [
        ("large", "tuned"),
        ("large", "plain"),
        ("tuned", "plain"),
    ]
    means = scores().mean((1, 2))
    shown = [float(cell.text) for cell in column(rest, "Difference")]
    expected = [means[2] - means[1], means[2] - means[0], means[1] - means[0]]
    assert shown == pytest.approx(expected, abs=6e-4)
    assert {cell.text for cell in column(rest, "The first is")} == {"better"}


def test_with_a_baseline_there_are_no_other_pairs():
    summary = small("plain")
    first, rest = tables.pairs_tables(summary, digits(summary))
    assert rest is None
    assert [row[0].text for row in first.rows] == ["small", "large", "tuned"]
    assert all(cell.text.startswith("+") for cell in column(first, "Difference"))


def test_of_losses_the_heading_says_that_less_is_better():
    summary = small("plain", higher_is_better=False)
    first, _ = tables.pairs_tables(summary, digits(summary))
    (head,) = (head for head in first.columns if head.label == "Difference")
    assert head.note == "− favours the method"
    assert all(cell.text.startswith("-") for cell in column(first, "Difference"))
    assert {cell.kind for cell in column(first, "The method is")} == {"better"}


def test_equivalence_is_a_verdict_only_where_no_difference_was_shown():
    row = {"verdict": "no clear difference", "equivalent": True}
    assert verdict(row) == ("equivalent", "undecided")
    assert verdict(row | {"verdict": "second is better"}) == ("worse", "worse")
    assert verdict({"verdict": "no clear difference"})[0] == "no clear difference"


def test_the_best_of_each_environment_is_marked_unless_all_are():
    values = np.array([[[0.5], [0.9], [0.7]], [[0.6], [0.9], [0.2]]])
    summary = summarise(table(values, ("a", "b")), replicates=100)
    made = tables.environments_table(summary, digits(summary))
    heads = [head.label for head in made.columns]
    marked = [{h for h, cell in zip(heads, row, strict=True) if cell.kind} for row in made.rows]
    assert marked == [{"b"}, set(), {"a"}]


def test_rankings_show_ranks_and_mark_the_first():
    made = tables.rankings_table(small())
    first = made.rows[0]
    assert (first[0].text, first[1].text, first[1].kind) == ("small", "1", "best")
    assert [row[1].kind for row in made.rows[1:]] == ["", "", ""]
    assert tables.rankings_table(without_numbers()) is None


def test_numbers_that_are_missing_are_said_to_be():
    summary = without_numbers()
    number = digits(summary)
    first, rest = tables.pairs_tables(summary, number)
    assert {cell.text for cell in column(first, "Difference")} == {"n/a"}
    assert {cell.text for cell in column(rest, "p")} == {"n/a"}
    assert {row[1].text for row in tables.environments_table(summary, number).rows} == {"n/a"}


def test_each_heading_says_for_which_environments_its_limits_are():
    notes = {c.label: [] for c in tables.methods_table(small(), digits(small())).columns}
    for head in tables.methods_table(small(), digits(small())).columns:
        notes[head.label].append(head.note)
    assert notes["Mean"] == ["these environments", "environments like these"]
    assert notes["Best?"] == ["confidence, ranks"]
    assert notes["Against the leader"] == ["difference; environments like these; Holm's level"]
    few = summarise(table(scores(3, 2, 4), METHODS[:3]), replicates=100)
    assert {row["unit"] for row in few["pairs"]} == {"seed"}
    heads = {c.label: c.note for c in tables.methods_table(few, digits(few)).columns}
    assert heads["Against the leader"] == "difference; these environments; Holm's level"


def test_equivalence_is_shown_as_it_was_judged():
    values = scores() - 0.02 * np.arange(4)[:, None, None]
    summary = summarise(table(values), replicates=100, margin=0.01)
    own = {row["first"]: row for row in summary["pairs"] if row["second"] == "small"}
    own |= {row["second"]: row for row in summary["pairs"] if row["first"] == "small"}
    summary["methods"].sort(key=lambda row: row["method"] != "small")
    first, _ = tables.pairs_tables(summary, digits(summary))
    for row, cell in zip(first.rows, column(first, "Equivalence"), strict=True):
        pair = own[row[0].text]
        assert pair["equivalence_adjusted_p"] > pair["equivalence_p"]
        assert cell.sort == pair["equivalence_adjusted_p"]


def test_long_names_are_cut_alike_in_every_table():
    names = [f"{name} " + 30 * "long " + "end" for name in METHODS]
    places = tuple(f"{k} {names[0]}" for k in range(8))
    summary = summarise(table(scores(), names, environments=places), replicates=100)
    number = digits(summary)
    first, rest = tables.pairs_tables(summary, number)
    cells = tables.environments_table(summary, number)
    methods = {row[0].text for row in tables.methods_table(summary, number).rows}
    assert len(methods) == 4
    assert {len(name) for name in methods} == {60}
    assert {row[0].text for row in tables.rankings_table(summary).rows} == methods
    assert {head.label for head in cells.columns[1:]} == methods
    assert {len(row[0].text) for row in cells.rows} == {60}
    assert {row[0].text for row in (*first.rows, *rest.rows)} <= methods


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "n/a"), (0, "0%"), (0.004, "<1%"), (0.126, "13%"), (0.996, ">99%"), (1, "100%")],
)
def test_shares_are_nothing_or_everything_only_where_they_are(share, text):
    assert share_text(share) == text
