"""The section on streams: what became of adapters on the way, after it, and beside strangers."""

from __future__ import annotations

from collections.abc import Sequence

from gengap.report.document import Cell, Column, Maker, Section, Table, make_table, section
from gengap.report.figures.curves import curves_drawing
from gengap.report.figures.drawing import Drawing
from gengap.report.glossary import says
from gengap.report.numerals import MISSING, Numerals
from gengap.report.reading import Row, Summary
from gengap.report.tables.columns import estimate_cell, estimated, named, printed

EARLY, LATE = ("early", "early_low", "early_high"), ("late", "late_low", "late_high")
FORGOTTEN = ("forgotten", "forgotten_low", "forgotten_high")
AREAS = {"far": "Noise told apart", "near": "Classes held out told apart"}


def streams_section(summary: Summary, *, page: bool) -> Section | None:
    """The section; None where nothing adapted.

    Args:
        summary: the study's.
        page: whether there are figures.
    """
    if not summary.streams:
        return None
    order = [row["method"] for row in summary.methods]
    rows = sorted(summary.streams, key=lambda row: order.index(row["method"]))
    words = says("study", "streams", stream=rows[0]["stream"], batch=f"{rows[0]['batch']:,.0f}")
    if any(row[key] is not None for row in rows for key in AREAS):
        words = f"{words} {says('study', 'strangers')}"
    return section(
        "Along the stream", words, _drawing(summary, rows) if page else None, _table(summary, rows)
    )


def _drawing(summary: Summary, rows: Sequence[Row]) -> Drawing | None:
    """Scores in windows; each model that was left alone once, and before what adapts it.

    None where all came in one window.
    """
    drawn: dict[str, Row] = {}
    for row in rows:
        for name, key in ((f"{row['alone']} (alone)", "scores_alone"), (row["method"], "scores")):
            known = [(at, v) for at, v in zip(row["at"], row[key], strict=True) if v is not None]
            shown: list[float | None] = [value for _, value in known]
            steps = [round(100 * at, 2) for at, _ in known]
            drawn[name] = Row(
                {"method": name, "steps": steps, "mean": shown, "low": shown, "high": shown}
            )
    if max(len(row["steps"]) for row in drawn.values()) < 2:
        return None
    number = summary.number
    unit = f"{summary.metric} where unseen{' in %' * number.percent}"
    return curves_drawing(
        "streams", "Along the stream", unit, list(drawn.values()), number,
        "% of the stream gone by", linear=True,
    )  # fmt: skip


def _table(summary: Summary, rows: list[Row]) -> Table:
    number = summary.number
    points = "points" * number.percent
    returns = [row for row in rows if row["source"] is not None]
    makers: list[Maker | None] = [
        named("Method", "method"),
        _won(number, "First half", EARLY, points),
        _won(number, "Second half", LATE, points),
        printed("Source before", "%" * number.percent, "source", number) if returns else None,
        printed("Source after", "%" * number.percent, "source_after", number) if returns else None,
        estimated(number, "Forgotten", points, FORGOTTEN, "cost") if returns else None,
        *(
            _area(label, key)
            for key, label in AREAS.items()
            if any(r[key] is not None for r in rows)
        ),
    ]
    return make_table("Along the stream", rows, makers)


def _won(number: Numerals, label: str, keys: tuple[str, str, str], points: str) -> Maker:
    note = ", ".join(filter(None, [points, "+ is better"]))
    return Column(label, note), lambda row: estimate_cell(number, row, keys, plus=True)


def _area(label: str, key: str) -> Maker:
    def cell(row: Row) -> Cell:
        own, alone = row[key], row[f"{key}_alone"]
        if own is None:
            return Cell(MISSING)
        return Cell(f"{own:.3f}", f"alone {alone:.3f}", sort=own)

    return Column(label, "AUROC"), cell
