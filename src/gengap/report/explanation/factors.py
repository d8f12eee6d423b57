"""The cost along factors in words, figures and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gengap.questions.diagnosis.factors import Along, Explained, Factors, Together
from gengap.report.document import Block, Cell, Heading, Note, Section, Table
from gengap.report.explanation.words import (
    cell,
    metric,
    mixed_table,
    name,
    numerals,
    with_limits,
)
from gengap.report.figures.along import along_drawing
from gengap.report.figures.drawing import Drawing
from gengap.report.numerals import Numerals, count, p_equals, p_text, share, significant
from gengap.report.text import many
from gengap.statistics.intervals import Interval

DRAWN, SAID, ROWS = 3, 3, 12
SURE = 0.05


def sentences(found: Factors) -> list[str]:
    """What is told along factors, of their shares, and of two at once."""
    number = numerals(found.about)
    return [*_lines(found, number), *_shares(found), *_pairs(found, number)]


def section(found: Factors) -> Section:
    """Figures of the first factors, and tables of all, of their shares, and of pairs."""
    number = numerals(found.about)
    place = name(found.about.place)
    unit = f"{many(place)}" if found.unit == "environment" else "seeds"
    words = (
        "Rise: what the cost gains from the rows in the middle of what their split trained on to "
        f"those farthest out. Limits of rises and differences count {unit}; those of the costs in "
        "bands, inside and beyond are for these environments. p is adjusted for the number of "
        "factors (Holm)."
    )
    blocks: list[Block] = [
        *sentences(found), Note(words), *_drawings(found, number), *_along_table(found, number)
    ]  # fmt: skip
    if found.explained:
        blocks += [Heading("Which factors go with the cost"), _shares_table(found, number)]
    if found.together:
        blocks += [Heading("New in two factors at once"), _pairs_table(found, number)]
    return Section("Along factors", tuple(blocks))


def _lines(found: Factors, number: Numerals) -> Iterator[str]:
    rising = [a for a in found.along if a.p_value <= SURE]
    parted = [a for a in found.along[:SAID] if a.difference is not None]
    for along in rising[:SAID]:
        verb = "rises" if along.rise.estimate > 0 else "falls"
        yield (
            f"The cost {verb} along {name(along.factor)}: by "
            f"{with_limits(number, _size(along.rise))} from the middle of what was trained on to "
            f"the farthest rows ({p_equals(along.p_value)}, corrected for all factors)."
        )
    for along in parted:
        assert along.inside is not None
        assert along.beyond is not None
        assert along.difference is not None
        shown = "" if along.difference.excludes() else "; the difference is not shown"
        yield (
            f"Beyond the range of {name(along.factor)} that was trained on the cost is "
            f"{with_limits(number, along.beyond)}, inside it "
            f"{with_limits(number, along.inside)}{shown}."
        )
    shown_apart = any(a.difference is not None and a.difference.excludes() for a in parted)
    if found.along and not rising and not shown_apart:
        yield "Along no factor is the cost shown to rise with how far out a row lies."


def _size(found: Interval) -> Interval:
    if found.estimate >= 0:
        return found
    return Interval(-found.estimate, -found.high, -found.low, found.level)


def _shares(found: Factors) -> Iterator[str]:
    sure = [e for e in found.explained if e.p_value <= SURE and e.share > 0]
    for part in sure[:SAID]:
        yield (
            f"Distance in {name(part.factor)} goes with {share(min(part.share, 1.0))} of the "
            f"differences in cost between {many(name(found.about.place))} "
            f"({p_equals(part.p_value)}, corrected for all factors)."
        )
    if found.explained and not sure:
        yield (
            f"No factor is shown to go with the differences in cost between "
            f"{found.about.environments} {many(name(found.about.place))}."
        )


def _pairs(found: Factors, number: Numerals) -> Iterator[str]:
    for pair in sorted(found.together, key=lambda p: p.p_value)[:SAID]:
        singles = [cost for cost in pair.cost[1:3] if cost is not None]
        both = pair.cost[3]
        assert both is not None
        dearer = max(singles, key=lambda cost: cost.estimate)
        said = (
            f"Rows new in both {name(pair.first)} and {name(pair.second)} cost "
            f"{with_limits(number, both)}, those new in one alone {number.points(dearer.estimate)}"
        )
        sure = pair.p_value <= SURE
        yield f"{said}{'' if sure else '; the difference is not shown'}."


def _drawings(found: Factors, number: Numerals) -> Iterator[Drawing]:
    for k, along in enumerate(found.along[:DRAWN]):
        if len(along.bands) > 1 and (k == 0 or not along.is_input or along.p_value <= SURE):
            yield _drawing(found, along, number, k)


def _drawing(found: Factors, along: Along, number: Numerals, place: int) -> Drawing:
    def scaled(value: float) -> float | None:
        return None if math.isnan(value) else number.scaled(value)

    unit = "points" if number.percent else metric(found.about)
    bands = [
        (
            band.centre,
            number.scaled(band.cost.estimate) or 0.0,
            scaled(band.cost.low),
            scaled(band.cost.high),
        )
        for band in along.bands
    ]
    factor = name(along.factor)
    told = "; ".join(
        f"{significant(band.low)} to {significant(band.high)}: {number(band.cost.estimate)}"
        for band in along.bands
    )
    return along_drawing(
        f"along-{place}",
        f"Cost of unseen along {factor}",
        f"Cost of unseen by {factor}: {told}.",
        bands,
        along.common,
        (factor, f"cost of unseen, {unit}, 95% limits for these {many(name(found.about.place))}"),
    )


def _along_table(found: Factors, number: Numerals) -> Iterator[Table | Note]:
    heads = (
        "factor", "trained on everywhere", "rows beyond", "cost inside", "cost beyond",
        "beyond minus inside", "rise", "p",
    )  # fmt: skip
    rows = [
        (
            name(a.factor),
            "n/a" if a.common is None else " to ".join(map(significant, a.common)),
            count(a.rows_beyond),
            cell(number, a.inside),
            cell(number, a.beyond),
            cell(number, a.difference),
            cell(number, a.rise),
            p_text(a.p_value),
        )
        for a in found.along[:ROWS]
    ]
    if rows:
        yield mixed_table("Along factors", heads, rows)
    if more := len(found.along) - len(rows):
        yield Note(f"And {more} more factors, none of them with a smaller p.")


def _shares_table(found: Factors, number: Numerals) -> Table:
    def row(part: Explained) -> tuple[str | Cell, ...]:
        shown = share(min(max(part.share, 0.0), 1.0))
        return name(part.factor), shown, p_text(part.p_value), cell(number, part.effect)

    unit = "points" if number.percent else metric(found.about)
    heads = ("factor", "share of differences", "p", f"{unit} per unit of distance")
    return mixed_table("Shares of factors", heads, map(row, found.explained))


def _pairs_table(found: Factors, number: Numerals) -> Table:
    def row(pair: Together) -> tuple[str | Cell, ...]:
        return (
            f"{name(pair.first)} x {name(pair.second)}",
            *(cell(number, cost) for cost in pair.cost),
            cell(number, pair.extra),
            p_text(pair.p_value),
        )

    heads = ("factors", "neither new", "first new", "second new", "both new", "extra", "p")
    return mixed_table("Two factors at once", heads, map(row, found.together))
