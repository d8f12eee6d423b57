"""What a comparison says, in sentences: the answer, then what a reader must know with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gengap.base.errors import listing
from gengap.report.comparison_reading import Row, Summary, against, digits, facing
from gengap.report.numerals import Numerals, counted, level_text, share
from gengap.report.sentences.ranking import ranking_sentences

MOST_NAMED = 6
MANY = 45
MANY_SEEDS = 8
Pairs = dict[str, Row]


def answer(summary: Summary) -> str:
    """Return the verdict in a sentence or two."""
    return f"{_verdict(summary)}{_one_seed(summary)}"


def _verdict(summary: Summary) -> str:
    rows, about, number = summary["methods"], summary["comparison"], digits(summary)
    direction = f"{'higher' if about['higher_is_better'] else 'lower'} is better"
    metric = f"{about['metric']} ({direction})"
    if len({row["mean"] for row in rows}) == 1:
        return f"All {len(rows)} methods have the same mean {metric}; nothing tells them apart."
    if about["baseline"] is not None:
        return f"By mean {metric}, {_against_baseline(summary, number)}"
    first = rows[0]
    adjusted = "adjusted " if about["missing_cells"] else ""
    lead = f"{first['method']} has the best {adjusted}mean {metric}, "
    lead += number(first["mean"]) + _limits(number, first)
    beaten, open_, behind = _sides(summary, first["method"])
    others = len(rows) - 1
    if len(beaten) == others:
        nearest, pair = next(iter(beaten.items()))
        size, limits = _difference(number, pair)
        return (
            f"{lead}; it is better than {_all(others)}, the nearest ({nearest}) by {size} "
            f"({limits})."
        )
    if behind:
        measured = f"where both were measured {_names(behind)} {_is(behind)}"
        return f"{lead}, but {measured} better."
    if not beaten:
        return f"{lead}, but it cannot be told apart from {_any(others)}{_scope(summary)}."
    return (
        f"{lead}; it is better than {_names(beaten)}, but cannot be told apart from "
        f"{_names(open_)}{_scope(summary)}."
    )


def findings(summary: Summary, stability: Any = None) -> list[str]:
    """Return what must be known with the answer, most important first.

    Args:
        summary: the comparison in numbers.
        stability: what its order depends on, a :class:`~gengap.statistics.stability.Stability`;
            None where methods cannot be ranked.
    """
    about = summary["comparison"]
    found = [
        *about["notes"],
        _unit(summary),
        _unseen(summary),
        _lopsided(summary),
        _few_seeds(summary),
        _many(summary),
        *_equivalences(summary),
    ]
    if stability is not None and len(about["environments"]) > 2:
        if any(row["verdict"] == "no clear difference" for row in summary["pairs"]):
            found.append("What follows is about the order of the estimates, certain or not.")
        found += ranking_sentences(stability)
    if about["missing_cells"]:
        cells = len(about["methods"]) * len(about["environments"])
        found.append(
            f"{about['missing_cells']} of {cells} cells of method and environment are missing; "
            "pairs are compared where both were measured."
        )
    found += sorted({row["note"] for row in summary["methods"] if row["note"]})
    found += sorted({row["note"] for row in summary["pairs"] if row["note"]})
    return list(dict.fromkeys(sentence for sentence in found if sentence))


def _against_baseline(summary: Summary, number: Numerals) -> str:
    base = summary["comparison"]["baseline"]
    beaten, open_, behind = _sides(summary, base)
    parts = []
    if behind:
        parts.append(f"{_with_sizes(number, behind)} {_is(behind)} better than {base}")
    if beaten:
        than = "" if behind else f" than {base}"
        parts.append(f"{_with_sizes(number, beaten)} {_is(beaten)} worse{than}")
    if open_ and not parts:
        subject = _names(open_) if len(open_) < 3 else f"None of the {len(open_)} other methods"
        verb = "cannot" if len(open_) < 3 else "can"
        parts.append(f"{subject} {verb} be told apart from {base}")
    elif open_:
        parts.append(f"{_names(open_)} cannot be told apart from it")
    return "; ".join(parts) + _scope(summary) + "."


def _sides(summary: Summary, method: str) -> tuple[Pairs, Pairs, Pairs]:
    """Methods it beats, is not told apart from, and loses to, the nearest first.

    Each with its pair, the method itself first.
    """
    pairs = {name: facing(row, method) for name, row in against(summary, method).items()}
    nearest = sorted(pairs.items(), key=lambda item: abs(item[1]["difference"] or 0.0))
    beaten, open_, behind = (
        {name: row for name, row in nearest if row["verdict"] == verdict}
        for verdict in ("first is better", "no clear difference", "second is better")
    )
    return beaten, open_, behind


def _with_sizes(number: Numerals, side: Pairs) -> str:
    """Names with how far they are from the baseline, while that is readable."""
    if len(side) > 3:
        return _names(side)
    sizes = {name: ", ".join(_difference(number, pair)) for name, pair in side.items()}
    return _names(f"{name} (by {size})" for name, size in sizes.items())


def _is(side: Pairs) -> str:
    return "is" if len(side) == 1 else "are"


def _difference(number: Numerals, pair: Row) -> tuple[str, str]:
    """Its size and limits, whichever way it points."""
    if pair["difference"] < 0:
        pair = facing(pair, pair["second"])
    limits = number.interval(pair["difference_low"], pair["difference_high"])
    return number(pair["difference"]), limits


def _limits(number: Numerals, row: Row) -> str:
    """Limits of a mean in brackets, with what they are for."""
    for name, scope in (("like_these", "environments like these"), ("mean", "these environments")):
        if limits := number.interval(row[f"{name}_low"], row[f"{name}_high"]):
            return f" ({limits} for {scope})"
    return ""


def _scope(summary: Summary) -> str:
    about = summary["comparison"]
    environments, seeds = counted(len(about["environments"]), "environment"), about["seeds"]
    return f" with {environments}{f' and {seeds} seeds' if seeds > 1 else ''}"


def _unit(summary: Summary) -> str:
    about = summary["comparison"]
    tests = len(summary["pairs"])
    units = {row["unit"] for row in summary["pairs"]}
    chance = level_text(1 - about["level"])
    family = f"the chance of any false difference among {tests} comparisons is at most {chance}"
    if tests == 1:
        family = f"the chance of a false difference is at most {chance}"
    if units == {"none"}:
        return "No two methods were measured in the same environment: nothing can be compared."
    if units == {"environment"}:
        return f"{_sources(about)}; {family}."
    if about["runs_per_cell"][1] == 1:
        return (
            "With one run per cell and fewer than 3 environments there is nothing to judge "
            "differences by."
        )
    return (
        "Where methods share fewer than 3 environments, seeds are the unit and verdicts speak for "
        f"these environments only; {family}."
    )


def _sources(about: Row) -> str:
    """What verdicts over environments speak for."""
    if about["runs_per_cell"][1] == 1:
        return (
            "Environments are the unit, so verdicts speak for environments like these, but for "
            "these trained models alone"
        )
    if about["crossed_seeds"]:
        return (
            "Environments and the seeds common to them are the units, so verdicts speak for "
            "environments like these and for other seeds"
        )
    return (
        "Environments are the unit, each with trained models of its own, so verdicts speak for "
        "environments like these"
    )


def _one_seed(summary: Summary) -> str:
    if summary["comparison"]["runs_per_cell"][1] > 1:
        return ""
    return " With one run per cell, what another seed would change cannot be told."


def _unseen(summary: Summary) -> str:
    """What no test can know of: failures too rare to have been seen."""
    units = [row["environments"] for row in summary["pairs"] if row["unit"] == "environment"]
    told = any(row["verdict"] != "no clear difference" for row in summary["pairs"])
    if not units or not told:
        return ""
    rare = 1 - 0.05 ** (1 / min(units))
    return (
        "That holds where differences are not very lopsided. What fails in fewer than "
        f"{share(rare)} of such environments may not have failed in any of {min(units)}."
    )


def _lopsided(summary: Summary) -> str:
    found = [
        f"{row['first']} and {row['second']}"
        for row in summary["pairs"]
        if row.get("lopsided") and row["verdict"] != "no clear difference"
    ]
    if not found:
        return ""
    return (
        "Differences are lopsided over environments, so that the chance of a false verdict is "
        f"larger than that, between {listing(found, MOST_NAMED)}."
    )


def _few_seeds(summary: Summary) -> str:
    """Why few common seeds leave pairs open, and what to do."""
    about = summary["comparison"]
    seeds = about["runs_per_cell"][1]
    open_ = any(row["verdict"] == "no clear difference" for row in summary["pairs"])
    over = any(row["unit"] == "environment" for row in summary["pairs"])
    if not (about["crossed_seeds"] and over and open_ and 1 < seeds < MANY_SEEDS):
        return ""
    return (
        f"{seeds} seeds leave uncertain what others would do in all environments at once; more "
        "seeds tell more methods apart. Where every environment has trained models of its own, "
        "--own-models says so."
    )


def _many(summary: Summary) -> str:
    tests, about = len(summary["pairs"]), summary["comparison"]
    if tests <= MANY or about["baseline"] is not None:
        return ""
    others = len(about["methods"]) - 1
    return (
        f"Each of {tests} comparisons is judged the more strictly for the others; with --baseline "
        f"METHOD there are {others}."
    )


def _equivalences(summary: Summary) -> list[str]:
    margin = summary["comparison"]["margin"]
    same = [row for row in summary["pairs"] if row.get("equivalent")]
    if not same or margin is None:
        return []
    named = listing([f"{row['first']} and {row['second']}" for row in same], MOST_NAMED)
    return [
        f"Shown to be the same within {margin:g}, adjusted for all comparisons looked at: {named}."
    ]


def _names(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) == 1:
        return found[0]
    if len(found) > MOST_NAMED:
        return listing(found, MOST_NAMED)
    return ", ".join(found[:-1]) + " and " + found[-1]


def _all(others: int) -> str:
    return {1: "the other method", 2: "both others"}.get(others, f"all {others} others")


def _any(others: int) -> str:
    return {1: "the other method", 2: "either of the others"}.get(
        others, f"any of the {others} others"
    )
