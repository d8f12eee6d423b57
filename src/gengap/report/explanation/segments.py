"""Segments of rows in words, and the table of those that were tested."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.questions.diagnosis.attributes import Condition
from gengap.questions.diagnosis.segments import Segment, Segments
from gengap.report.document import Note, Section, Table, text_table
from gengap.report.explanation.words import metric, name, numerals, plural, with_limits
from gengap.report.numerals import (
    Numerals,
    count,
    counted,
    p_equals,
    p_text,
    share,
    significant,
)
from gengap.report.text import many

SAID = 3
VALUES = {"cost": "cost of unseen", "loss": "loss"}


def rule_words(conditions: Sequence[Condition]) -> str:
    """A rule as it is read: ``age > 61 and ward = surgery``."""
    return " and ".join(_condition(c) for c in conditions)


def sentences(found: Segments) -> list[str]:
    """Where the cost and the loss concentrate, or that no segment was confirmed."""
    number = numerals(found.about)
    said = []
    for of, candidates in (("cost", found.cost), ("loss", found.loss)):
        sure = [s for s in candidates if s.confirmed]
        said += [_concentrates(found, of, segment, number) for segment in sure[:SAID]]
        if not sure:
            said.append(_none(found, of, candidates))
    if found.one_seed and any(s.confirmed for s in (*found.cost, *found.loss)):
        said.append(
            "One seed confirms these segments, so they are those of the models trained here; more "
            "seeds would tell whether others like them fail there too."
        )
    return said


def section(found: Segments) -> Section:
    """All candidates with their tests."""
    number = numerals(found.about)
    place = name(found.about.place)
    words = (
        f"Rules on {counted(found.columns, 'column')} in which the value is higher than in other "
        f"rows of the same {place}: {count(found.looked_at)} were tried on {count(found.found_on)} "
        f"rows, and the candidates tested on {count(found.tested_on)} others, scored by runs of "
        "other seeds where there are several. Each candidate is without the rows of those found "
        "before it. p counts the search (Holm over the candidates); limits exclude 0 exactly "
        "where a segment is confirmed or shown to be better."
    )
    blocks = [
        block
        for of, candidates in (("cost", found.cost), ("loss", found.loss))
        for block in (_table(found, of, candidates, number),)
        if candidates
    ]
    return Section("Where: segments of rows", (*sentences(found), Note(words), *blocks))


def _table(found: Segments, of: str, candidates: Sequence[Segment], number: Numerals) -> Table:
    unit = "points" if number.percent else metric(found.about)
    place = name(found.about.place)
    heads = (
        f"{VALUES[of]} in rows where", "rows", "share", f"excess, {unit}", "limits",
        f"higher in, {many(place)}", "p", "confirmed",
    )  # fmt: skip
    rows = (
        (
            rule_words(s.conditions),
            count(s.rows),
            share(s.share),
            number(s.excess.estimate, plus=True),
            number.limits(s.excess, plus=True) or "n/a",
            f"{s.higher} of {s.environments}",
            p_text(s.p_value),
            "yes" if s.confirmed else "no",
        )
        for s in candidates
    )
    return text_table(f"Segments by {VALUES[of]}", heads, rows)


def _concentrates(found: Segments, of: str, segment: Segment, number: Numerals) -> str:
    value = "The cost of unseen" if of == "cost" else "The loss in unseen environments"
    beyond = " of the rest" if segment.found > 1 else ""
    return (
        f"{value} concentrates where {rule_words(segment.conditions)} ({share(segment.share)} of "
        f"the rows{beyond}): {with_limits(number, segment.excess)} more than in other rows of the "
        f"same {name(found.about.place)} ({p_equals(segment.p_value)}, the search counted), and "
        f"higher in {segment.higher} of {plural(found.about.place, segment.environments)}."
    )


def _none(found: Segments, of: str, candidates: Sequence[Segment]) -> str:
    if not candidates:
        return f"No rule on the columns stood out by its {VALUES[of]}."
    return (
        f"No segment of rows was confirmed in which the {VALUES[of]} concentrates: "
        f"{counted(len(candidates), 'candidate')} found on half of the rows did not hold on the "
        "others."
    )


def _condition(condition: Condition) -> str:
    column = name(condition.column)
    match condition.sign:
        case "<=":
            return f"{column} <= {significant(condition.high, 6)}"
        case ">":
            return f"{column} > {significant(condition.low, 6)}"
        case "between":
            return f"{significant(condition.low, 6)} < {column} <= {significant(condition.high, 6)}"
        case "=":
            return f"{column} = {name(condition.value)}"
        case _:
            return f"{column} is missing"
