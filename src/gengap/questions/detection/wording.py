"""Puts graded detectors into sentences and rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gengap.statistics.intervals import Interval
from gengap.statistics.separation.unit_tests import FALSE_ALARMS

if TYPE_CHECKING:
    from gengap.questions.detection.evaluation import Detected, Evaluation
    from gengap.questions.detection.two_sets import TwoSets
    from gengap.statistics.separation.rejecting import Rejection

HEADER = ("detector", "unseen", "", "class", "errors", "noise", "gain", "cost")
LEGEND = (
    "unseen, class: AUROC of an unseen environment and of new classes against held-out examples of "
    "what the model knows. errors: AUROC of wrong against right answers in the unseen environment. "
    "noise: share of uniform noise flagged at 5% false alarms. gain, cost: what rejecting the "
    "strangest 10% of the unseen environment gains there, and the share of the cost of unseen that "
    "it removes."
)
TWO_SETS_HEADER = ("detector", "AUROC", "", "AUPR", "FPR95", "flagged", "alarms")
BASELINE = "msp"
FEW = 10


def rows(found: Evaluation) -> list[tuple[str, ...]]:
    """One row per detector, best first, under :data:`HEADER`."""
    return [_row(detected, found.task) for detected in found.detectors.values()]


def sentences(found: Evaluation | TwoSets) -> list[str]:
    """The answer, sentence by sentence; the first says which detector separates best."""
    from gengap.questions.detection.two_sets import TwoSets

    if isinstance(found, TwoSets):
        return _two_sets_sentences(found)
    said = [_separating(found), _alarms(found), _rejecting(found), _errors(found)]
    if len(found.environments) < FEW:
        said.append(f"With fewer than {FEW} environments, all of this is rough.")
    return [sentence for sentence in said if sentence]


def at_share(detected: Detected, share: float = 0.1) -> Rejection:
    """What rejecting one share buys."""
    return min(detected.rejecting, key=lambda row: abs(row.rejected - share))


def area(value: float, decimals: int = 3) -> str:
    """An AUROC in print."""
    return "n/a" if math.isnan(value) else f"{value:.{decimals}f}"


def limits(interval: Interval, decimals: int = 3) -> str:
    """Limits of an AUROC, empty where there are none."""
    if not interval.defined:
        return ""
    return f"{area(interval.low, decimals)} to {area(interval.high, decimals)}"


def points(value: float, task: str) -> str:
    """A difference of scores: points of accuracy, or in the unit of the target."""
    if math.isnan(value):
        return "n/a"
    text = f"{100 * value:+.1f}" if task == "classification" else f"{value:+.3g}"
    return text if float(text) else text[1:]


def share(value: float) -> str:
    """A share in percent."""
    return "n/a" if math.isnan(value) else f"{100 * value:.0f}%"


def _row(detected: Detected, task: str) -> tuple[str, ...]:
    row = at_share(detected)
    removed = share(row.removed.estimate) if row.removed.defined else "n/a"
    uniform = detected.tests.get("uniform")
    return (
        detected.name,
        area(detected.unseen.estimate),
        limits(detected.unseen, 2),
        "n/a" if detected.classes is None else area(detected.classes.estimate),
        "n/a" if detected.errors is None else area(detected.errors.estimate),
        "n/a" if uniform is None else share(uniform.estimate),
        points(row.gain.estimate, task),
        removed,
    )


def _separating(found: Evaluation) -> str:
    best = next(iter(found.detectors.values()))
    sentence = (
        f"An unseen {found.kind} is told from known ones best by {best.name}, AUROC "
        f"{area(best.unseen.estimate)} ({limits(best.unseen)})"
    )
    baseline = found.detectors.get(BASELINE)
    if baseline is not None and baseline is not best:
        sentence += f"; the largest probability ({BASELINE}) gets {area(baseline.unseen.estimate)}"
    if len(found.detectors) > 1:
        sentence += (
            "; the detector chosen on the others, as for a new one, gets "
            f"{area(found.chosen_auroc.estimate)}"
        )
    return sentence + "."


def _alarms(found: Evaluation) -> str:
    best = next(iter(found.detectors.values()))
    if np.isnan(best.false_alarms).all():
        return "Too few examples are held out to set a threshold."
    low, high = (share(float(end(best.false_alarms))) for end in (np.nanmin, np.nanmax))
    return (
        f"Where {share(FALSE_ALARMS)} of what it knows is to be flagged, it flags {low} to {high} "
        f"of single known environments and {share(float(np.nanmean(best.flagged)))} of an unseen "
        "one."
    )


def _rejecting(found: Evaluation) -> str:
    name = max(found.detectors, key=lambda n: at_share(found.detectors[n]).gain.estimate)
    row, task = at_share(found.detectors[name]), found.task
    before, after = row.score_before.estimate, row.score_after.estimate
    unit = " points" if task == "classification" else ""
    said = (
        f"accuracy there from {100 * before:.1f}% to {100 * after:.1f}%"
        if task == "classification"
        else f"the mean absolute error there from {-before:.3g} to {-after:.3g}"
    )
    sentence = (
        f"Rejecting the {share(row.rejected)} that {name} finds strangest takes {said} "
        f"({points(row.gain.low, task)} to {points(row.gain.high, task)}{unit}"
    )
    if len(found.detectors) > 1:
        sentence += (
            f"; {points(found.chosen_gain.estimate, task)} where the detector is chosen on the "
            "other environments"
        )
    sentence += ")"
    if row.removed.defined:
        sentence += (
            f" and removes {share(row.removed.estimate)} of the cost of unseen "
            f"({share(row.removed.low)} to {share(row.removed.high)})"
        )
    elif not math.isnan(row.cost_before.estimate):
        cost = points(row.cost_before.estimate, task).lstrip("+")
        sentence += f"; the cost of unseen, {cost}{unit}, is too uncertain to say what share goes"
    return sentence + ". Rejecting at random changes neither."


def _errors(found: Evaluation) -> str:
    graded = {n: d.errors for n, d in found.detectors.items() if d.errors is not None}
    if not graded:
        return ""
    name = max(graded, key=lambda n: np.nan_to_num(graded[n].estimate))
    best = next(iter(found.detectors))
    sentence = f"Wrong answers there are told from right ones best by {name}, AUROC "
    sentence += f"{area(graded[name].estimate)} ({limits(graded[name])})"
    if name != best:
        sentence += f", while {best} gets {area(graded[best].estimate)}"
    return sentence + "."


def _two_sets_sentences(found: TwoSets) -> list[str]:
    best = next(iter(found.detectors.values()))
    separating = (
        f"{best.name} tells the other examples from normal ones best, AUROC "
        f"{area(best.auroc.estimate)} ({limits(best.auroc)})."
    )
    hindsight = f"Being the best of {len(found.detectors)} in hindsight flatters it."
    flagging = (
        "Too few examples are held out to set a threshold."
        if math.isnan(best.flagged)
        else f"Where {share(FALSE_ALARMS)} of normal ones are to be flagged, it flags "
        f"{share(best.flagged)} of the others."
    )
    several = [hindsight] if len(found.detectors) > 1 else []
    return [separating, *several, flagging, *_hidden(found)]


def _hidden(found: TwoSets) -> list[str]:
    """What distances say of normal examples among the others; nothing where all could be."""
    if share(found.hidden.high) == "100%":
        return []
    sentence = (
        f"An estimated {share(found.hidden.estimate)} of the others look normal by their distances "
        f"({100 * found.level:g}% limit {share(found.hidden.high)})"
    )
    if found.suspects:
        rows = ", ".join(map(str, found.suspects[:5]))
        sentence += f"; look first at rows {rows}, counted from 0"
    return [f"{sentence}."]


def printed(
    found: Evaluation | TwoSets,
) -> tuple[tuple[str, ...], list[tuple[str, ...]], str]:
    """Header, rows and legend of the table that the command line prints."""
    from gengap.questions.detection.two_sets import TwoSets

    if isinstance(found, TwoSets):
        return TWO_SETS_HEADER, two_sets_rows(found), two_sets_legend(found)
    return HEADER, rows(found), LEGEND


def two_sets_legend(found: TwoSets) -> str:
    """What the columns of :data:`TWO_SETS_HEADER` are, and of how many examples."""
    return (
        f"AUPR: average precision for the others, {found.other} beside {found.held_out} held-out "
        "normal examples. FPR95: share of the others accepted where 95% of normal examples are. "
        "flagged: share of the others flagged at a threshold meant for 5% false alarms. alarms: "
        "what it gave on normal examples."
    )


def two_sets_rows(found: TwoSets) -> list[tuple[str, ...]]:
    """One row per detector, best first, under :data:`TWO_SETS_HEADER`."""
    return [
        (
            one.name,
            area(one.auroc.estimate),
            limits(one.auroc, 2),
            area(one.aupr_out.estimate),
            share(one.fpr.estimate),
            share(one.flagged),
            share(one.false_alarms),
        )
        for one in found.detectors.values()
    ]
