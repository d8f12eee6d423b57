"""The tables of a study."""

from __future__ import annotations

from collections.abc import Callable

from gengap.report.document import Cell, Column, Maker, Table, make_table, text_table
from gengap.report.numerals import MISSING, Numerals, count, duration
from gengap.report.reading import COST, SCORE, Row, Summary, is_plain_training
from gengap.report.text import shorten


def methods_table(summary: Summary) -> Table:
    """One row per method, plain training first, then the best score at unseen environments."""
    number = summary.number
    score, points = _units(number)
    rules = {row["selection_rule"] for row in summary.methods}
    makers: list[Maker | None] = [
        (Column("Method", numeric=False), _method_cell),
        _plain(number, "In distribution", score, "score_in_distribution"),
        _plain(number, "Unseen", score, "score_unseen"),
        (
            Column("Worst unseen", score),
            lambda row: Cell(number(row["worst_unseen"]), row["worst_environment"], "place"),
        ),
        _plain(number, "Gap", points, "gap"),
        _plain(number, "Difficulty", points, "difficulty"),
        (Column("Cost of unseen", points), _cost_maker(number)),
        (
            Column("A single new one", points),
            lambda row: Cell(
                number.interval(row["new_environment_low"], row["new_environment_high"]) or MISSING
            ),
        ),
        (
            Column("Against plain training", ", ".join(filter(None, [points, "+ is better"]))),
            lambda row: _against_cell(number, row),
        ),
        (Column("Verdict", numeric=False), _verdict_cell),
        (
            Column("Selection rule", numeric=False),
            lambda row: Cell(row["selection_rule"] or MISSING),
        )
        if len(rules) > 1
        else None,
        (Column("Time"), lambda row: Cell(duration(row["seconds"]), sort=row["seconds"])),
    ]
    return make_table("Methods", summary.methods, makers, "dense")


def terminal_table(summary: Summary) -> Table:
    """The methods in the columns that fit in a terminal."""
    number = summary.number
    makers: list[Maker | None] = [
        (Column("method", numeric=False), lambda row: Cell(shorten(row["method"], 40))),
        _plain(number, "seen", "", "score_in_distribution", 12),
        _plain(number, "unseen", "", "score_unseen", 12),
        (Column("cost of unseen", most=22), _cost_maker(number)),
        (
            Column("one new one", most=14),
            lambda row: Cell(
                number.interval(row["new_environment_low"], row["new_environment_high"])
            ),
        ),
        (
            Column("against plain", numeric=False, most=16),
            lambda row: Cell(_terminal_verdict(row, number)),
        ),
    ]
    return make_table("Methods", summary.methods, makers)


def environments_table(summary: Summary, method: str, rows: list[Row]) -> Table:
    """One row per unseen environment of one method, in the order given."""
    number = summary.number
    score, points = _units(number)
    makers: list[Maker] = [
        (Column("Environment", numeric=False), lambda row: Cell(row["environment"], kind="place")),
        _plain(number, "In distribution", score, "in_distribution"),
        _plain(number, "Reference", score, "reference"),
        _plain(number, "Unseen", score, "unseen"),
        _plain(number, "Gap", points, "gap"),
        _plain(number, "Difficulty", points, "difficulty"),
        (Column("Cost of unseen", points), _cost_maker(number)),
        (Column("Examples"), lambda row: Cell(count(row["examples"]))),
        (Column("Runs"), lambda row: Cell(count(row["runs"]))),
    ]
    return make_table(f"Environments, {method}", rows, makers, "long")


def rules_table(summary: Summary) -> Table:
    """One row per method and one column per selection rule, rules that peek marked in words."""
    number, points = summary.number, _units(summary.number)[1]
    scores = {(row["method"], row["rule"]): row for row in summary.rules}
    makers: list[Maker | None] = [
        (Column("Method", numeric=False), lambda row: Cell(shorten(row["method"], 80) or "all"))
    ]
    for rule in summary.rules_in_order:
        manner = "peeks" if rule["peeks"] else "does not look"
        own = rule["rule"] == summary.study["selection_rule"]
        head = Column(rule["rule"], f"this study's, {manner}" if own else manner, named=True)
        makers.append((head, _rule_maker(number, scores, rule["rule"])))
    if any(row["peeks"] for row in summary.rules):
        makers.append(
            (
                Column("Won by peeking", points),
                lambda row: Cell(number(summary.won_by_peeking(row["method"]), plus=True)),
            )
        )
    firsts = {row["method"]: row for row in reversed(summary.rules)}
    rank = {row["method"]: place for place, row in enumerate(summary.methods)}
    rows = sorted(firsts.values(), key=lambda row: rank.get(row["method"], len(rank)))
    return make_table("Selection rules", rows, makers)


def skipped_table(summary: Summary) -> Table:
    """One row per method that could not apply, with the reason."""
    rows = [(row["method"] or "", row["reason"] or "") for row in summary.study["skipped"]]
    return text_table("Skipped methods", ("Method", "Why it was skipped"), rows, numeric=False)


def _units(number: Numerals) -> tuple[str, str]:
    """Return the units of scores and of differences for column heads; empty when they have none."""
    return ("%", "points") if number.percent else ("", "")


def _plain(number: Numerals, label: str, unit: str, key: str, most: int = 80) -> Maker:
    return Column(label, unit, most=most), lambda row: Cell(number(row[key]))


def _cost_maker(number: Numerals) -> Callable[[Row], Cell]:
    def make(row: Row) -> Cell:
        cost = [row[key] for key in COST]
        return Cell(number(cost[0]), number.around(*cost), "cost")

    return make


def _method_cell(row: Row) -> Cell:
    return Cell(shorten(row["method"], 80), "plain training" if is_plain_training(row) else "")


def _against_cell(number: Numerals, row: Row) -> Cell:
    if is_plain_training(row):
        return Cell("itself", kind="quiet")
    interval = number.interval(row["difference_low"], row["difference_high"], plus=True)
    return Cell(number(row["difference_from_erm"], plus=True), interval)


def _verdict_cell(row: Row) -> Cell:
    verdict = row["verdict"]
    lowered = verdict.lower()
    kind = next((word for word in ("better", "worse") if lowered.startswith(word)), "undecided")
    if is_plain_training(row) and not verdict:
        return Cell("")
    return Cell(verdict or MISSING, kind=kind)


def _terminal_verdict(row: Row, number: Numerals) -> str:
    if is_plain_training(row):
        return "itself"
    verdict = row["verdict"].replace(" than plain training", "")
    if row["difference_from_erm"] is None:
        return str(verdict)
    return f"{number(row['difference_from_erm'], plus=True)} {verdict}".rstrip()


def _rule_maker(
    number: Numerals, scores: dict[tuple[str, str], Row], rule: str
) -> Callable[[Row], Cell]:
    def make(row: Row) -> Cell:
        found = scores.get((row["method"], rule))
        if found is None or not found["available"]:
            return Cell("not available" if found else MISSING, kind="quiet")
        score = [found[key] for key in SCORE]
        return Cell(number(score[0]), number.around(*score))

    return make
