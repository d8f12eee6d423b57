"""What to collect next, in words: ways to spend a budget by factor, and how the forecast held."""

from __future__ import annotations

from gengap.questions.planning.collection import Collection, Factor, Way
from gengap.report.document import Block, Heading, Note, Table, text_table
from gengap.report.numerals import Numerals, count, counted
from gengap.report.text import isolate, many
from gengap.study.metric_names import metric_named

NUMBERS = "collection.json"
SHOWN = 5
FAR = 2.0


def answer(found: Collection) -> str:
    """What to collect, what it promises, and whether such a forecast held."""
    best = found.factors[0]
    said = [_advice(found, best), _against(found, best), _backtest(found, best), _beyond(best)]
    return " ".join(sentence for sentence in said if sentence)


def terminal(found: Collection, quiet: bool = False) -> list[Block]:
    """What the command prints: the ways by factor, and the answer."""
    if quiet:
        return [answer(found)]
    blocks: list[Block] = []
    for factor in found.factors:
        if len(found.factors) > 1:
            blocks.append(Heading(f"{factor.word} ({isolate(factor.study)})"))
        blocks.append(_table(found, factor))
    number = _number(found)
    unit = "points" if number.percent else found.metric
    blocks.append(
        Note(f"gain: expected improvement in unseen environments, {unit}, 95%; each: of each one")
    )
    return [*blocks, answer(found)]


def _number(found: Collection) -> Numerals:
    fraction = metric_named(found.metric).fraction
    return Numerals(fraction, 1 if fraction else None)


def _table(found: Collection, factor: Factor) -> Table:
    number = _number(found)
    shown = _shown(factor)
    rows = [
        (
            count(way.environments), count(way.examples_each) if way.environments else "",
            count(way.more_examples), count(way.spent), number(way.gain.estimate, plus=True),
            number.limits(way.gain, plus=True),
        )
        for way in shown
    ]  # fmt: skip
    heads = (f"new {many(factor.word)}", "examples each", "more of each old one",
             "spent", "gain", "95%")  # fmt: skip
    return text_table("Ways to spend the budget", heads, rows)


def _shown(factor: Factor) -> list[Way]:
    """The best ways, and the two extremes."""
    most = max(factor.ways, key=lambda way: way.environments)
    least = min(factor.ways, key=lambda way: way.environments)
    chosen = [factor.ways[0], most, least, *factor.ways[1:SHOWN]]
    distinct = list(dict.fromkeys(chosen))[:SHOWN]
    return sorted(distinct, key=lambda way: -way.gain.estimate)


def _advice(found: Collection, factor: Factor) -> str:
    way, number = factor.ways[0], _number(found)
    if way.gain.estimate <= 0:
        return (
            f"These sizes do not show that more {many(factor.word)} or more examples would improve "
            f"{found.metric} in an unseen {factor.word}; with {found.budget:g} to spend, measure "
            "first with more seeds or smaller sizes."
        )
    parts = []
    if way.environments:
        what = counted(way.environments, f"more {factor.word}")
        parts.append(f"{what} with {counted(way.examples_each, 'training example')} each")
    if way.more_examples:
        parts.append(
            f"{counted(way.more_examples, 'more training example')} of each of the "
            f"{factor.environments} there are"
        )
    return (
        f"With {found.budget:g} to spend, collect {' and '.join(parts)}: expected to bring "
        f"{number.points(way.gain.estimate, plus=True)} of {found.metric} in an unseen "
        f"{factor.word} ({number.limits(way.gain, plus=True)}), from "
        f"{number.score(factor.now.estimate)}."
    )


def _against(found: Collection, factor: Factor) -> str:
    """What the other direction would bring."""
    number, best = _number(found), factor.ways[0]
    if best.gain.estimate <= 0:
        return ""
    only = [way for way in factor.ways if bool(way.environments) != bool(best.environments)]
    if not only:
        return ""
    way = only[0]
    what = f"{many(factor.word)} alone" if way.environments and not way.more_examples else (
        "more examples alone" if not way.environments else "both"
    )  # fmt: skip
    return f"Spent on {what}: {number.points(way.gain.estimate, plus=True)}."


def _backtest(found: Collection, factor: Factor) -> str:
    test, number = factor.backtest, _number(found)
    if test is None or factor.foreseen is None or factor.measured is None:
        return "There are too few sizes to check such a forecast by holding the largest back."
    verdict = "it held" if test.holds else "it did not hold"
    return (
        f"Checked by holding back: without the sizes of {test.size:g} {many(factor.word)}, "
        f"{number.score(factor.foreseen.estimate)} ({number.limits(factor.foreseen)}) was foreseen "
        f"there and {number.score(factor.measured)} was measured, so {verdict}."
    )


def _beyond(factor: Factor) -> str:
    if factor.beyond <= FAR:
        return ""
    return (
        f"The advice goes to {factor.beyond:.1f} times as many {many(factor.word)} as were "
        "measured: collect in steps and measure again."
    )
