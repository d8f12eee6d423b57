"""The table in the terminal."""

from itertools import pairwise

import pytest
from rich.console import Console
from summary_builders import ODD_NAMES, method_row, small_summary, stored_sample

from gengap.report import study
from gengap.report.console import show


def printed(summary, width=80):
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        show(study.terminal(summary), console)
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_and_shows_every_method(width):
    text = printed(stored_sample(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for start in ("erm", "coral", "irm", "sklearn:Logis"):
        assert any(line.strip().startswith(start) for line in text.splitlines())


def test_the_row_of_a_method():
    rival = method_row("coral", difference_from_baseline=0.008, verdict="better", score_unseen=0.92)
    lines = printed(small_summary([method_row(), rival]), 100).splitlines()
    [row] = [line.split() for line in lines if "coral" in line]
    assert " ".join(row) == "coral 95.3 92.0 2.1 (0.6 to 3.6) -1.5 to 5.6 +0.8 better"
    [plain] = [line.split() for line in lines if line.strip().startswith("erm")]
    assert plain[-1] == "itself"


def test_names_are_not_read_as_markup():
    text = printed(small_summary([method_row(name) for name in ODD_NAMES]))
    assert "[red]markup[/red]" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_plain_text_needs_no_unicode_minus():
    assert "−" not in printed(stored_sample())


def test_what_was_not_measured_for_any_method_takes_no_room():
    rows = [method_row(name, new_environment_low=None) for name in ("erm", "a" * 30)]
    text = printed(small_summary(rows))
    assert "one new one" not in text
    assert "a" * 30 in text
    assert "one new one" in printed(small_summary([method_row()]))


def test_long_names_break_where_their_words_do():
    names = ("sklearn:HistGradientBoostingRegressor", "digits-writers-shuffled-and-turned")
    told = {"difference_from_erm": 0.008, "verdict": "better than plain training"}
    text = printed(small_summary([method_row(name, **told) for name in names]))
    starts = [line.split()[0] for line in text.splitlines() if line.strip()]
    broken = [[word for word in starts if word in name and word != name] for name in names]
    assert ["".join(parts) for parts in broken] == list(names)
    for before, after in [pair for parts in broken for pair in pairwise(parts)]:
        assert before[-1] in ":-" or after[0].isupper()


def test_seen_is_explained():
    assert "seen: in distribution" in " ".join(printed(stored_sample()).split())
