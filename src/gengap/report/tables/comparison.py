"""The tables of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from gengap.report.comparison_reading import (
    Row,
    Summary,
    against_reference,
    facing,
    reference,
    verdict,
)
from gengap.report.document import Cell, Column, Maker, Table, make_table
from gengap.report.numerals import MISSING, Numerals, fixed, share, tenths
from gengap.report.tables.columns import (
    Keys,
    estimate_cell,
    estimated,
    limits,
    named,
    p_values,
    printed,
)
from gengap.report.text import shorten

LONGEST_NAME = 60
# Pairs and cells beyond these are left to compare.json, to keep the page under 1 MB.
MOST_PAIRS, MOST_SCORES = 300, 3_000
MOST_PRINTED = 40  # methods in a terminal
HERE, LIKE_THESE = "these environments", "environments like these"


def methods_table(summary: Summary, number: Numerals) -> Table:
    """One row per method, the best mean first."""
    base, found = reference(summary), against_reference(summary)
    rows = summary["methods"]
    ranked, best, gap = (
        any(row.get(key) is not None for row in rows)
        for key in ("average_rank", "best_confidence", "optimality_gap")
    )
    gap_note = f"less is better; {HERE}"
    makers: list[Maker | None] = [
        named("Method", "method"),
        estimated(number, "Mean", HERE, _keys("mean"), "cost"),
        limits(number, "Mean", LIKE_THESE, "like_these_low", "like_these_high"),
        estimated(number, "Interquartile mean", HERE, _keys("interquartile_mean")),
        estimated(number, "Optimality gap", gap_note, _keys("optimality_gap")) if gap else None,
        printed("Average rank", "", "average_rank", fixed) if ranked else None,
        (Column("Best?", "confidence, ranks"), _best_cell) if best else None,
        (
            Column(f"Against the {_kind(summary)}", f"difference; {_scope(found.values())}"),
            lambda row: (
                estimate_cell(number, found[row["method"]], _keys("difference"), plus=True)
                if row["method"] in found
                else Cell("")
            ),
        ),
        (
            Column("Verdict", numeric=False),
            lambda row: _verdict_cell(found.get(row["method"]), row["method"] == base),
        ),
    ]
    return make_table("Methods", rows, makers, "dense")


def terminal_table(summary: Summary, number: Numerals) -> Table:
    """The first methods in the columns that fit in a terminal."""
    base, found = reference(summary), against_reference(summary)

    def says(row: Row) -> Cell:
        pair = found.get(row["method"])
        if pair is None:
            return Cell("itself" if row["method"] == base else "")
        word = verdict(pair)[0].replace("no clear difference", "unclear")
        return Cell(f"{number(pair['difference'], plus=True)} {word}")

    makers: list[Maker] = [
        named("method", "method", 40),
        estimated(number, "mean", "", _keys("mean")),
        (Column("IQM", spare=True), lambda row: Cell(number(row["interquartile_mean"]))),
        (Column("rank", spare=True), lambda row: Cell(_unless(row, "average_rank", tenths))),
        (Column("best?"), lambda row: Cell(_unless(row, "best_confidence", share))),
        (Column(f"vs {_kind(summary)}", numeric=False), says),
    ]
    return make_table("Methods", summary["methods"][:MOST_PRINTED], makers)


def pairs_tables(summary: Summary, number: Numerals) -> tuple[Table, Table | None]:
    """The pairs with the reference, which come first, and all others; the latter None without."""
    place = {row["method"]: k for k, row in enumerate(summary["methods"])}
    base, own = reference(summary), against_reference(summary)
    caption = f"Pairs with {base}"
    rows = [own[name] for name in sorted(own, key=lambda name: place[name])]
    if summary["comparison"]["baseline"]:
        first = _pairs(summary, number, caption, rows, {"Method": "first"}, "method")
    else:
        rows = [facing(row, base) for row in rows]
        first = _pairs(summary, number, caption, rows, {"Leader against": "second"}, "leader")
    others = [
        facing(row, min(row["first"], row["second"], key=lambda name: place[name]))
        for row in summary["pairs"]
        if base not in (row["first"], row["second"])
    ]
    if not others:
        return first, None
    others.sort(key=lambda row: (place[row["first"]], place[row["second"]]))
    both = {"First": "first", "Second": "second"}
    return first, _pairs(summary, number, "All other pairs", others[:MOST_PAIRS], both)


def rankings_table(summary: Summary) -> Table | None:
    """One row per method and a column per rule; None without rankings."""
    if not summary.get("rankings"):
        return None
    makers: list[Maker] = [named("Method", "method")]
    for ranking in summary["rankings"]:
        places = dict(zip(ranking["methods"], ranking["ranks"], strict=True))
        makers.append((Column(ranking["rule"]), partial(_rank_cell, places)))
    return make_table("Rank by rule", summary["methods"], makers)


def environments_table(summary: Summary, number: Numerals) -> Table:
    """One row per environment and a column per method, best mean first; the best marked."""
    index = {name: k for k, name in enumerate(summary["comparison"]["methods"])}
    makers: list[Maker] = [named("Environment", "environment")]
    for method in summary["methods"]:
        name = method["method"]
        head = Column(shorten(name, LONGEST_NAME), named=True)
        makers.append((head, partial(_score_cell, number, name, index[name])))
    return make_table("Environments", shown_environments(summary), makers, "dense matrix")


def shown_environments(summary: Summary) -> list[Row]:
    """Return the environments whose scores fit on the page."""
    most = max(1, MOST_SCORES // len(summary["methods"]))
    rows: list[Row] = summary["environments"][:most]
    return rows


def _pairs(
    summary: Summary,
    number: Numerals,
    caption: str,
    rows: Sequence[Row],
    names: Mapping[str, str],
    first: str = "first",
) -> Table:
    better = "+" if summary["comparison"]["higher_is_better"] else "−"
    favours = f"{better} favours the {first}"
    makers: list[Maker | None] = [
        *(named(heading, key) for heading, key in names.items()),
        estimated(number, "Difference", favours, _keys("difference"), "cost", plus=True),
        p_values("p", "Holm", "adjusted_p"),
        (Column(f"The {first} is", numeric=False), _verdict_cell),
        estimated(Numerals(False, 2), "P(improvement)", HERE, _keys("improvement")),
        (Column("Bayes", "better / equal / worse"), _bayes_cell)
        if any("probability_first_better" in row for row in rows)
        else None,
    ]
    for label, note, key in (
        ("Sign flips", "p", "sign_flip_p"),
        ("Signed ranks", "p", "signed_rank_p"),
        ("Equivalence", "p, Holm", "equivalence_adjusted_p"),
    ):
        if any(row.get(key) is not None for row in rows):
            makers.append(p_values(label, note, key))
    return make_table(caption, rows, makers, "dense")


def _kind(summary: Summary) -> str:
    return "baseline" if summary["comparison"]["baseline"] else "leader"


def _scope(pairs: Iterable[Row]) -> str:
    """For which environments limits of differences are, and at which level."""
    units = {pair["unit"] for pair in pairs} - {"none"}
    scope = {"environment": f"{LIKE_THESE}; ", "seed": f"{HERE}; "}.get("".join(units), "")
    return f"{scope}Holm's level"


def _keys(name: str) -> Keys:
    return name, f"{name}_low", f"{name}_high"


def _verdict_cell(pair: Row | None, itself: bool = False) -> Cell:
    if pair is None:
        return Cell("itself" if itself else MISSING, kind="quiet")
    word, kind = verdict(pair)
    return Cell(word, kind=kind)


def _rank_cell(places: dict[str, float], row: Row) -> Cell:
    place = places[row["method"]]
    best = place == min(places.values()) and len(set(places.values())) > 1
    return Cell(f"{place:g}", kind="best" if best else "")


def _score_cell(number: Numerals, name: str, index: int, row: Row) -> Cell:
    return Cell(number(row["scores"][index]), kind="best" if name in row["best"] else "")


def _best_cell(row: Row) -> Cell:
    low, high = row.get("rank_low"), row.get("rank_high")
    if low is None or high is None:
        ranks = ""
    elif low == high:
        ranks = f"rank {low:g}"
    else:
        ranks = f"rank {round(low, 1):g} to {round(high, 1):g}"
    return Cell(share(row.get("best_confidence")), ranks, sort=row.get("best_confidence"))


def _bayes_cell(row: Row) -> Cell:
    keys = ("probability_first_better", "probability_equal", "probability_second_better")
    if row.get(keys[0]) is None:
        return Cell(MISSING)
    return Cell(" / ".join(fixed(row.get(key)) for key in keys))


def _unless(row: Row, key: str, text: Callable[[float], str]) -> str:
    """A number in print; nothing, which a terminal needs no column for, where it is missing."""
    return "" if row.get(key) is None else text(row[key])
