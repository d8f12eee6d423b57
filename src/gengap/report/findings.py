"""The sentences that follow the answer: how it comes about, where, which method, what to doubt."""

from __future__ import annotations

from gengap.report.numerals import Numerals
from gengap.report.summary import Row, Summary, is_plain_training
from gengap.report.text import isolate, shorten
from gengap.report.wording import (
    measured_environments,
    method_name,
    metric,
    percent,
    place,
    points,
)

FEW = 5


def findings(summary: Summary, number: Numerals) -> list[str]:
    """Return a few short sentences, the most important first."""
    row = summary.headline
    if row is None:
        return _doubts(summary)
    sentences = [
        _decomposition(number, row),
        _worst(summary, number, row),
        _methods(summary, number),
        *summary.sequential,
        _chance(summary, number, row),
        _few(summary, row),
    ]
    return [sentence for sentence in sentences if sentence] + _doubts(summary)


def peeking(summary: Summary, number: Numerals) -> str:
    """Say how much of the best result would depend on looking at the unseen environments.

    Compares, for each method, the rules that peek with the study's own rule. Empty when the
    study's rule peeks itself, or nothing that peeks was measured.
    """
    pairs = [
        (row, honest)
        for honest in summary.rules
        if honest["rule"] == summary.study["selection_rule"] and not honest["peeks"]
        for row in summary.rules
        if row["method"] == honest["method"] and row["peeks"]
        if None not in (row["score_unseen"], honest["score_unseen"])
    ]
    if not pairs:
        return ""
    row, honest = max(
        pairs, key=lambda pair: summary.better_by(pair[0]["score_unseen"], 0.0) or 0.0
    )
    more = summary.better_by(row["score_unseen"], honest["score_unseen"]) or 0.0
    if more <= 0 or number(more) == number(0.0):
        return "Rules that peek would have gained nothing here."
    method = method_name(row)
    text = (
        f"The best result with peeking is {percent(number, row['score_unseen'])}, by {method} "
        f"under the rule {isolate(shorten(row['rule']))}; under this study's rule {method} reaches "
        f"{percent(number, honest['score_unseen'])}, so {points(number, more)} depend on peeking."
    )
    return f"{text} {_recovery(summary, number, row, honest)}".rstrip()


def _recovery(summary: Summary, number: Numerals, peeked: Row, honest: Row) -> str:
    """Compare both with plain training under the study's rule."""
    plain = [
        row for row in summary.rules if row["rule"] == honest["rule"] and is_plain_training(row)
    ]
    if not plain or is_plain_training(honest):
        return ""
    base = plain[0]["score_unseen"]
    with_peek = summary.better_by(peeked["score_unseen"], base)
    without = summary.better_by(honest["score_unseen"], base)
    if with_peek is None or without is None:
        return ""
    return (
        f"Against plain training under this study's rule, that is "
        f"{points(number, with_peek, plus=True)} with peeking and "
        f"{points(number, without, plus=True)} without."
    )


def _decomposition(number: Numerals, row: Row) -> str:
    gap, difficulty, cost = row["gap"], row["difficulty"], row["cost_of_unseen"]
    if gap is None or difficulty is None or cost is None:
        return ""
    return (
        f"The gap between seen and unseen environments is {points(number, gap)}: "
        f"{number(difficulty)} of difficulty, which a model that has seen them pays too, and "
        f"{number(cost)} from not having seen them."
    )


def _worst(summary: Summary, number: Numerals, row: Row) -> str:
    rows = summary.environments_of(row["method"])
    if measured_environments(summary, row) < 2:
        return ""
    worst = rows[0]
    interval = number.interval(worst["cost_low"], worst["cost_high"])
    text = (
        f"The cost is largest at {place(worst['environment'])}: "
        f"{points(number, worst['cost_of_unseen'])}{f' ({interval})' if interval else ''}"
    )
    if row["worst_unseen"] is None or not row["worst_environment"]:
        return f"{text}."
    same = row["worst_environment"] == worst["environment"]
    where = "in the same place" if same else f"at {place(row['worst_environment'])}"
    return (
        f"{text}; the worst {metric(summary)} where unseen is "
        f"{percent(number, row['worst_unseen'])}, {where}."
    )


def _methods(summary: Summary, number: Numerals) -> str:
    compared = [
        row
        for row in summary.methods
        if row["difference_from_erm"] is not None and not is_plain_training(row)
    ]
    if not compared:
        return ""
    better = [row for row in compared if row["verdict"].lower().startswith("better")]
    worse = [row for row in compared if row["verdict"].lower().startswith("worse")]
    if better:
        text = f"Better than plain training: {_differences(number, better)}."
    elif len(compared) == 1:
        text = f"{method_name(compared[0])} was not shown to be better than plain training."
    else:
        text = f"None of the {len(compared)} other methods was shown to beat plain training."
    return f"{text} Worse: {_differences(number, worse)}." if worse else text


def _differences(number: Numerals, rows: list[Row], most: int = 3) -> str:
    rows = sorted(rows, key=lambda row: -abs(row["difference_from_erm"]))
    texts = []
    for row in rows[:most]:
        interval = number.interval(row["difference_low"], row["difference_high"], plus=True)
        by = points(number, row["difference_from_erm"], plus=True)
        texts.append(f"{method_name(row)} ({by}{f', {interval}' if interval else ''})")
    rest = len(rows) - most
    return ", ".join(texts) + (f" and {rest} more" if rest > 0 else "")


def _chance(summary: Summary, number: Numerals, row: Row) -> str:
    chance, unseen = summary.study["chance"], row["score_unseen"]
    above = summary.better_by(unseen, chance)
    if above is None or above > 0:
        return ""
    return (
        f"Where unseen, {method_name(row)} is no better than a constant prediction "
        f"({percent(number, unseen)} against {percent(number, chance)})."
    )


def _few(summary: Summary, row: Row) -> str:
    measured = measured_environments(summary, row)
    if not 2 <= measured <= FEW:
        return ""
    if row["new_environment_low"] is None or row["new_environment_high"] is None:
        return f"{measured} environments are too few to say what a single new one would cost."
    return (
        f"With only {measured} environments measured, the interval for a single new one is wide; "
        "more environments would narrow it, more examples would not."
    )


def _doubts(summary: Summary) -> list[str]:
    """Quote the first warning, and count what else is listed at the end of the report."""
    warnings, skipped = summary.study["warnings"], len(summary.study["skipped"])
    parts = []
    if len(warnings) > 1:
        more = len(warnings) - 1
        parts.append("one more warning" if more == 1 else f"{more} more warnings")
    if skipped:
        parts.append("one skipped method" if skipped == 1 else f"{skipped} skipped methods")
    sentences = []
    if warnings:
        first = isolate(shorten(warnings[0], 200))
        sentences.append(f"Warning: {first if first.endswith('.') else f'{first}.'}")
    if parts:
        text = " and ".join(parts)
        verb = "is" if len(parts) == 1 and text.startswith("one") else "are"
        sentences.append(f"{text[0].upper()}{text[1:]} {verb} listed at the end of this report.")
    return [" ".join(sentences)] if sentences else []
