"""A model's card in words: what it is, what is expected of it, where it fails, what it refuses."""

from __future__ import annotations

import math

import numpy as np

from gengap.base.errors import listing
from gengap.delivery.card import Card, Column, GuardCard
from gengap.delivery.choice import Choice
from gengap.delivery.expectation import Expectation
from gengap.report.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Note,
    Table,
    document,
    facts,
    section,
    settings,
    text_table,
)
from gengap.report.figures.drawing import label
from gengap.report.figures.rows import NO_ENDS, Figure, axis_for, interval_row
from gengap.report.glossary import says
from gengap.report.numerals import (
    Numerals,
    count,
    counted,
    fixed,
    magnitude,
    share,
    significant,
)
from gengap.report.sentences.study import place
from gengap.report.text import isolate, many
from gengap.statistics import student_interval

NUMBERS = "card.json"
MOST_COLUMNS, MOST_NAMED = 60, 12


def answer(found: Card) -> str:
    """What to expect of the model in a new environment, in a sentence or two."""
    number, word = numerals(found), place(found.environment_word)
    expected = found.expected
    if expected is None:
        return (
            f"How this model does at a new {word} was not measured; on rows of its own "
            f"{many(word)} that were kept apart from training its {metric(found)} is "
            f"{number.score(found.inside)}."
        )
    said = f"At a new {word}, expect {article(metric(found))} of {number.score(_score(expected))}"
    if expected.mean.defined:
        said += f" (95% interval {number.limits(expected.mean)} for the mean of "
        said += f"{many(word)} like these"
        if expected.new.defined:
            low, high = number(expected.new.low), number(expected.new.high)
            said += f"; between {low} and {high} for a single new one"
        return f"{said})."
    return f"{said}; {len(expected.environments)} {many(word)} are too few for an interval."


def terminal(found: Card, quiet: bool = False) -> list[Block]:
    """What the command prints: the answer, and what must be known with it."""
    said: list[Block] = [answer(found)]
    return said if quiet else [*said, Bullets(findings(found))]


def build(found: Card, *, page: bool, command: str = "") -> Document:
    """The whole card; only a ``page`` has figures."""
    return document(
        f"{_method(found.choice)} on {found.name}",
        "model card",
        facts(
            [
                found.task,
                metric(found),
                counted(len(found.environments), found.environment_word),
                counted(sum(found.rows), "row"),
                found.created[:10],
            ]
        ),
        [answer(found), *findings(found)],
        [
            section("Model details", _details(found, command)),
            section("Intended use", Bullets(_use(found))),
            section("Factors", _factors(found), _features(found)),
            section("Metrics", _metrics(found)),
            section("Evaluation data", *_evaluation(found)),
            section("Training data", *_training(found)),
            section(
                "Quantitative analyses",
                *_analyses(found, page),
                *([Heading("What it refuses"), *_refusals(found)] if found.guard else []),
            ),
            section("Ethical considerations", Bullets(_ethics(found))),
            section("Caveats and recommendations", Bullets(_caveats(found))),
        ],
        "Written by gengap from the records of the study; lines may be added by hand.",
    )


def findings(found: Card) -> list[str]:
    """What must be known with the expectation, the most important first."""
    word, expected = place(found.environment_word), found.expected
    said = [f"But: {caveat}" for caveat in found.caveats]
    if expected is not None:
        said.append(_all_of_them(found, expected))
        said.append(_chosen(found, expected))
        said.append(_chance(found, expected))
        said.append(_worst(found, expected))
    if found.guard is None:
        said.append("It has no guard: it answers whatever it is asked.")
    else:
        rate = _rate(found.guard.false_alarms)
        said.append(
            f"Its guard ({found.guard.detector}) refuses about {rate} of rows like those of its "
            f"own {many(word)}, and rows that are stranger than these."
        )
    said.append(_refused_elsewhere(found))
    return [sentence for sentence in said if sentence]


def metric(found: Card) -> str:
    """The metric's name in words."""
    return found.metric.replace("_", " ")


def article(noun: str) -> str:
    """A noun with its article."""
    spelled = noun[:1] in "aeiou" or noun.split()[0] in ("r2", "f1", "rmse")
    return f"{'an' if spelled else 'a'} {noun}"


