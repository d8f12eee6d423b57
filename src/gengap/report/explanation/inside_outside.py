"""Scores inside and outside in words, their scatter, and the table of selection rules."""

from __future__ import annotations

import pandas as pd

from gengap.questions.diagnosis.inside_outside import InsideOutside
from gengap.report.document import Section, Table, text_table
from gengap.report.explanation.words import metric, numerals, with_limits
from gengap.report.figures.drawing import Drawing
from gengap.report.figures.scatter import scatter_drawing
from gengap.report.numerals import Numerals, counted, fixed
from gengap.report.text import clean
from gengap.statistics.intervals import Interval


def sentences(found: InsideOutside) -> list[str]:
    """Whether better inside is better outside, and what choosing by it loses."""
    number = numerals(found.about)
    return [_agreement(found), *_regret(found, number)]


def section(found: InsideOutside) -> Section:
    """The scatter, the rules, and how to read them."""
    number = numerals(found.about)
    words = (
        f"Every run of the study: {counted(found.agreement.models, 'combination')} of method, "
        "trial and checkpoint in each split and seed, scored on validation rows of the training "
        "environments (inside) and on test rows of what was left out (outside), both minus the "
        "mean of their split and seed. Intervals count splits. Regret is what a rule loses "
        "against the rule that peeks."
    )
    return Section(
        "Does a better score inside mean a better one outside?",
        (*sentences(found), words, _scatter(found, number), _rules(found, number)),
    )


def _agreement(found: InsideOutside) -> str:
    rank = found.agreement.rank
    told = f"rank correlation {_correlation(rank)}, negative in {found.negative} of {found.splits}"
    told += f" {'split' if found.splits == 1 else 'splits'}"
    if not rank.defined:
        return (
            f"Whether a better score inside means a better one outside cannot be told from so few "
            f"splits ({told})."
        )
    if rank.low > 0:
        return f"A run that scores better inside tends to score better outside ({told})."
    if rank.high < 0:
        return (
            f"A run that scores better inside tends to score WORSE outside ({told}): do not choose "
            "by the score inside."
        )
    return f"Whether a run that scores better inside scores better outside is open ({told})."


def _regret(found: InsideOutside, number: Numerals) -> list[str]:
    by_rule = {chosen.rule: chosen for chosen in found.rules}
    said = []
    if chosen := by_rule.get("validation"):
        regret = chosen.regret
        lost = with_limits(number, regret)
        if regret.low > 0:
            said.append(
                f"Choosing among all runs by the score inside loses {lost} against choosing by the "
                "unseen environment itself."
            )
        else:
            said.append(
                "Choosing among all runs by the score inside is not shown to lose anything against "
                f"choosing by the unseen environment itself: {lost}."
            )
        said[-1] += f" Choosing at random would lose {with_limits(number, found.at_random)}."
    others = [c for c in found.rules if not c.peeks and c.rule != "validation"]
    told = [f"{c.rule} {with_limits(number, c.regret)}" for c in others]
    if told:
        said.append(f"Other rules lose: {'; '.join(told)}.")
    return said


def _rules(found: InsideOutside, number: Numerals) -> Table:
    unit = "points" if number.percent else metric(found.about)
    heads = (
        "rule", f"{metric(found.about)} outside", f"regret, {unit}", "limits",
        "rank correlation with outside",
    )  # fmt: skip
    rows = [
        (
            f"{c.rule} (peeks)" if c.peeks else c.rule,
            number.score(c.score),
            number(c.regret.estimate),
            "n/a" if c.peeks else number.limits(c.regret) or "n/a",
            "n/a" if c.rank is None else _correlation(c.rank),
        )
        for c in found.rules
    ]
    random = found.at_random
    rows.append(
        ("at random", "n/a", number(random.estimate), number.limits(random) or "n/a", "n/a")
    )
    return text_table("Selection rules", heads, rows)


def _correlation(found: Interval) -> str:
    if not found.defined:
        return fixed(found.estimate)
    return f"{fixed(found.estimate)} ({fixed(found.low)} to {fixed(found.high)})"


def _scatter(found: InsideOutside, number: Numerals) -> Drawing:
    points = pd.DataFrame(found.points)
    cells = points.groupby(["split", "seed"], sort=False)
    scale = 100 if number.percent else 1
    centred: list[pd.Series] = [
        scale * (points[side] - cells[side].transform("mean")) for side in ("inside", "outside")
    ]
    methods = list(dict.fromkeys(points["method"]))
    group = points["method"].map({name: k for k, name in enumerate(methods)})
    slope = found.agreement.slope.estimate
    low, high = float(centred[0].min()), float(centred[0].max())
    unit = "points" if number.percent else metric(found.about)
    return scatter_drawing(
        "inside-outside",
        "Scores inside and outside",
        f"Each run's score outside against its score inside, both minus the mean of their split "
        f"and seed; the line has slope {fixed(slope)}.",
        list(zip(*(c.tolist() for c in centred), group.tolist(), strict=True)),
        [clean(name) for name in methods],
        (f"inside, {unit} from the mean", f"outside, {unit} from the mean"),
        [(low, slope * low), (high, slope * high)] if slope == slope else (),
    )
