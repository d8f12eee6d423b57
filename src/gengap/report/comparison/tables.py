"""The tables of a comparison as columns and cells of text, which HTML and Markdown both print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from gengap.questions.comparison.verdict import Numbers
from gengap.report.comparison.reading import (
    Row,
    Summary,
    against_reference,
    facing,
    limited,
    p_text,
    reference,
)
from gengap.report.tables import Cell, Column, Maker, Table, make_table
from gengap.report.text import shorten

MISSING = "n/a"
LONGEST_NAME = 60
# Pairs and cells beyond these are left to compare.json, to keep the page under 1 MB.
MOST_PAIRS, MOST_SCORES = 300, 3_000


def methods_table(summary: Summary, number: Numbers) -> Table:
    """One row per method, the best mean first."""
    base, found = reference(summary), against_reference(summary)
    rows = summary["methods"]
    makers: list[Maker] = [
        (Column("Method", numeric=False), _name_maker("method")),
        (Column("Mean", "these environments"), lambda row: _estimate(number, row, "mean", "cost")),
        (
            Column("Mean", "environments like these"),
            lambda row: Cell(
                number.interval(row["like_these_low"], row["like_these_high"]) or MISSING
            ),
        ),
        (
            Column("Interquartile mean", "these environments"),
            lambda row: _estimate(number, row, "interquartile_mean"),
        ),
    ]
    if any("optimality_gap" in row for row in rows):
        makers.append(
            (
                Column("Optimality gap", "less is better; these environments"),
                lambda row: _estimate(number, row, "optimality_gap"),
            )
        )
    if any(row.get("average_rank") is not None for row in rows):
        makers.append((Column("Average rank"), lambda row: Cell(_fixed(row["average_rank"]))))
    if any(row.get("win_share") is not None for row in rows):
        makers.append((Column("P(best)", "and ranks; all redrawn"), _win_cell))
    kind = "baseline" if summary["comparison"]["baseline"] else "leader"
    makers += [
        (
            Column(f"Against the {kind}", f"difference; {_scope(found.values())}"),
            lambda row: _difference_cell(number, found.get(row["method"])),
        ),
        (
            Column("Verdict", numeric=False),
            lambda row: _verdict_cell(found.get(row["method"]), row["method"] == base),
        ),
    ]
    return make_table("Methods", rows, makers)


def verdict(pair: Row) -> tuple[str, str]:
    """Return the verdict on the first of a pair in a word, and a class name for its style."""
    if pair["verdict"] == "first is better":
        return "better", "better"
    if pair["verdict"] == "second is better":
        return "worse", "worse"
    return ("equivalent" if pair.get("equivalent") else "no clear difference"), "undecided"


def pairs_tables(summary: Summary, number: Numbers) -> tuple[Table, Table | None]:
    """The pairs with the reference, which come first, and all others; the latter None without."""
    place = {row["method"]: k for k, row in enumerate(summary["methods"])}
    base, own = reference(summary), against_reference(summary)
    against = sorted(own, key=lambda name: place[name])
    caption = f"Pairs with {base}"
    if summary["comparison"]["baseline"]:
        rows = [own[name] for name in against]
        first = _pairs(summary, number, caption, rows, {"Method": "first"}, "method")
    else:
        rows = [facing(own[name], base) for name in against]
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
    """One row per method and a column per rule, with the share of resamples won; None without."""
    if not summary.get("rankings"):
        return None
    shares = (summary.get("stability") or {}).get("win_share", {})
    index = {name: k for k, name in enumerate(summary["comparison"]["methods"])}
    makers: list[Maker] = [(Column("Method", numeric=False), _name_maker("method"))]
    for ranking in summary["rankings"]:
        places = dict(zip(ranking["methods"], ranking["ranks"], strict=True))
        share = shares.get(ranking["rule"])
        makers.append((Column(ranking["rule"]), _rank_maker(places, share, index)))
    return make_table("Rank by rule", summary["methods"], makers)


def environments_table(summary: Summary, number: Numbers) -> Table:
    """One row per environment and a column per method, best mean first; the best marked."""
    index = {name: k for k, name in enumerate(summary["comparison"]["methods"])}
    makers: list[Maker] = [(Column("Environment", numeric=False), _name_maker("environment"))]
    for method in summary["methods"]:
        name = method["method"]
        head = Column(shorten(name, LONGEST_NAME), named=True)
        makers.append((head, _score_maker(number, name, index[name])))
    return make_table("Environments", shown_environments(summary), makers)


def shown_environments(summary: Summary) -> list[Row]:
    """Return the environments whose scores fit on the page."""
    most = max(1, MOST_SCORES // len(summary["methods"]))
    rows: list[Row] = summary["environments"][:most]
    return rows


def percent(share: float | None) -> str:
    """Print a share: ``12%``; never ``0%`` or ``100%`` unless it is just that."""
    if share is None:
        return MISSING
    return "<1%" if 0 < share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{100 * share:.0f}%"


def _pairs(
    summary: Summary,
    number: Numbers,
    caption: str,
    rows: Sequence[Row],
    names: Mapping[str, str],
    first: str = "first",
) -> Table:
    better = "+" if summary["comparison"]["higher_is_better"] else "−"
    makers: list[Maker] = [
        (Column(heading, numeric=False), _name_maker(key)) for heading, key in names.items()
    ]
    makers += [
        (
            Column("Difference", f"{better} favours the {first}"),
            lambda row: _estimate(number, row, "difference", "cost", plus=True),
        ),
        (Column("p", "Holm"), lambda row: Cell(p_text(row["adjusted_p"]), sort=row["adjusted_p"])),
        (Column(f"The {first} is", numeric=False), _verdict_cell),
        (
            Column("P(improvement)", "these environments"),
            lambda row: Cell(_fixed(row["improvement"]), _limits(row, "improvement")),
        ),
    ]
    if any("probability_first_better" in row for row in rows):
        makers.append((Column("Bayes", "better / equal / worse"), _bayes_cell))
    for label, note, key in (
        ("Sign flips", "p", "sign_flip_p"),
        ("Signed ranks", "p", "signed_rank_p"),
        ("Equivalence", "p, Holm", "equivalence_adjusted_p"),
    ):
        if any(row.get(key) is not None for row in rows):
            makers.append((Column(label, note), _p_maker(key)))
    return make_table(caption, list(rows), makers)


def _scope(pairs: Iterable[Row]) -> str:
    """For which environments limits of differences are, and at which level."""
    units = {pair["unit"] for pair in pairs} - {"none"}
    if units == {"environment"}:
        return "environments like these; Holm's level"
    return "these environments; Holm's level" if units == {"seed"} else "Holm's level"


def _verdict_cell(pair: Row | None, itself: bool = False) -> Cell:
    if pair is None:
        return Cell("itself" if itself else MISSING, kind="quiet")
    word, kind = verdict(pair)
    return Cell(word, kind=kind)


def _difference_cell(number: Numbers, pair: Row | None) -> Cell:
    return _estimate(number, pair, "difference", plus=True) if pair else Cell("")


def _name_maker(key: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(shorten(row[key], LONGEST_NAME))


def _p_maker(key: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(p_text(row.get(key)), sort=row.get(key))


def _rank_maker(
    places: dict[str, float], share: Sequence[float] | None, index: dict[str, int]
) -> Callable[[Row], Cell]:
    first = min(places.values())

    def make(row: Row) -> Cell:
        name = row["method"]
        won = percent(share[index[name]]) if share else ""
        return Cell(f"{places[name]:g}", won, "best" if places[name] == first else "")

    return make


def _score_maker(number: Numbers, name: str, index: int) -> Callable[[Row], Cell]:
    def make(row: Row) -> Cell:
        return Cell(number(row["scores"][index]), kind="best" if name in row["best"] else "")

    return make


def _win_cell(row: Row) -> Cell:
    low, high = row.get("rank_low"), row.get("rank_high")
    if low is None or high is None:
        ranks = ""
    elif low == high:
        ranks = f"rank {low:g}"
    else:
        ranks = f"rank {round(low, 1):g} to {round(high, 1):g}"
    return Cell(percent(row.get("win_share")), ranks, sort=row.get("win_share"))


def _bayes_cell(row: Row) -> Cell:
    keys = ("probability_first_better", "probability_equal", "probability_second_better")
    if row.get(keys[0]) is None:
        return Cell(MISSING)
    return Cell(" / ".join(_fixed(row.get(key)) for key in keys))


def _estimate(number: Numbers, row: Row, name: str, kind: str = "", *, plus: bool = False) -> Cell:
    value, low, high = limited(row, name)
    return Cell(number(value, plus=plus), number.interval(low, high, plus=plus), kind)


def _limits(row: Row, name: str) -> str:
    _, low, high = limited(row, name)
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _fixed(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"