def numerals(found: Card) -> Numerals:
    """Shares in percent to one decimal, other scores to three digits."""
    if found.fraction:
        return Numerals(True, 1)
    size = abs(found.inside) or 1.0
    decimals = 2 - magnitude(size) if math.isfinite(size) else 2
    return Numerals(False, None if decimals > 6 else max(decimals, 0))


def _score(expected: Expectation) -> float:
    return expected.mean.estimate


def _rate(false_alarms: float) -> str:
    return f"{100 * false_alarms:.3g}%"


def _method(choice: Choice) -> str:
    return isolate(choice.method)


def _all_of_them(found: Card, expected: Expectation) -> str:
    word, own = place(found.environment_word), len(found.environments)
    lacked = "one" if expected.left_out == 1 else f"up to {expected.left_out}"
    stood = (
        f"That is where the study's models stood at {many(word)} that were new to them. Each of "
        f"those lacked {lacked} of the {own} {many(word)}; this one has trained on all {own}"
    )
    if found.steps is None:
        return f"{stood}, so it should do no worse."
    return (
        f"{stood} in no more steps ({count(found.steps)}): where that is short, it may do worse at "
        f"its own {many(word)} than they did at theirs."
    )


def _chosen(found: Card, expected: Expectation) -> str:
    if not expected.rules:
        return ""
    number = numerals(found)
    return (
        f"{_method(found.choice)} did best of {found.choice.methods} methods, with "
        f"{number.score(expected.own.score_unseen)} where unseen; as the best of several is partly "
        "the luckiest, what is expected comes from making that choice anew without each "
        f"{place(found.environment_word)}."
    )


def _chance(found: Card, expected: Expectation) -> str:
    if expected.chance is None:
        return ""
    better = expected.own.score_unseen - expected.chance
    if (better if found.higher_is_better else -better) > 0:
        return ""
    number = numerals(found)
    return (
        "Where unseen, it is no better than a constant prediction "
        f"({number.score(expected.own.score_unseen)} against {number.score(expected.chance)})."
    )


def _worst(found: Card, expected: Expectation) -> str:
    if len(expected.environments) < 2:
        return ""
    number, own = numerals(found), expected.own
    return (
        f"The worst {place(found.environment_word)} when it was new was "
        f"{place(own.worst_environment)}, with {number.score(own.worst_unseen)}."
    )


def _refused_elsewhere(found: Card) -> str:
    if not found.refused or found.guard is None:
        return ""
    word = place(found.environment_word)
    shares = np.array([row.share for row in found.refused])
    limits = student_interval(shares).within(0.0, 1.0)
    worst = max(found.refused, key=lambda row: row.share)
    number = Numerals(True, 1)
    told = f" (95% interval {number.limits(limits)})" if limits.defined else ""
    return (
        f"At {many(word)} that were new to their models, guards like it refused "
        f"{number.score(limits.estimate)} of rows on average{told}, and most at "
        f"{place(worst.environment)}, {number.score(worst.share)}."
    )


def _details(found: Card, command: str) -> Block:
    choice = found.choice
    parameters = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in choice.hyperparameters.items()
        if value not in (None, "deprecated")
    )
    kept = ""
    if choice.rule:
        kept = f"{choice.rule}, among {counted(choice.candidates, 'setting')}"
    return settings(
        {
            "method": choice.method,
            "model": found.model,
            "hyperparameters": parameters,
            "steps": count(choice.step) if choice.step else None,
            "selection rule": kept,
            "chosen among": counted(choice.methods, "method") if choice.methods > 1 else None,
            "predicts": _predicted(found),
            "seed": str(found.seed),
            "versions": ", ".join(f"{k} {v}" for k, v in found.versions.items()),
            "created": found.created,
            "command": command,
        }
    )


def _predicted(found: Card) -> str:
    what = found.target or "the target"
    return f"{what}: {listing(found.classes)}" if found.classes else what


