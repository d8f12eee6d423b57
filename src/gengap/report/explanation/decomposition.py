"""Why unseen environments cost what they cost, in words, a table and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable

from gengap.base.errors import listing
from gengap.questions.diagnosis.decomposition import Cause, Causes, Decomposition
from gengap.report.document import Cell, Column, Folded, Maker, Note, Section, make_table
from gengap.report.figures.rows import Figure, axis_for, interval_row
from gengap.report.numerals import Numerals, count, fixed, share
from gengap.report.text import shorten
from gengap.statistics.intervals import Interval

WORDS = {
    "inputs": "inputs moved",
    "relation": "relation changed",
    "noise": "noise",
    "shares": "class shares moved",
}
ON_AVERAGE = "on average"
FEW = 0.8  # share of an environment with neighbours below which it is said
ROUNDING = 1e-12  # of the largest part
WORTH_SAYING = 0.01  # of a share, of parts that cancel
NAMED = "beyond chance"
SHARES_FIRST = (
    "Classes tell environments apart better than inputs do, so classes were given the same shares "
    "before inputs were compared."
)
INPUTS_FIRST = (
    "Inputs tell environments apart at least as well as classes do, so shares of classes count as "
    "a consequence of what inputs and relation do, and have no part of their own."
)
LEGEND = (
    "Parts of the gap, positive where the environment is worse off; each adds up of its part in "
    "difficulty and in the cost of unseen. Inputs moved: what other inputs make of it, the "
    "dependence of the target on them left alone. Relation changed: what a correction fitted on "
    "the environment's own rows wins back, more than such corrections do elsewhere. Noise: what it "
    "does not win back either, more than elsewhere; on average over environments that are each "
    "left out once it cancels. Class shares: what other shares of classes make of it; beyond "
    "chance on average means of these environments. Neighbours: share of the environment's rows "
    "with inputs like them in training."
)


def numerals(found: Decomposition) -> Numerals:
    """How this metric's losses are printed; what only rounding leaves of them is none."""
    rows = [found.mean, *found.environments]
    sizes = [
        abs(size)
        for row in rows
        for size in (row.gap, row.cost, *(cause.gap.estimate for cause in row.causes))
        if math.isfinite(size)
    ]
    return Numerals(
        found.fraction, 1 if found.fraction else None, ROUNDING * max(sizes, default=0.0)
    )


def other_metric(used: str, asked: str) -> list[str]:
    """Says so where causes are those of another metric than the study's."""
    if used == asked:
        return []
    return [f"In {used}, for {asked} is nothing that each row has by itself."]


def sentences(found: Decomposition) -> list[str]:
    """What is beyond chance, what makes the mean gap, and where the answer does not reach."""
    said = [_beyond_chance(found), _mean(found), _cancelling(found), _beyond_reach(found)]
    return [sentence for sentence in said if sentence]


def section(found: Decomposition) -> Section:
    """The parts of the gap by environment, those of the cost, and how far each has moved."""
    rows = [found.mean, *found.environments]
    notes = [LEGEND, *other_metric(found.metric, found.asked)]
    if found.shares_first is not None:
        notes.append(SHARES_FIRST if found.shares_first else INPUTS_FIRST)
    if found.rows < found.of:
        notes.append(f"From {count(found.rows)} of {count(found.of)} tested rows, drawn at random.")
    return Section(
        "Why: inputs, relation or noise",
        (
            *sentences(found),
            figure(found),
            make_table("Parts of the gap", rows, _makers(found, "gap")),
            Note(" ".join(notes), below=True),
            Folded(
                "Parts of the cost of unseen",
                "what a model that has seen the environment wins back",
                [make_table("Parts of the cost", rows, _makers(found, "cost")), _dilution(found)],
            ),
            Folded(
                "How far environments have moved",
                "whatever that does to a model",
                [make_table("How far each has moved", rows, _moves()), Note(MOVES, below=True)],
            ),
        ),
    )


MOVES = (
    "Covariate shift: largest difference in the share of any set of inputs, 0 to 1; diversity "
    "shift: the part of it with inputs that the other side has none of. Correlation shift: how far "
    "classes depend otherwise on inputs that both sides have; concept shift: the same as a share "
    "of the shared inputs. Lower bounds, near 0 where nothing moved. Numbers are classes by their "
    "quarter."
)


def figure(found: Decomposition) -> Figure:
    """The mean parts of gap and cost, a row each."""
    number = numerals(found)
    rows = [
        interval_row(number, f"{WORDS[cause.name]}{what}", value.estimate, (value.low, value.high))
        for cause in _shown(found, found.mean)
        for what, value in (("", cause.gap), (", cost", cause.cost))
        if what == "" or cause.name != "noise"
    ]
    ends = [
        number.scaled(end)
        for cause in _shown(found, found.mean)
        for value in (cause.gap, cause.cost)
        for end in (value.low, value.estimate, value.high)
        if not math.isnan(end)
    ]
    unit = "points" if found.fraction else found.metric
    return Figure(
        "causes",
        "Why unseen environments cost what they cost",
        f"Mean part of each cause in the gap and in the cost of unseen, of "
        f"{len(found.environments)} environments; the numbers are beside it in text.",
        f"{unit}; further right is worse off",
        rows,
        axis_for([*ends, 0.0]),
        legend=[("dot", "mean over environments"), ("interval", "95% interval")],
        headed=False,
    )


