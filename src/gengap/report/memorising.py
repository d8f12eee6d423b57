"""What a model could memorise, in words: its scores where there is nothing to learn."""

from __future__ import annotations

from gengap.questions.diagnosis.memorising import LABELS, RANDOM, TRUE, Memorising
from gengap.report.document import Block, Note, Table, text_table
from gengap.report.figures.curves import curves_drawing
from gengap.report.numerals import Numerals, count
from gengap.report.reading import Row
from gengap.report.text import isolate

NUMBERS = "memorising.json"
ALL, NOTHING = 0.9, 0.1


def answer(found: Memorising) -> str:
    """Whether the model can memorise, and what its training score is worth for it."""
    return " ".join([_capacity(found), _worth(found), _learnt(found)])


def terminal(found: Memorising, quiet: bool = False) -> list[Block]:
    """What the command prints: a row per condition, and the answer."""
    if quiet:
        return [answer(found)]
    number = _number(found)
    unit = f"{found.metric} in %" if number.percent else found.metric
    note = (
        f"{unit}, 95% over {found.seeds} seeds; chance is {number.score(found.chance)}; to fit: to "
        "come 95% of the way from chance to the best on the rows trained on"
    )
    return [_table(found), Note(note), answer(found)]


def drawings(found: Memorising) -> dict[str, str]:
    """The training scores along the steps as a file; none of an estimator."""
    rows = [
        Row(method=each.name, steps=list(each.steps), mean=list(each.curve), low=[], high=[])
        for each in found.conditions
        if each.steps
    ]
    if not rows:
        return {}
    for row in rows:
        row["low"] = row["high"] = [None] * len(row["steps"])
    number = _number(found)
    unit = found.metric + (" in %" if number.percent else "")
    title = "Score on the rows trained on"
    return {"memorising": curves_drawing("memorising", title, unit, rows, number).standalone()}


def _number(found: Memorising) -> Numerals:
    return Numerals(found.fraction, 1 if found.fraction else 2)


def _table(found: Memorising) -> Table:
    number = _number(found)
    rows = []
    for each in found.conditions:
        cells = [each.name, number(each.train.estimate), number(each.test.estimate)]
        cells.append(number.limits(each.test))
        if found.steps is not None:
            cells.append("never" if each.steps_to_fit is None else count(each.steps_to_fit))
        rows.append(cells)
    heads = ["data", "train", "test", "95%"]
    return text_table(
        "Conditions", [*heads, "steps to fit"] if found.steps is not None else heads, rows
    )


def _capacity(found: Memorising) -> str:
    number, model = _number(found), isolate(found.model)
    shuffled, true = found.condition(LABELS), found.condition(TRUE)
    how = (
        "can memorise" if found.capacity >= ALL
        else "cannot memorise" if found.capacity <= NOTHING
        else "can memorise a part of"
    )  # fmt: skip
    what = "labels, its" if found.fraction else "targets, its"
    said = (
        f"{model} {how} these {count(found.examples)} examples: trained on shuffled {what} "
        f"{found.metric} on them is {number.score(shuffled.train.estimate)} (chance "
        f"{number.score(found.chance)}), against {number.score(true.train.estimate)} on the true "
        "ones"
    )
    if shuffled.steps_to_fit and true.steps_to_fit:
        times = shuffled.steps_to_fit / true.steps_to_fit
        said += f", after {times:.1f} times as many steps"
    noise = found.condition(RANDOM).train.estimate
    return f"{said}; on random inputs {number.score(noise)}."


def _worth(found: Memorising) -> str:
    if found.capacity >= ALL:
        return "So its score on what it was trained on says nothing of what it has learnt."
    if found.capacity <= NOTHING:
        return "So a high score on what it was trained on is no memory."
    return (
        "So a part of its score on what it was trained on may be memory; how large it is in truth "
        "this does not tell."
    )


def _learnt(found: Memorising) -> str:
    number, true = _number(found), found.condition(TRUE)
    lost = true.train.estimate - true.test.estimate
    against = f"{number.points(abs(lost))} {'less' if lost >= 0 else 'more'} than"
    above = true.test.low > found.chance
    learnt = (
        "On rows kept apart it scores "
        f"{number.score(true.test.estimate)}, {against} on those trained on, "
        + ("above chance: it has learnt more than its examples" if above else
           "which is not told from chance: nothing shows that it has learnt more than its examples")
    )  # fmt: skip
    return f"{learnt}. Whether that carries to unseen environments only gengap run can say."