def _use(found: Card) -> list[str]:
    word, what = place(found.environment_word), place(found.target or "the target")
    said = [
        f"To predict {what} of rows from the {many(word)} it was trained on, and from new ones "
        "from the same source, where what is expected of it is good enough for what depends on it."
    ]
    if found.guard is not None:
        said.append(
            "Rows that its guard refuses are for a person, or for another model: its answers there "
            "are not covered by what is expected."
        )
    said.append(says("card", "not_meant", words=many(word)))
    return said


def _factors(found: Card) -> str:
    names = listing(map(isolate, found.environments), MOST_NAMED)
    return (
        f"The factor that was studied is the {place(found.environment_word)}: {names}. How the "
        "model does for other groups of rows was not measured."
    )


def _features(found: Card) -> Block:
    if found.guard is None or found.guard.columns == []:
        return f"It reads {listing(map(isolate, found.features), 40)}."
    columns = found.guard.columns[:MOST_COLUMNS]
    rows = ((isolate(column.name), _seen(column)) for column in columns)
    return text_table("Inputs", ("input", "seen"), rows, numeric=False)


def _seen(column: Column) -> str:
    if column.categories is not None:
        return "text, new ones are usual" if column.open else f"{column.categories} categories"
    if column.low is None or column.high is None:
        return "numbers"
    return f"{significant(column.low)} to {significant(column.high)}"


def _metrics(found: Card) -> str:
    better = "larger" if found.higher_is_better else "smaller"
    told = f"Scores are {metric(found)}; {better} is better."
    if found.expected is None:
        return told
    return f"{told} {says('card', 'metrics', words=many(place(found.environment_word)))}"


def _evaluation(found: Card) -> list[Block]:
    word = place(found.environment_word)
    apart = (
        f"{count(found.apart_rows)} rows of all {many(word)} were kept apart from training: they "
        "calibrate the guard, and the test part of them shows how the model does at home."
    )
    if found.expected is None:
        return [f"No study was carried out. {apart}"]
    own = found.expected
    runs = counted(own.seeds, "seed")
    lacking = f"{len(own.environments)} {many(word)} were left out, {own.left_out} at a time"
    return [
        f"What is expected comes from a study of the same data: {lacking}, with {runs}, and each "
        f"was scored by models that had seen nothing of it. {apart}"
    ]


def _training(found: Card) -> list[Block]:
    pairs = sorted(zip(found.environments, found.rows, strict=True), key=lambda own: -own[1])
    rows = [(isolate(name), count(number)) for name, number in pairs[:MOST_COLUMNS]]
    if more := len(pairs) - len(rows):
        rows.append((f"and {more} more", count(sum(number for _, number in pairs[MOST_COLUMNS:]))))
    head = (found.environment_word, "rows")
    return [
        f"{count(found.trained_rows)} of {count(sum(found.rows))} rows of {found.name}, drawn from "
        f"every {place(found.environment_word)}, which weigh equally in the training of a network.",
        text_table("Rows", head, rows),
        settings({"data fingerprint": found.fingerprint}, code=("data fingerprint",)),
    ]


def _analyses(found: Card, page: bool) -> list[Block | None]:
    number, word = numerals(found), place(found.environment_word)
    at_home = (
        f"On rows of its own {many(word)} kept apart from training, this model's {metric(found)} "
        f"is {number.score(found.inside)}."
    )
    if found.expected is None:
        return [at_home, "How it does where it has not been was not measured."]
    own = found.expected.own
    unit = "points" if number.percent else metric(found)
    return [
        at_home,
        f"In the study, its method scored {number.score(own.score_in_distribution)} at "
        f"{many(word)} it had seen and {number.score(own.score_unseen)} at the one it had "
        f"not; of that gap of {number.points(own.gap)}, {number(own.difficulty)} is difficulty and "
        f"{number(own.cost_of_unseen)} the cost of not having seen it.",
        Heading(f"By {word}, when it was new"),
        _figure(found, number, unit) if page else None,
        _environments(found, number),
        Note(says("card", "environments")),
    ]