def _beyond_chance(found: Decomposition) -> str:
    said = [
        f"{WORDS[name]} ({places})"
        for name in found.causes
        if (places := _places([found.mean, *found.environments], name))
    ]
    if not said:
        return "No cause of the gap can be told from chance."
    return f"Beyond chance: {'; '.join(said)}."


def _places(rows: list[Causes], name: str) -> str:
    """Where a cause plays a part, for the worse and for the better."""
    said = []
    for worse in (True, False):
        own = [
            ON_AVERAGE if not row.environment else shorten(row.environment)
            for row in rows
            if _cause(row, name).named and (_cause(row, name).gap.estimate > 0) == worse
        ]
        if own:
            said.append(f"for the {'worse' if worse else 'better'}: {listing(own, 4)}")
    return "; ".join(said)


def _mean(found: Decomposition) -> str:
    number, mean = numerals(found), found.mean
    parts = ", ".join(
        f"{WORDS[cause.name]} {number(cause.gap.estimate, plus=True)}"
        for cause in _shown(found, mean)
        if not math.isnan(cause.gap.estimate)
    )
    cost = ", ".join(
        f"{WORDS[cause.name]} {number(cause.cost.estimate, plus=True)}"
        for cause in _shown(found, mean)
        if cause.name != "noise" and not math.isnan(cause.cost.estimate)
    )
    told = sum(c.compared > 0 for c in found.environments)
    if not told:
        return ""
    if told < len(found.environments):
        return (
            f"On average over the {told} of {len(found.environments)} environments that can be "
            f"compared, the gap is made of: {parts}; the cost of unseen of: {cost}."
        )
    return (
        f"On average the gap of {number.points(mean.gap)} is made of: {parts}; the cost of unseen, "
        f"{number.points(mean.cost)}, of: {cost}."
    )


def _cancelling(found: Decomposition) -> str:
    """Says so where inputs and relation have opposite parts that are nothing but each other's."""
    mean, number = found.mean, numerals(found)
    inputs, relation = (_cause(mean, name) for name in ("inputs", "relation"))
    together = inputs.gap.estimate + relation.gap.estimate
    least = min(abs(inputs.gap.estimate), abs(relation.gap.estimate))
    opposite = inputs.gap.estimate * relation.gap.estimate < 0
    if inputs.named or relation.named or not opposite or least <= abs(mean.gap):
        return ""
    if found.fraction and least < WORTH_SAYING:
        return ""
    return (
        "Inputs moved and relation changed are told apart on the rows that environments share "
        f"(overlap {share(mean.overlap)}, 100% where they are alike): what chance gives one of "
        f"them it takes from the other, so here they are read together, "
        f"{number(together, plus=True)}."
    )


def _beyond_reach(found: Decomposition) -> str:
    alone = [c for c in found.environments if c.compared == 0]
    few = [c for c in found.environments if c.spoken_for < FEW and c.compared > 0]
    said = []
    if few:
        worst = listing((f"{shorten(c.environment)} {share(c.spoken_for)}" for c in few), 4)
        said.append(
            f"Few rows have inputs like them in training ({worst}): there, what could be relation "
            "or noise counts as inputs."
        )
    if alone:
        names = listing((shorten(c.environment) for c in alone), 4)
        said.append(f"Nothing can be compared with {names}: no training inputs are like theirs.")
    return " ".join(said)


def _makers(found: Decomposition, what: str) -> list[Maker | None]:
    number = numerals(found)

    def part(name: str) -> Callable[[Causes], Cell]:
        def make(row: Causes) -> Cell:
            cause = _cause(row, name)
            value: Interval = getattr(cause, what)
            return Cell(
                number(value.estimate),
                number.limits(value),
                "strong" if cause.named else "",
            )

        return make

    def total(row: Causes) -> Cell:
        return Cell(number(getattr(row, what)))

    names = [name for name in found.causes if what == "gap" or name != "noise"]
    unit = "points" if found.fraction else ""
    return [
        (Column("environment", numeric=False, named=True), _name),
        (Column(what, unit), total),
        *((Column(WORDS[name], unit), part(name)) for name in names),
        (Column(NAMED, numeric=False), lambda row: Cell(_names(row))) if what == "gap" else None,
        (Column("neighbours", spare=True), lambda row: Cell(share(row.spoken_for)))
        if what == "gap"
        else None,
    ]


def _moves() -> list[Maker | None]:
    def number(name: str) -> Callable[[Causes], Cell]:
        return lambda row: Cell(fixed(getattr(row, name)))

    names = ("covariate", "diversity", "correlation", "concept")
    return [
        (Column("environment", numeric=False, named=True), _name),
        *((Column(f"{name} shift"), number(name)) for name in names),
    ]


def _dilution(found: Decomposition) -> Note:
    number = numerals(found)
    return Note(
        f"The rest, {number.points(found.mean.dilution)} on average, is what the training "
        "environments themselves lose because the reference shares its examples with this one.",
        below=True,
    )


def _name(row: Causes) -> Cell:
    return Cell(row.environment or ON_AVERAGE)


def _names(row: Causes) -> str:
    return ", ".join(WORDS[cause.name] for cause in row.named) or "-"


def _cause(row: Causes, name: str) -> Cause:
    return next(cause for cause in row.causes if cause.name == name)


def _shown(found: Decomposition, row: Causes) -> list[Cause]:
    return [cause for cause in row.causes if cause.name in found.causes]
