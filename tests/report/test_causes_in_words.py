"""Causes in words: what is said where parts are nothing but each other's."""

from __future__ import annotations

from dataclasses import replace

from gengap.questions.diagnosis.decomposition import Cause, Causes, Decomposition
from gengap.report.explanation.decomposition import sentences
from gengap.statistics.intervals import Interval


def decomposition(inputs: float, relation: float, p: float = 1.0) -> Decomposition:
    """Of two environments alike, whose gap is what the two parts add up to."""

    def cause(name: str, estimate: float) -> Cause:
        around = Interval(estimate, estimate - 0.1, estimate + 0.1)
        return Cause(name, around, around, Interval(0.0, 0.0, 0.0), p)

    parts = (cause("inputs", inputs), cause("relation", relation), cause("noise", 0.0))
    gap = inputs + relation
    rows = [
        Causes(name, parts, gap, gap, 0.0, 0.0, 0.9, 0.09, 1.0, 0.5, 0.4, 0.1, 0.1)
        for name in ("", "a", "b")
    ]
    return Decomposition(
        "erm", "accuracy", "accuracy", True, rows[0], tuple(rows[1:]), 400, 400, None, "", ""
    )


def said(inputs: float, relation: float, p: float = 1.0) -> str:
    return " ".join(sentences(decomposition(inputs, relation, p)))


def test_parts_that_cancel_are_read_together() -> None:
    assert "overlap 9%" in said(0.06, -0.055)
    assert "read together, +0.5" in said(0.06, -0.055)


def test_parts_that_add_up_are_beyond_chance_or_are_next_to_nothing_stand_alone() -> None:
    for parts in ((0.06, 0.02), (0.06, -0.01), (0.06, -0.055, 0.001), (0.004, -0.004)):
        assert "read together" not in said(*parts)


def test_what_only_rounding_leaves_prints_as_nothing() -> None:
    found = decomposition(0.06, 0.02)
    found = replace(found, fraction=False, mean=_noisy(found.mean, 9.25e-18))
    assert "noise 0;" in " ".join(sentences(found))
    found = replace(found, mean=_noisy(found.mean, 9.25e-8))
    assert "noise +9.25e-08;" in " ".join(sentences(found))


def _noisy(row: Causes, noise: float) -> Causes:
    """The row with some noise in its gap."""
    around = Interval(noise, noise - 1, noise + 1)
    *others, own = row.causes
    return replace(row, causes=(*others, replace(own, gap=around)))