def _environments(found: Card, number: Numerals) -> Table:
    assert found.expected is not None
    refused = {row.environment: row for row in found.refused}
    rows = []
    ordered = sorted(found.expected.environments, key=lambda row: -row.cost_of_unseen)
    for row in ordered[:MOST_COLUMNS]:
        limits = number.interval(row.cost_low, row.cost_high)
        guard = refused.get(row.environment)
        rows.append(
            (
                isolate(row.environment),
                number(row.unseen),
                number(row.reference),
                f"{number(row.cost_of_unseen)} ({limits})"
                if limits
                else number(row.cost_of_unseen),
                "" if guard is None else share(guard.share),
            )
        )
    heads = (found.environment_word, "unseen", "had it been seen", "cost (95%)", "refused")
    return text_table("Environments", heads, rows)


def _figure(found: Card, number: Numerals, unit: str) -> Figure:
    assert found.expected is not None
    rows = sorted(found.expected.environments, key=lambda row: -row.cost_of_unseen)[:MOST_COLUMNS]
    return Figure(
        "costs",
        f"Cost of not having seen the {place(found.environment_word)}",
        "The cost at each, largest on top; the numbers are in the table below.",
        f"cost in {unit}; further right is worse",
        [
            interval_row(
                number,
                label(row.environment),
                row.cost_of_unseen,
                (row.cost_low, row.cost_high),
                NO_ENDS,
            )
            for row in rows
        ],
        axis_for(
            [v for r in rows for v in (r.cost_of_unseen, r.cost_low, r.cost_high, 0.0)],
            scale=number.scaled(1.0) or 1.0,
        ),
        legend=[("dot", "cost"), ("interval", "95% interval")],
        headed=False,
    )


def _refusals(found: Card) -> list[Block | None]:
    guard = found.guard
    assert guard is not None
    number = Numerals(True, 1)
    rate, word = _rate(guard.false_alarms), place(found.environment_word)
    said: list[Block | None] = [
        f"A row is refused where {guard.detector} finds it stranger than all but {rate} of "
        f"{count(guard.rows)} calibration rows, where a value lies outside what was seen or is "
        "missing where none was, and where a category is new; the row's answer names the column.",
        f"That keeps {rate} false alarms on average over such guards; this one's own rate is "
        f"between {number(guard.low)} and {number(guard.high)}% (95%).",
        guard.sentence,
        _refused_elsewhere(found),
        _answered(found, word),
    ]
    if guard.impossible:
        rows = ((name, share(value)) for name, value in guard.impossible.items())
        said.append(text_table("Impossible rows", ("rows made impossible", "refused"), rows))
    said.append(_kept(guard))
    return said


def _answered(found: Card, word: str) -> str:
    """Whether rows that were refused at new environments would have been answered worse."""
    rows = [r for r in found.refused if math.isfinite(r.accepted) and math.isfinite(r.refused)]
    if not rows:
        return ""
    kept, lost = (float(np.mean([getattr(r, k) for r in rows])) for k in ("accepted", "refused"))
    if found.classes:
        number = Numerals(True, 1)
        return (
            f"There, {number.score(kept)} of the answers were right, and {number.score(lost)} "
            f"would have been on the rows refused (mean over {counted(len(rows), word)} with both)."
        )
    return (
        f"There, answers were off by {fixed(-kept, 3)} on average, and would have been by "
        f"{fixed(-lost, 3)} on the rows refused (mean over {counted(len(rows), word)} with both)."
    )


def _kept(guard: GuardCard) -> str:
    if guard.keeps_examples:
        return (
            f"{guard.detector} compares with rows that calibrated it, so the guard's files hold "
            "features of rows: share the folder only with those who may see them."
        )
    return (
        "The guard's files hold limits and scores, and the names of recurring categories; no row."
    )


def _ethics(found: Card) -> list[str]:
    said = [says("card", "ethics", words=many(place(found.environment_word)))]
    said.append(says("card", "groups"))
    return said


def _caveats(found: Card) -> list[str]:
    said = [*found.caveats]
    if found.sees_unlabelled:
        said.append(
            f"{_method(found.choice)} looks at unlabelled inputs of the environment it is for. In "
            "the study it did; this model was trained before anyone had those of a new one, so "
            "expect less of it than the study says."
        )
    if found.expected is None:
        said.append(
            "Nothing was measured where it has not been: carry a study out (gengap fit without "
            "--no-study) before it is relied on anywhere else."
        )
    said += [says("card", "batch"), *found.notes]
    return said
