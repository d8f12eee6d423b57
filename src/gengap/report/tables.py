"""The report's tables as columns and cells of text, which HTML and Markdown both print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gengap.report.numerals import MISSING, Numerals, count, duration
from gengap.report.summary import Row, Summary, is_plain_training
from gengap.report.text import shorten


@dataclass(frozen=True)
class Column:
    """A heading.

    Attributes:
        label: the heading's words.
        note: its unit or an explanation, in small print.
        numeric: whether the cells are numbers.
        named: whether the label is a name, of any length, rather than the report's own word.
    """

    label: str
    note: str = ""
    numeric: bool = True
    named: bool = False


@dataclass(frozen=True)
class Cell:
    """What a cell says.

    Attributes:
        text: the value.
        detail: a second line in small print.
        kind: a class name for its style.
        sort: the number to sort by, where the text does not begin with it.
    """

    text: str
    detail: str = ""
    kind: str = ""
    sort: float | None = None


Maker = tuple[Column, Callable[[Row], Cell]]


@dataclass(frozen=True)
class Table:
    """Columns, and rows with one cell for each."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def units(number: Numerals) -> tuple[str, str]:
    """Return the units of scores and of differences for column heads; empty when they have none."""
    return ("%", "points") if number.percent else ("", "")


def methods_table(summary: Summary, number: Numerals) -> Table:
    """One row per method, plain training first, then the best score at unseen environments."""
    score, points = units(number)
    makers: list[Maker] = [
        (Column("Method", numeric=False), _method_cell),
        (Column("In distribution", score), lambda row: Cell(number(row["score_in_distribution"]))),
        (Column("Unseen", score), lambda row: Cell(number(row["score_unseen"]))),
        (
            Column("Worst unseen", score),
            lambda row: Cell(number(row["worst_unseen"]), row["worst_environment"], "place"),
        ),
        (Column("Gap", points), lambda row: Cell(number(row["gap"]))),
        (Column("Difficulty", points), lambda row: Cell(number(row["difficulty"]))),
        (Column("Cost of unseen", points), lambda row: _cost_cell(number, row)),
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
        (Column("Time"), lambda row: Cell(duration(row["seconds"]), sort=row["seconds"])),
    ]
    rules = {str(row.get("selection_rule") or "") for row in summary.methods}
    if len(rules) > 1:
        makers.insert(
            -1,
            (
                Column("Selection rule", numeric=False),
                lambda row: Cell(str(row.get("selection_rule") or MISSING)),
            ),
        )
    return make_table("Methods", summary.methods, makers)


def environments_table(summary: Summary, number: Numerals, method: str, rows: list[Row]) -> Table:
    """One row per unseen environment of one method, in the order given."""
    score, points = units(number)
    makers: list[Maker] = [
        (Column("Environment", numeric=False), lambda row: Cell(row["environment"], kind="place")),
        (Column("In distribution", score), lambda row: Cell(number(row["in_distribution"]))),
        (Column("Reference", score), lambda row: Cell(number(row["reference"]))),
        (Column("Unseen", score), lambda row: Cell(number(row["unseen"]))),
        (Column("Gap", points), lambda row: Cell(number(row["gap"]))),
        (Column("Difficulty", points), lambda row: Cell(number(row["difficulty"]))),
        (Column("Cost of unseen", points), lambda row: _cost_cell(number, row)),
        (Column("Examples"), lambda row: Cell(count(row["examples"]))),
        (Column("Runs"), lambda row: Cell(count(row["runs"]))),
    ]
    return make_table(f"Environments, {method}", rows, makers)


def rules_table(summary: Summary, number: Numerals) -> Table:
    """One row per method and one column per selection rule, rules that peek marked in words."""
    points = units(number)[1]
    scores = {(row["method"], row["rule"]): row for row in summary.rules}
    makers: list[Maker] = [
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
    makers: list[Maker] = [
        (Column("Method", numeric=False), lambda row: Cell(row["method"])),
        (Column("Why it was skipped", numeric=False), lambda row: Cell(row["reason"])),
    ]
    return make_table("Skipped methods", summary.study["skipped"], makers)


def make_table(caption: str, rows: list[Row], makers: list[Maker]) -> Table:
    """Fill a table: for each row, what each column's maker says of it."""
    columns = tuple(column for column, _ in makers)
    return Table(caption, columns, tuple(tuple(make(row) for _, make in makers) for row in rows))


def _method_cell(row: Row) -> Cell:
    return Cell(shorten(row["method"], 80), "plain training" if is_plain_training(row) else "")


def _cost_cell(number: Numerals, row: Row) -> Cell:
    cost = row["cost_of_unseen"], row["cost_low"], row["cost_high"]
    return Cell(number(cost[0]), number.around(*cost), "cost")


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


def _rule_maker(
    number: Numerals, scores: dict[tuple[str, str], Row], rule: str
) -> Callable[[Row], Cell]:
    def make(row: Row) -> Cell:
        found = scores.get((row["method"], rule))
        if found is None or not found["available"]:
            return Cell("not available" if found else MISSING, kind="quiet")
        score = found["score_unseen"], found["score_low"], found["score_high"]
        return Cell(number(score[0]), number.around(*score))

    return make
